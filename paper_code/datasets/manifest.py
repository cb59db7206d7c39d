"""Any other set of images, described by a `manifest.csv`."""

from pathlib import Path

import pandas as pd

from paper_code.errors import UserError
from paper_code.files import read_csv

COLUMNS = ("path", "label", "group", "mask")


def read(manifest: Path) -> pd.DataFrame:
    """Read a `manifest.csv` with the columns path, label and, if known, group and mask.

    Paths are relative to the manifest and lie below its folder; a mask may be several files joined
    by ";". `group` is the patient; both may be empty.

    Returns:
        One row per image: path, label, group, mask, and any further columns as they are.

    Raises:
        UserError: the file is damaged or lists no image; it, a column, a label or a listed image or
            mask is missing or lies outside the manifest's folder; an image is listed twice; two
            labels differ in case alone.
    """
    if manifest.is_dir():
        raise UserError(f"{manifest}: a folder. Name the manifest.csv that lists its images.")
    if not manifest.is_file():
        raise UserError(f"{manifest}: no such manifest. Name a CSV file that lists the images.")
    table = read_csv(manifest, "path", "label")
    if table.empty:
        raise UserError(f"{manifest}: lists no image. Write one line for each.")
    for column in ("group", "mask"):
        if column not in table.columns:
            table[column] = ""
    # Spaces around a name are never meant: they would make two classes or patients of one.
    for column in COLUMNS:
        table[column] = table[column].str.strip()
    for column in ("path", "label"):
        empty = table.index[table[column] == ""]
        if len(empty):
            raise UserError(f"{manifest}: line {empty[0] + 2} has no {column}.")
    _check_case(manifest, table["label"])
    table["path"] = [_below(manifest, name) for name in table["path"]]
    table["mask"] = [
        ";".join(_below(manifest, name.strip()) for name in names.split(";") if name.strip())
        for names in table["mask"]
    ]
    twice = table.loc[table["path"].duplicated(), "path"]
    if len(twice):
        name = Path(twice.iloc[0]).relative_to(manifest.parent)
        raise UserError(f"{manifest}: lists {name} more than once.")
    return table


def _below(manifest: Path, name: str) -> str:
    """The path, as it opens, of a file that a manifest lists.

    Links are followed: a tree of links to images that lie elsewhere is a good data set.
    """
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        raise UserError(
            f"{manifest}: {name} must be relative to the manifest's folder and lie below it. "
            "Put the manifest into a folder above all images."
        )
    if not (manifest.parent / path).is_file():
        raise UserError(f"{manifest}: lists {name}, which does not exist beside it.")
    return (manifest.parent / path).as_posix()


def _check_case(manifest: Path, labels: pd.Series) -> None:
    seen: dict[str, str] = {}
    for label in labels.unique():
        other = seen.setdefault(label.casefold(), label)
        if other != label:
            raise UserError(
                f"{manifest}: the labels '{other}' and '{label}' differ in case alone and would "
                "be two classes. Write one of them."
            )
