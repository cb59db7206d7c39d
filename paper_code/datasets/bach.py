"""BACH in its published layout (`ICIAR2018_BACH_Challenge.zip`, Zenodo record 3632035)."""

import csv
import re
from pathlib import Path

import pandas as pd

from paper_code.datasets.dataset import Dataset, Source
from paper_code.datasets.tree import image_files, published_folder
from paper_code.errors import UserError

SOURCE = Source(
    title="BACH",
    licence="CC BY-NC-ND 4.0",
    citation="Aresta et al., Medical Image Analysis 56, 2019, doi:10.1016/j.media.2019.05.010",
    folder="ICIAR2018_BACH_Challenge",
    archive="ICIAR2018_BACH_Challenge.zip",  # about 10 GB, most of it the images
    url="https://zenodo.org/records/3632035/files/ICIAR2018_BACH_Challenge.zip",
    checksum="md5:8ae1801334aa943c44627c1eef3631b2",
    most_bytes=40 * 10**9,
)
# Table IV of the paper.
COUNTS = {"normal": 100, "benign": 100, "insitu": 100, "invasive": 100}
DATASETS = (
    Dataset(
        name="bach",
        family="bach",
        classes=tuple(COUNTS),
        counts=COUNTS,
        colour="rgb",
        paper=True,
    ),
)
FOLDER = "ICIAR2018_BACH_Challenge/Photos"
GROUND_TRUTH = "microscopy_ground_truth.csv"
LABELS = {"Normal": "normal", "Benign": "benign", "InSitu": "insitu", "Invasive": "invasive"}
PREFIXES = {"Normal": "n", "Benign": "b", "InSitu": "is", "Invasive": "iv"}


def place(_: Dataset, data_root: Path) -> Path:
    """The folder with a folder for each class."""
    return published_folder(data_root, FOLDER)


def read(dataset: Dataset, data_root: Path) -> pd.DataFrame:
    """List the microscopy images: path, label, group, mask.

    `group` is empty: most images have no patient id. `mask` is empty except for phantoms. UserError
    if the folder is missing, a file lies in another class's folder, or `GROUND_TRUTH` gives another
    class than the folder.
    """
    folder = place(dataset, data_root)
    truth = _ground_truth(folder / GROUND_TRUTH)
    rows = []
    for path in image_files(folder, {".tif", ".tiff"}):
        name = path.parent.name
        if name not in LABELS or re.fullmatch(rf"{PREFIXES[name]}\d+", path.stem) is None:
            raise UserError(
                f"{path}: not in the published layout (expected like Photos/InSitu/is001.tif). "
                "Move it out of the data set or restore its published place."
            )
        if truth.get(path.name, name) != name:
            raise UserError(
                f"{path}: {GROUND_TRUTH} says '{truth[path.name]}' but the folder says '{name}'. "
                "Restore the published files."
            )
        mask = folder.parent / "lesion_masks" / name / f"{path.stem}.png"
        rows.append(
            {
                "path": path.as_posix(),
                "label": LABELS[name],
                "group": "",
                "mask": mask.as_posix() if mask.exists() else "",
            }
        )
    return pd.DataFrame(rows)


def _ground_truth(path: Path) -> dict[str, str]:
    """File name -> class folder, from the published CSV (no header); empty if it is not there."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as handle:
        return {row[0].strip(): row[1].strip() for row in csv.reader(handle) if len(row) >= 2}
