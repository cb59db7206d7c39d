"""Writing tables, a complete tidy CSV and a Markdown page for reading, and reading them again."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.files import write_csv, write_text
from paper_code.provenance import commit, versions

# Columns of results that are text though they may look like numbers, or be empty throughout.
TEXT = (
    *("table", "seeds", "split_seeds", "seed_values", "obstacles", "shortfall", "reason"),
    *("data", "weights", "scale", "hardware", "protocol", "commit"),
)


# Whole numbers, where there are any.
COUNTS = ("runs", "test_images", "test_patients", "resampled_units", "fewest_patients")


def write_table(path: str | Path, table: pd.DataFrame, title: str, sections: list[str]) -> None:
    """Write `path` (ending in .csv) and the same name with .md.

    Args:
        path: the CSV.
        table: all rows and columns, tidy.
        title: the heading of the page.
        sections: Markdown blocks below it; provenance last.
    """
    path = Path(path)
    write_csv(path, table)
    write_text(path.with_suffix(".md"), "\n\n".join([f"# {title}", *sections]) + "\n")


def read_results(path: str | Path) -> pd.DataFrame:
    """A table of results as written: obstacles, shortfall and reason are "" where there are none.

    Names such as "NA" or "None" are names.
    """
    types = dict.fromkeys(TEXT, str) | dict.fromkeys(COUNTS, "Int64")
    table = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=[""])
    words = ("obstacles", "shortfall", "reason")
    return table.fillna({name: "" for name in words if name in table})


def markdown(table: pd.DataFrame) -> str:
    """A DataFrame of text as a Markdown table; a "|" in a cell is escaped."""
    rows = [list(table.columns), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows
    )


def number(value: float, digits: int = 3) -> str:
    """A number for reading; a dash where there is none."""
    return "–" if value is None or np.isnan(value) else f"{value:.{digits}f}"


def interval_text(value: float, low: float, high: float, spread: float = np.nan) -> str:
    """A value, its interval and the spread of several runs: "0.931 [0.902, 0.955] ± 0.012"."""
    text = f"{number(value)} [{number(low)}, {number(high)}]"
    return text if np.isnan(spread) else f"{text} ± {number(spread)}"


def change_text(value: float, low: float, high: float) -> str:
    """A difference with its sign, and its interval: "+0.012 [-0.003, 0.027]"."""
    change = "–" if np.isnan(value) else f"{value:+.3f}"
    return f"{change} [{number(low)}, {number(high)}]"


def p_text(p: float) -> str:
    """A p-value for reading."""
    return "p –" if np.isnan(p) else "p < 0.001" if p < 0.001 else f"p {p:.3f}"


def distinct(values: Iterable, separator: str = "; ") -> str:
    """Each different value once, in the order of their first appearance."""
    return separator.join(dict.fromkeys(str(value) for value in values))


def cell(row: pd.Series) -> str:
    """value [interval], then the printed value, as in "0.931 [0.902, 0.955] (paper 0.985)".

    No printed value stands beside one of synthetic images.
    """
    text = "–"
    if not np.isnan(row["value"]):
        text = interval_text(row["value"], row["low"], row["high"], row.get("spread", np.nan))
    if np.isnan(row["printed"]) or "phantom" in str(row.get("obstacles", "")):
        return text
    return f"{text} (paper {number(row['printed'])})"


def code_provenance_block(data: str = "none") -> str:
    """Versions and commit behind a table that needs no training; `data` in words."""
    installed = ", ".join(f"{name} {version}" for name, version in versions().items())
    return "\n".join(
        [
            "## Provenance",
            "",
            f"- Data: {data}",
            f"- Versions: {installed}",
            f"- Commit: {commit()}",
        ]
    )
