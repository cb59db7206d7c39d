"""Whether a result counts as evidence about the paper, and why not."""

import numpy as np

from paper_code.published import published_table

COUNTED = "yes"


def counted_text(reasons: list[str]) -> str:
    """ "yes", or "no: " with the reasons why a result is no evidence about the paper."""
    return "no: " + ", ".join(reasons) if reasons else COUNTED


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


def verdict(value: float, low: float, high: float, printed: float, reasons: list[str]) -> str:
    """The verdict on one cell.

    "agrees" if the printed value lies in the interval, "differs" if not; "not comparable" with the
    reasons where the measurement is of something else or has no interval; "not printed" where the
    paper has no value.
    """
    if np.isnan(printed):
        return "not printed"
    if reasons:
        return "not comparable: " + ", ".join(reasons)
    if np.isnan(value):
        return "not measured"
    if value == printed or low <= printed <= high:
        return "agrees"
    return "not comparable: no interval" if np.isnan(low + high) else "differs"


# The paper prints F1 as a pair a/b; what a and b are is discussed in tables/audit.md.
PRINTED_NAMES = {"f1_macro": "f1_first", "f1_weighted": "f1_second"}


def printed_value(table: str, **keys: str) -> float:
    """One printed number, such as printed_value("07", dataset=..., network=..., metric=...).

    NaN where the paper does not print it.
    """
    printed = published_table(table)
    keys["metric"] = PRINTED_NAMES.get(keys["metric"], keys["metric"])
    for column, value in keys.items():
        printed = printed[printed[column] == value]
    return float(printed["value"].iloc[0]) if len(printed) else float("nan")
