"""Mini-DDSM in its published layout (Kaggle `cheddad/miniddsm2`)."""

import re
from pathlib import Path, PureWindowsPath
from zipfile import BadZipFile

import pandas as pd

from paper_code.datasets.dataset import Dataset, Source
from paper_code.datasets.tree import image_files, published_folder
from paper_code.errors import UserError

SOURCE = Source(
    title="Mini-DDSM",
    licence="see the data set's page on Kaggle",
    citation="Lekamlage et al., ICIT 2020, doi:10.1145/3436756.3437042",
    folder="MINI-DDSM-Complete-JPEG-8",
    archive="miniddsm2.zip",
    url=None,
    checksum=None,
    most_bytes=0,
)
# Table V of the paper: what it drew of the published images.
COUNTS = {"normal": 500, "benign": 700, "malignant": 800}
DATASETS = (
    Dataset(
        name="mini_ddsm",
        family="mini_ddsm",
        classes=tuple(COUNTS),
        counts=COUNTS,
        colour="grey",
        paper=True,
    ),
)
FOLDERS = ("MINI-DDSM-Complete-JPEG-8", "MINI-DDSM-Complete-PNG-16")
SHEET = "DataWMask.xlsx"
LABELS = {"Normal": "normal", "Benign": "benign", "Cancer": "malignant"}
# A_1141_1.LEFT_CC.jpg; contours end in _Mask.jpg, a second one in _Mask2.jpg
FILE_NAME = re.compile(r"(?P<stem>\w+\.(?P<side>LEFT|RIGHT)_(?P<view>CC|MLO))(?P<mask>_Mask\d?)?")


def place(_: Dataset, data_root: Path) -> Path:
    """The 8-bit JPEG version where it is there, else the 16-bit PNG version (the same images)."""
    places = [published_folder(data_root, name) for name in FOLDERS]
    return next((place for place in places if place.is_dir()), places[0])


def read(dataset: Dataset, data_root: Path) -> pd.DataFrame:
    """List all mammograms found (7,808 when complete): path, label, group, mask, view, side.

    `group` is the case, a patient's up to four views. `mask` holds the contour files, joined by ";"
    where there are two. UserError if the folder is missing, a name or place contradicts the layout,
    or the sheet gives another status or lists a contour that is not there.
    """
    root = place(dataset, data_root)
    images, masks = {}, {}
    for path in image_files(root, {".jpg", ".jpeg", ".png"}):
        match = FILE_NAME.fullmatch(path.stem)
        parts = path.relative_to(root).parts
        if match is None or len(parts) != 3 or parts[0] not in LABELS:
            raise UserError(
                f"{path}: not in the published layout "
                "(expected like Benign/0029/C_0029_1.LEFT_CC.jpg). "
                "Move it out of the data set or restore its published place."
            )
        key = (*parts[:2], match["stem"])
        if match["mask"]:
            masks.setdefault(key, []).append(path.as_posix())
        else:
            images[key] = {
                "path": path.as_posix(),
                "label": LABELS[parts[0]],
                "group": parts[1],
                "view": match["view"],
                "side": match["side"],
            }
    for key in masks.keys() - images.keys():
        raise UserError(f"{masks[key][0]}: a contour without its mammogram. Restore the image.")
    table = pd.DataFrame(
        {**row, "mask": ";".join(sorted(masks.get(key, [])))} for key, row in images.items()
    )
    if (root / SHEET).exists() and len(table):
        _check_sheet(root / SHEET, root, images, masks)
    return table


def _check_sheet(path: Path, root: Path, images: dict, masks: dict) -> None:
    """Compare the published sheet with the files that are there."""
    try:
        sheet = pd.read_excel(path, sheet_name="Data", dtype=str)
    except (ValueError, OSError, KeyError, BadZipFile) as error:
        raise UserError(f"{path}: cannot be read ({error}). Restore the published file.") from error
    missing = {"fullPath", "Status", "Tumour_Contour"} - set(sheet.columns)
    if missing:
        raise UserError(f"{path}: columns missing: {', '.join(sorted(missing))}.")
    for row in sheet.dropna(subset="fullPath").itertuples():
        parts = PureWindowsPath(row.fullPath).parts[-3:]
        key = (*parts[:2], PureWindowsPath(parts[-1]).stem)
        if key not in images:
            continue  # a subset; the counts say so
        if row.Status != key[0]:
            raise UserError(
                f"{path}: gives status '{row.Status}' for {'/'.join(parts)}, "
                f"which lies in folder '{key[0]}'. Restore the published files."
            )
        if isinstance(row.Tumour_Contour, str) and row.Tumour_Contour != "-" and key not in masks:
            raise UserError(
                f"{root / Path(*parts)}: {SHEET} lists a contour but no _Mask file lies beside it. "
                "Restore the published files."
            )
