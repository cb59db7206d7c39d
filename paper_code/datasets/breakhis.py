"""BreakHis in its published layout (`BreaKHis_v1.tar.gz`)."""

import re
from pathlib import Path

import pandas as pd

from paper_code.datasets.dataset import Dataset, Source
from paper_code.datasets.tree import image_files, published_folder
from paper_code.errors import UserError

SOURCE = Source(
    title="BreakHis",
    licence="research use (CC BY 4.0 as others record it)",
    citation="Spanhol et al., IEEE Trans. Biomed. Eng. 63, 2016, doi:10.1109/TBME.2015.2496264",
    folder="BreaKHis_v1",
    archive="BreaKHis_v1.tar.gz",  # about 4 GB
    url="http://www.inf.ufpr.br/vri/databases/BreaKHis_v1.tar.gz",
    checksum=None,
    most_bytes=12 * 10**9,
)
# Table III of the paper.
COUNTS = {
    40: {"benign": 625, "malignant": 1370},
    100: {"benign": 644, "malignant": 1437},
    200: {"benign": 623, "malignant": 1390},
    400: {"benign": 588, "malignant": 1232},
}
DATASETS = tuple(
    Dataset(
        name=f"breakhis_{magnification}x",
        family="breakhis",
        classes=tuple(counts),
        counts=counts,
        colour="rgb",
        magnification=magnification,
        credit="Spanhol et al. 2016, CC BY 4.0",
        paper=True,
    )
    for magnification, counts in COUNTS.items()
)
FOLDER = "BreaKHis_v1/histology_slides/breast"
LABELS = {"B": "benign", "M": "malignant"}
# SOB_B_TA-14-3411F-40-001.png: class, subtype, year, slide number, part letters, magnification
FILE_NAME = re.compile(
    r"SOB_(?P<label>[BM])_(?P<subtype>A|F|PT|TA|DC|LC|MC|PC)"
    r"-(?P<year>\d+)-(?P<number>\d+)(?P<part>[A-Z]*)-(?P<magnification>40|100|200|400)-\d+\.png"
)


def place(_: Dataset, data_root: Path) -> Path:
    """The folder with the images of all magnifications."""
    return published_folder(data_root, FOLDER)


def read(dataset: Dataset, data_root: Path) -> pd.DataFrame:
    """List the images of one magnification.

    One row each: path, label, group, mask, subtype, slide, magnification. `group` is the slide
    number without its part letters (14-22549AB and 14-22549CD are very likely one patient), so that
    no patient can fall into two parts of a patient-wise split. `mask` is empty except for phantoms:
    BreakHis has no lesion masks. UserError if the folder is missing, or a file's name or folder
    contradicts the layout.
    """
    rows, root = [], place(dataset, data_root)
    for path in image_files(root, {".png"}):
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            raise UserError(
                f"{path}: not a BreakHis file name (expected like SOB_B_A-14-22549AB-40-001.png). "
                "Move it out of the data set or restore its published name."
            )
        label = LABELS[match["label"]]
        folder = path.relative_to(root).parts[0]
        if folder != label:
            raise UserError(
                f"{path}: its name says '{label}' but it lies in folder '{folder}'. "
                "Move it to the folder that its name gives."
            )
        if path.parent.name != f"{match['magnification']}X":
            raise UserError(
                f"{path}: its name says {match['magnification']}X but it lies in folder "
                f"'{path.parent.name}'. Move it to the folder that its name gives."
            )
        if int(match["magnification"]) != dataset.magnification:
            continue
        mask = Path(str(path).replace("/histology_slides/", "/lesion_masks/", 1))
        rows.append(
            {
                "path": path.as_posix(),
                "label": label,
                "group": f"{match['year']}-{match['number']}",
                "mask": mask.as_posix() if mask.exists() else "",
                "subtype": match["subtype"],
                "slide": f"{match['year']}-{match['number']}{match['part']}",
                "magnification": f"{dataset.magnification}X",
            }
        )
    return pd.DataFrame(rows)
