"""Whether a result counts as evidence about the paper, and what stands against it.

One encoding in every table: a bare `verdict`, and a column `obstacles` with the reasons why the
result is no evidence, joined by ", ", or "" where it counts.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.published import published_table

AGREES, DIFFERS, NOT_COMPARABLE = "agrees", "differs", "not comparable"
NOT_PRINTED, NOT_MEASURED = "not printed", "not measured"
# The paper prints F1 as a pair a/b; what a and b are is discussed in tables/audit.md.
PRINTED_NAMES = {"f1_macro": "f1_first", "f1_weighted": "f1_second"}


def obstacles(source: dict, scale: str, weights: str | None = None) -> list[str]:
    """Why a result cannot speak for or against the printed one; empty if it can."""
    found = []
    if source["source"] == "phantom":
        found.append("phantom")
    elif not source["complete"]:
        found.append("subset")
    if scale != "paper":
        found.append(f"{scale} scale")
    if weights is not None and not weights.startswith("imagenet"):
        found.append("random weights")
    return found


def join_obstacles(*reasons: Iterable[str]) -> str:
    """The text of the column `obstacles`: each reason once, in order."""
    return ", ".join(dict.fromkeys(reason for several in reasons for reason in several))


def split_obstacles(text: str) -> list[str]:
    """The reasons in a cell of the column `obstacles`."""
    return text.split(", ") if text else []


def read_results(path: str | Path) -> pd.DataFrame:
    """A table of results as written: `obstacles` is "" where there are none, seeds are text."""
    text = ("table", "seeds", "seed_values", "obstacles")
    table = pd.read_csv(path, dtype=dict.fromkeys(text, str))
    return table.fillna({"obstacles": ""}) if "obstacles" in table else table


def counts(rows: pd.DataFrame) -> pd.Series:
    """Which rows of a table with a column `obstacles` are evidence about the paper."""
    return rows["obstacles"] == ""


def evidence_text(text: str) -> str:
    """A cell of the column `obstacles` for reading: "yes", or "no: " and the reasons."""
    return f"no: {text}" if text else "yes"


def verdict(
    value: float, low: float, high: float, printed: float, reasons: list[str]
) -> dict[str, str]:
    """The columns `verdict` and `obstacles` of one cell beside the printed value.

    "agrees" if the printed value lies in the interval, "differs" if not; "not comparable" where
    there are `reasons` why the measurement is of something else, or it has no interval; "not
    printed" and "not measured" where there is no such value.
    """
    reasons = list(reasons)
    if np.isnan(printed):
        name = NOT_PRINTED
    elif reasons:
        name = NOT_COMPARABLE
    elif np.isnan(value):
        name = NOT_MEASURED
    elif value == printed or low <= printed <= high:
        name = AGREES
    elif np.isnan(low + high):
        name, reasons = NOT_COMPARABLE, ["no interval"]
    else:
        name = DIFFERS
    return {"verdict": name, "obstacles": join_obstacles(reasons)}


def verdict_text(row: pd.Series | dict) -> str:
    """The verdict of a row for reading, with the reasons where it is not comparable."""
    shown = row["obstacles"] if row["verdict"] == NOT_COMPARABLE else ""
    return f"{row['verdict']}: {shown}" if shown else row["verdict"]


def printed_value(table: str, **keys: str) -> float:
    """One printed number, such as printed_value("07", dataset=..., network=..., metric=...).

    NaN where the paper does not print it.
    """
    printed = published_table(table)
    keys["metric"] = PRINTED_NAMES.get(keys["metric"], keys["metric"])
    for column, value in keys.items():
        printed = printed[printed[column] == value]
    return float(printed["value"].iloc[0]) if len(printed) else float("nan")
