"""Split by image beside split by patient: what the same networks reach on either."""

import pandas as pd

from paper_code.errors import UserError
from paper_code.reporting.markdown import read_results, write_table
from paper_code.reporting.pages import notes, provenance, sections

WAYS = {"image": "reference_value", "patient": "value"}  # kinds of split: columns of `differences`
TEXT = (
    "Data: {data}. Obstacles to speaking about the paper's numbers: {obstacles}. Always naming the "
    "largest class has an accuracy of {largest_class:.3f} (by patient)."
)
CELL = "{{{way}:.3f}} ± {{{way}_spread:.3f}}"
COLUMNS = {
    "Network": "{network:label}",
    "Metric": "{metric:label}",
    **{f"By {way}": CELL.format(way=way) for way in WAYS},
    "Difference": "{difference:.3f} [{low:.3f}, {high:.3f}], {p_value:p}",
}


def write(output: str, *, tables: list[str]) -> None:
    """Write `output` (.csv) and its .md.

    Raises:
        UserError: no network has runs of both kinds of split.
    """
    rows = leakage_rows(*map(read_results, tables))
    blocks = sections(rows, "dataset", "{dataset:label}", COLUMNS, text=TEXT)
    title = "Split by image against split by patient"
    write_table(output, rows, title, [notes(__file__), *blocks, provenance(rows)])


def leakage_rows(results: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    """One row per data set, network and metric.

    `image` and `patient` are the values by either split, each with `_low`, `_high` and `_spread`;
    `low`, `high` and `p_value` belong to `difference`.
    """
    rows = differences[differences["family"] == "splits"]
    if rows.empty:
        raise UserError("Leakage needs runs of both splits (by image, by patient) of each network.")
    keys = ["dataset", "network", "metric"]
    for way, column in WAYS.items():
        of_way = results[results["splits"] == way].drop_duplicates(keys)
        ends = {name: f"{way}_{name}" for name in ("low", "high", "spread")}
        more = ["largest_class"] if way == "patient" else []
        of_way = of_way[[*keys, *ends, *more]].rename(columns=ends)
        rows = rows.rename(columns={column: way}).merge(of_way, "left", keys)
    first = [*keys, *(f"{way}{end}" for way in WAYS for end in ("", "_low", "_high", "_spread"))]
    first += ["difference", "low", "high", "p_value", "se", "df"]
    return rows[[*first, *rows.columns.drop(first)]]
