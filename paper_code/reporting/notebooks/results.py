"""Where the notebooks read results: tables and figures as files, nothing else."""

import os
from pathlib import Path

import pandas as pd

from paper_code.errors import UserError
from paper_code.reporting.markdown import read_results

VARIABLE = "PAPER_CODE_RESULTS"


def results_folder() -> Path:
    """The folder that holds `tables/` and `figures/`.

    The environment variable PAPER_CODE_RESULTS names it, such as results/demo (from the root of the
    repository, wherever a notebook runs); by default it is the
    root of the repository, where the committed results are.

    Raises:
        UserError: the folder has no `tables/`.
    """
    folder = Path(__file__).resolve().parents[3] / os.environ.get(VARIABLE, "")
    if not (folder / "tables").is_dir():
        raise UserError(
            f"{folder}: no folder tables/ in it. Let {VARIABLE} name a folder of results, such as "
            "results/demo, or run snakemake."
        )
    return folder


def find_result(kind: str, name: str, ending: str) -> Path | None:
    """The file `kind`/`name`.`ending` ("tables", "audit", "csv"), or None if it was not made.

    Where it was not made, one sentence says so: a scale or a setting may leave parts out.
    """
    path = results_folder() / kind / f"{name}.{ending}"
    if path.is_file():
        return path
    print(f"Not run at this scale: {kind}/{name}.{ending} is not among these results.")
    return None


def read_table(name: str) -> pd.DataFrame:
    """A table of results by its name without folder and ending; an empty one if it was not made.

    Text columns hold "" where the file has nothing.
    """
    path = find_result("tables", name, "csv")
    if path is None:
        return pd.DataFrame()
    table = read_results(path)
    text = table.select_dtypes(exclude="number").columns
    return table.fillna(dict.fromkeys(text, ""))


def read_tables(*names: str) -> dict[str, pd.DataFrame]:
    """Those of some tables of results that were made, by their names."""
    tables = {name: read_table(name) for name in names}
    return {name: rows for name, rows in tables.items() if not rows.empty}
