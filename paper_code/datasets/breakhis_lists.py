"""Lists about BreakHis that need no pixels: its file names, its authors' folds, real predictions.

A folder of three CSV files; docs/reference/data.md says what they are and where they come from.
"""

from pathlib import Path

import pandas as pd

from paper_code.datasets.breakhis import COUNTS, FILE_NAME, LABELS
from paper_code.errors import UserError
from paper_code.files import read_csv

INDEX, FOLDS, VOTES = "index.csv", "official_folds.csv", "grc_som_votes.csv"
FILES = (INDEX, FOLDS, VOTES)
NUM_FOLDS = 5
COLUMNS = {
    INDEX: ("image", "label", "subtype", "slide", "magnification"),
    FOLDS: ("fold", "image", "magnification", "part"),
    VOTES: ("fold", "image", "benign_votes", "malignant_votes"),
}
NUMBERS = ("fold", "magnification", "benign_votes", "malignant_votes")


def lists_present(folder: str | Path) -> bool:
    """Whether all three lists are in a folder."""
    return all((Path(folder) / name).is_file() for name in FILES)


def read_index(folder: str | Path) -> pd.DataFrame:
    """The published images, one row each.

    Columns: image, label, subtype, slide (with its letters, as in 14-22549AB), patient (the slide's
    number without letters, as `group` of `read_dataset`), magnification (int) and dataset (as in
    "breakhis_40x"). UserError if the file is missing, lacks a column, names an image twice,
    contradicts a file name, or its counts are not those of Table III.
    """
    path = Path(folder) / INDEX
    table = _read(path)
    _refuse(path, table["image"].duplicated(), table, "names an image twice")
    named = table["image"].str.extract(FILE_NAME)
    _refuse(path, named["label"].isna(), table, "has a name that is not BreakHis's")
    patient = named["year"] + "-" + named["number"]
    told = {
        "label": named["label"].map(LABELS),
        "subtype": named["subtype"],
        "slide": patient + named["part"],
        "magnification": named["magnification"].astype(int),
    }
    for column, values in told.items():
        _refuse(path, table[column] != values, table, f"has a {column} that its name contradicts")
    found = table.groupby(["magnification", "label"]).size()
    for magnification, counts in COUNTS.items():
        for label, count in counts.items():
            if (here := int(found.get((magnification, label), 0))) != count:
                raise UserError(
                    f"{path}: {here} {label} images at {magnification}X, but BreakHis has {count} "
                    "(Table III). Restore the complete list."
                )
    dataset = "breakhis_" + table["magnification"].astype(str) + "x"
    return table.assign(patient=patient, dataset=dataset)


def read_folds(folder: str | Path, index: pd.DataFrame) -> pd.DataFrame:
    """The authors' folds: one row per fold (1 to 5) and image.

    Columns: fold, part ("train" or "test") and those of `index` (of `read_index`). UserError if a
    fold lacks an image, has it twice, or names another part or magnification.
    """
    path = Path(folder) / FOLDS
    table = _read(path)
    _refuse(path, table.duplicated(["fold", "image"]), table, "names an image twice in one fold")
    _refuse(path, ~table["part"].isin(["train", "test"]), table, "is in neither train nor test")
    joined = table.merge(index, on="image", how="left", suffixes=("_here", ""))
    _refuse(path, joined["label"].isna(), joined, f"is not in {INDEX}")
    differs = joined["magnification_here"] != joined["magnification"]
    _refuse(path, differs, joined, "has a magnification that its name contradicts")
    found = joined.groupby("fold").size().to_dict()
    if found != dict.fromkeys(range(1, NUM_FOLDS + 1), len(index)):
        raise UserError(
            f"{path}: rows per fold {found}, but each of folds 1 to {NUM_FOLDS} has all "
            f"{len(index)} images. Restore the complete list."
        )
    return joined.drop(columns="magnification_here")


def read_votes(folder: str | Path, folds: pd.DataFrame) -> pd.DataFrame:
    """The real predictions: one row per fold and test image.

    Columns: those of `folds` (of `read_folds`), benign_votes, malignant_votes, and probability
    (float64, of malignant: its share of the votes). UserError if a vote is not about a test image
    of its fold, a test image has no vote or two, or an image has no votes at all.
    """
    path = Path(folder) / VOTES
    table = _read(path)
    _refuse(path, table.duplicated(["fold", "image"]), table, "names an image twice in one fold")
    total = table["benign_votes"] + table["malignant_votes"]
    negative = (table[["benign_votes", "malignant_votes"]] < 0).any(axis=1)
    _refuse(path, (total <= 0) | negative, table, "has no votes, or fewer than none")
    joined = table.merge(folds, on=["fold", "image"], how="left")
    _refuse(path, joined["part"] != "test", joined, f"is in no test set of its fold in {FOLDS}")
    missing = int((folds["part"] == "test").sum()) - len(joined)
    if missing:
        raise UserError(
            f"{path}: {missing} test images of {FOLDS} have no votes. Restore the complete list."
        )
    return joined.assign(probability=joined["malignant_votes"] / total.to_numpy())


def _read(path: Path) -> pd.DataFrame:
    """One list with its columns; numbers as integers, the rest as text."""
    if not path.is_file():
        raise UserError(f"{path}: no such file. Set breakhis_lists to the folder of the lists.")
    columns = COLUMNS[path.name]
    table = read_csv(path, *columns)
    for name in set(columns) & set(NUMBERS):
        numbers = pd.to_numeric(table[name], errors="coerce")
        _refuse(path, numbers.isna() | (numbers % 1 != 0), table, f"has no whole number in {name}")
        table[name] = numbers.astype(int)
    return table[list(columns)]


def _refuse(path: Path, wrong: pd.Series, table: pd.DataFrame, what: str) -> None:
    """Raise UserError that names the first wrong row."""
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise UserError(
            f"{path}: row {row + 2} ({table['image'].iloc[row]}) {what}; {int(wrong.sum())} such "
            "rows. Correct the list or restore it."
        )
