"""The list of a data set's images, as `make_manifest` wrote it, and the parts of a split."""

from pathlib import Path

import pandas as pd

from paper_code.errors import UserError
from paper_code.files import read_csv, read_json

PARTS = ("train", "val", "test")
WAYS = ("image", "patient")  # what a split keeps together


def limit(images: int | str) -> int | None:
    """A number of images; None for "all"."""
    return None if images == "all" else int(images)


def read_listed(manifest: str | Path, *columns: str) -> pd.DataFrame:
    """Read a data set's `manifest.csv`, all of it as text.

    UserError if it is damaged, lists no image, lacks one of the columns, or has another number of
    images than the `source.json` beside it tells.
    """
    table = read_csv(manifest, *columns)
    if table.empty:
        raise UserError(f"{manifest}: lists no image. Make it again.")
    source = Path(manifest).with_name("source.json")
    if source.is_file():
        images = read_json(source).get("images", len(table))
        if images != len(table):
            raise UserError(
                f"{manifest}: lists {len(table)} of the {images} images that {source.name} tells. "
                "Make it again."
            )
    return table


def read_split(split: str | Path) -> pd.DataFrame:
    """Read a split as `make_split` wrote it: image, label, group, part.

    `attrs` has what the file says of itself: `by`, "image" or "patient", and `seed`. UserError if
    it is damaged, lacks a part, or does not say how it was made.
    """
    table = read_csv(split, "image", "label", "group", "part", "by", "seed")
    if set(table["part"]) != set(PARTS):
        raise UserError(f"{split}: its parts are not {', '.join(PARTS)}. Remake it.")
    by, seed = (table.pop(column).unique() for column in ("by", "seed"))
    if len(by) > 1 or by[0] not in WAYS:
        raise UserError(f"{split}: the column 'by' is not {' or '.join(WAYS)} throughout.")
    if len(seed) > 1 or not seed[0].isdecimal():
        raise UserError(f"{split}: the column 'seed' is not one whole number throughout.")
    table.attrs = {"by": str(by[0]), "seed": int(seed[0])}
    return table
