"""Any other set of images, described by a `manifest.csv`."""

from pathlib import Path

import pandas as pd

from paper_code.errors import UserError

COLUMNS = ("path", "label", "group", "mask")


def read(manifest: Path) -> pd.DataFrame:
    """Read a `manifest.csv` with the columns path, label and, if known, group and mask.

    Paths are relative to the manifest; several masks of an image are joined by ";". `group` is the
    patient. `group` and `mask` may be empty.

    Returns:
        One row per image: path, label, group, mask, and any further columns as they are.

    Raises:
        UserError: the file, a column, a label or a listed image or mask is missing; an image is
            listed twice.
    """
    if not manifest.is_file():
        raise UserError(f"{manifest}: no such manifest. Check 'manifests' in the config.")
    try:
        table = pd.read_csv(manifest, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{manifest}: not a readable CSV file ({error}).") from error
    missing = {"path", "label"} - set(table.columns)
    if missing:
        raise UserError(
            f"{manifest}: column missing: {', '.join(sorted(missing))}. "
            f"Expected a header line with {','.join(COLUMNS)}."
        )
    for column in ("group", "mask"):
        if column not in table.columns:
            table[column] = ""
    for column in ("path", "label"):
        empty = table.index[table[column].str.strip() == ""]
        if len(empty):
            raise UserError(f"{manifest}: line {empty[0] + 2} has no {column}.")
    twice = table.loc[table["path"].duplicated(), "path"]
    if len(twice):
        raise UserError(f"{manifest}: lists {twice.iloc[0]} more than once.")
    table["path"] = [_beside(manifest, name) for name in table["path"]]
    # An image may have several masks.
    table["mask"] = [
        ";".join(_beside(manifest, name) for name in names.split(";")) if names else ""
        for names in table["mask"]
    ]
    return table


def _beside(manifest: Path, name: str) -> str:
    """The path of a file that a manifest lists."""
    if Path(name).is_absolute():
        raise UserError(f"{manifest}: {name} must be relative to the manifest's folder.")
    if not (manifest.parent / name).is_file():
        raise UserError(f"{manifest}: lists {name}, which does not exist beside it.")
    return (manifest.parent / name).as_posix()
