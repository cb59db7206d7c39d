"""The lists about BreakHis: what is read, and one clear error for each way they can be wrong."""

import os
from pathlib import Path

import pandas as pd
import pytest
from breakhis_names import write_lists
from conftest import ROOT

from paper_code.datasets.breakhis import COUNTS
from paper_code.datasets.breakhis_lists import (
    FILES,
    FOLDS,
    INDEX,
    VOTES,
    lists_present,
    read_folds,
    read_index,
    read_votes,
)
from paper_code.errors import UserError

# The real lists are no part of the repository; BREAKHIS_LISTS names their folder.
REAL = Path(os.environ.get("BREAKHIS_LISTS", ROOT / "data" / "breakhis_lists"))


@pytest.fixture(scope="module")
def lists(tmp_path_factory) -> Path:
    return write_lists(tmp_path_factory.mktemp("lists"))


def read_all(folder):
    index = read_index(folder)
    folds = read_folds(folder, index)
    return index, folds, read_votes(folder, folds)


def test_the_lists_are_read_and_joined(lists):
    index, folds, votes = read_all(lists)
    assert lists_present(lists) and len(index) == 7909
    row = index[index["slide"].str.endswith("CD")].iloc[0]
    assert row["patient"] == row["slide"].removesuffix("CD")
    assert row["dataset"] == f"breakhis_{row['magnification']}x"
    assert len(folds) == 5 * len(index)
    assert len(votes) == (folds["part"] == "test").sum()
    share = votes["malignant_votes"] / (votes["benign_votes"] + votes["malignant_votes"])
    assert (votes["probability"] == share).all()
    assert (votes["part"] == "test").all()


def spoil(folder: Path, name: str, column: str, row: int, value: object) -> None:
    table = pd.read_csv(folder / name, dtype=str)
    table.loc[row, column] = value
    table.to_csv(folder / name, index=False)


@pytest.mark.parametrize(
    ("name", "column", "value", "message"),
    [
        (INDEX, "image", "SOB_B_A-14-1-50-001.png", "row 5 .* not BreakHis's"),
        (INDEX, "label", "malignant", "has a label that its name contradicts"),
        (INDEX, "magnification", "many", "no whole number in magnification"),
        (FOLDS, "part", "val", "neither train nor test"),
        (FOLDS, "fold", "6", "rows per fold"),
        (VOTES, "benign_votes", "-1", "has no votes, or fewer than none"),
        (VOTES, "fold", "6", "is in no test set of its fold"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, name, column, value, message):
    folder = write_lists(tmp_path)
    spoil(folder, name, column, 3, value)
    with pytest.raises(UserError, match=message) as error:
        read_all(folder)
    assert name in str(error.value)


def test_missing_and_double_rows_are_refused(tmp_path):
    folder = write_lists(tmp_path)
    for name, message in (
        (VOTES, "1 test images of official_folds.csv have no votes"),
        (FOLDS, "rows per fold"),
        (INDEX, "624 benign images at 40X, but BreakHis has 625"),
    ):
        table = pd.read_csv(folder / name)
        table.iloc[1:].to_csv(folder / name, index=False)
        with pytest.raises(UserError, match=message):
            read_all(folder)
        pd.concat([table, table.iloc[:1]]).to_csv(folder / name, index=False)
        with pytest.raises(UserError, match="names an image twice"):
            read_all(folder)
        table.to_csv(folder / name, index=False)
    read_all(folder)


def test_a_missing_file_or_column_is_named(tmp_path):
    folder = write_lists(tmp_path)
    pd.read_csv(folder / INDEX).drop(columns="slide").to_csv(folder / INDEX, index=False)
    with pytest.raises(UserError, match=r"index.csv: column missing: slide"):
        read_index(folder)
    (folder / INDEX).unlink()
    assert not lists_present(folder)
    with pytest.raises(UserError, match=r"index.csv: no such file. Set breakhis_lists"):
        read_index(folder)


@pytest.mark.skipif(not lists_present(REAL), reason=f"needs {', '.join(FILES)} in {REAL}")
def test_the_real_lists():
    index, folds, votes = read_all(REAL)
    assert index["slide"].nunique() == 81 and index["patient"].nunique() == 70
    doubled = index.groupby("slide")["subtype"].nunique()
    assert list(doubled[doubled > 1].index) == ["14-13412"]
    assert len(votes) == 13665 and len(folds) == 5 * 7909
    assert index.groupby("magnification").size().to_dict() == {
        magnification: sum(counts.values()) for magnification, counts in COUNTS.items()
    }
    assert index.groupby("patient")["label"].nunique().max() == 1
