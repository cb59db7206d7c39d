"""Any other set of images: a `manifest.csv`, or a folder with a folder of images for each class."""

import re
from pathlib import Path

import pandas as pd

from paper_code.datasets.tree import visible_files
from paper_code.errors import UserError
from paper_code.files import read_csv

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"}
COLUMNS = ("path", "label", "group", "mask", "split")
WRITTEN = ("image", "sha256")  # columns that the command `manifest` writes itself


def read(manifest: Path, group_pattern: str | None = None) -> pd.DataFrame:
    """Read a `manifest.csv` with the columns path, label and, if known, group and mask.

    Paths are relative to the manifest and lie below its folder; a mask may be several files joined
    by ";". `group` is the patient; both may be empty. A folder of class folders may stand in its
    place, see `read_folders`. Returns one row per image: path, label, group, mask, and any further
    columns but for those of `WRITTEN`.

    UserError if the file is damaged or lists no image; it, a column, a label or a listed image or
    mask is missing or lies outside the manifest's folder; an image is listed twice; two labels
    differ in case alone.
    """
    if manifest.is_dir():
        return read_folders(manifest, group_pattern)
    if group_pattern:
        raise UserError(f"{manifest}: lists patients itself; a group pattern is for class folders.")
    if not manifest.is_file():
        raise UserError(f"{manifest}: no such manifest. Name a CSV file that lists the images.")
    table = read_csv(manifest, "path", "label").drop(columns=list(WRITTEN), errors="ignore")
    if table.empty:
        raise UserError(f"{manifest}: lists no image. Write one line for each.")
    for column in ("group", "mask"):
        if column not in table.columns:
            table[column] = ""
    # Spaces around a name are never meant: they would make two classes or patients of one.
    for column in table.columns.intersection(COLUMNS):
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


def read_folders(folder: Path, group_pattern: str | None = None) -> pd.DataFrame:
    """The manifest that a folder with a folder of images for each class stands for.

    The label of an image is the name of the folder below `folder` that it lies in, at any depth.
    Hidden files and folders, and folders without an image, do not count. `group_pattern` is a
    regular expression that finds the patient in the path below `folder`, such as benign/p07_2.png:
    its first group, or all that it matches; for example "(p[0-9]+)_".

    UserError if images lie beside the class folders, no class folder has an image, or the pattern
    is damaged or finds no patient in one of the paths.
    """
    paths = [path for path in visible_files(folder) if path.suffix.lower() in SUFFIXES]
    names = [path.relative_to(folder) for path in paths]
    if not names:
        raise UserError(
            f"{folder}: no image ({', '.join(sorted(SUFFIXES))}) in a folder for each class."
        )
    for name in names:
        if len(name.parts) == 1:
            raise UserError(
                f"{folder / name}: lies in no class folder. Move it into the folder of its class, "
                "or write a manifest.csv."
            )
    table = pd.DataFrame(
        {
            "path": [(folder / name).as_posix() for name in names],
            "label": [name.parts[0] for name in names],
            "group": [_patient(name.as_posix(), group_pattern) for name in names],
            "mask": "",
        }
    )
    _check_case(folder, table["label"])
    return table


def _patient(name: str, pattern: str | None) -> str:
    if not pattern:
        return ""
    try:
        found = re.search(pattern, name)
    except re.error as error:
        raise UserError(
            f"group pattern {pattern!r}: not a regular expression ({error})."
        ) from error
    patient = found and (found[1] if found.re.groups else found[0])
    if not patient:
        raise UserError(
            f"group pattern {pattern!r}: finds no patient in {name}. It must find one in the path "
            "of every image; or write a manifest.csv."
        )
    return patient


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
