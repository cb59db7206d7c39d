"""Split by image beside split by patient: what the same networks reach on either."""

import pandas as pd

from paper_code.errors import UserError
from paper_code.reporting.markdown import read_results

WAYS = {"image": "reference_value", "patient": "value"}  # kinds of split: columns of `differences`


def rows(*, tables: list[str]) -> pd.DataFrame:
    """`leakage_rows` of the CSV files of results and differences."""
    return leakage_rows(*map(read_results, tables))


def leakage_rows(results: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    """One row per data set, network and metric.

    `image` and `patient` are the values by either split, each with `_low`, `_high` and `_spread`;
    `low`, `high` and `p_value` belong to `difference`.

    Raises:
        UserError: no network has runs of both kinds of split.
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
