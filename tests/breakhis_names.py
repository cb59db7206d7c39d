"""Stand-ins for the lists about BreakHis: as many names as published, of made-up slides."""

from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.datasets.breakhis import COUNTS
from paper_code.datasets.breakhis_lists import FOLDS, INDEX, NUM_FOLDS, VOTES

SUBTYPES = {"benign": ("A", "F"), "malignant": ("DC", "LC")}


def index_rows(slides: int = 60) -> pd.DataFrame:
    """7,909 names with the counts of Table III; two of three numbers have the slides AB and CD.

    The first malignant slide has images under two subtypes, as 14-13412 has in BreakHis.
    """
    rows = []
    for magnification, counts in COUNTS.items():
        for label, count in counts.items():
            first = 1000 if label == "benign" else 5000
            number = slides // 3 if label == "benign" else slides - slides // 3
            for image in range(count):
                place = image % number
                letters = ("", "AB", "CD")[place % 3]
                slide = f"14-{first + place - (place % 3 == 2)}{letters}"
                subtype = SUBTYPES[label][place == 0 and image >= number * 4]
                name = f"SOB_{label[0].upper()}_{subtype}-{slide}-{magnification}-{image:04d}.png"
                rows.append((name, label, subtype, slide, magnification))
    return pd.DataFrame(rows, columns=["image", "label", "subtype", "slide", "magnification"])


def write_lists(folder: Path, spread: float = 1.5) -> Path:
    """Write the three lists; folds by slide, votes of 28 fragments that come out by patient.

    `spread` is the standard deviation of the patients' own effect, on the logit scale.
    """
    rng = np.random.default_rng(0)
    index = index_rows()
    slides = index["slide"].unique()
    folds = []
    for fold in range(1, NUM_FOLDS + 1):
        test = set(rng.choice(slides, len(slides) // 3, replace=False))
        part = np.where(index["slide"].isin(test), "test", "train")
        folds.append(index[["image", "magnification"]].assign(fold=fold, part=part))
    folds = pd.concat(folds, ignore_index=True)[["fold", "image", "magnification", "part"]]
    tested = folds[folds["part"] == "test"].merge(index, on=["image", "magnification"])
    effects = dict(zip(slides, rng.normal(1.5, spread, len(slides)), strict=True))
    logit = tested["slide"].map(effects) + rng.normal(0, 1, len(tested))
    right = rng.binomial(28, 1 / (1 + np.exp(-logit)))
    malignant = np.where(tested["label"] == "malignant", right, 28 - right)
    votes = tested[["fold", "image"]].assign(benign_votes=28 - malignant, malignant_votes=malignant)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in ((INDEX, index), (FOLDS, folds), (VOTES, votes)):
        table.to_csv(folder / name, index=False)
    return folder
