"""The list of a data set's images, as `make_manifest` wrote it, and the parts of a split."""

from pathlib import Path

import pandas as pd

from paper_code.errors import UserError
from paper_code.files import read_csv, read_json

PARTS = ("train", "val", "test")


def read_listed(manifest: str | Path, *columns: str) -> pd.DataFrame:
    """Read a data set's `manifest.csv`, all of it as text.

    Raises:
        UserError: it is damaged, lists no image, lacks one of the columns, or has another number of
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
