"""What a finding is, and how a printed number is read."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

CONSISTENT = "consistent"
IMPOSSIBLE = "cannot both be right"
UNEXPLAINED = "unexplained"

ROUNDING = "half a unit of the last printed digit"
ROUNDING_OR_CUT = f"{ROUNDING}; the verdict allows one whole unit (rounded or cut either way)"
EXACT = "none: whole numbers"

_EPSILON = 1e-9  # absorbs binary fractions at the very edge of an interval

# What the findings are about. Findings of one theme may have one cause and are not counted apart.
THEMES = {
    "named-networks": "Is the network that was counted the one that is named?",
    "bach-heads": "Do the parameter totals grow with the number of classes?",
    "image-counts": "Do text, captions and tables agree on the images?",
    "whole-images": "Can whole numbers of test images give the printed rates?",
    "gmean-breakhis": "Do GMean, accuracy and sensitivity/specificity describe the same test?",
    "f1-pairs": "What are the two numbers under F1?",
    "iba": "What is printed under IBA?",
    "gmean-multiclass": "What is printed under GMean with three and four classes?",
    "multiclass-diagnostics": "Do Table XII's numbers describe three and four classes?",
    "one-number-per-row": "Do the diagnostic numbers say more than the accuracy?",
    "auc": "Does the AUC fit the operating point?",
    "repeated-rows": "Does one result stand in two places?",
    "times": "Do the times fit the work and the text?",
    "choice-and-test": "Were test images kept apart from choices and training?",
    "localization": "What do the localisation scores show?",
    "wording": "Do text, equations and captions agree with each other?",
    "references": "Do the references fit?",
}


@dataclass(frozen=True)
class Finding:
    """One result of the audit.

    Attributes:
        id: subject, unique in the audit.
        theme: key of `THEMES`.
        tables: printed tables whose numbers it concerns, such as "07 11"; empty for text alone.
        columns: names of their metrics in `published_table`, such as "gmean iba": those in doubt.
            Of two columns that exclude each other both are, unless a third bears one of them out.
        where: the tables and rows it concerns.
        printed: what the paper prints.
        computation: a formula that anyone can rerun.
        result: what the formula gives on the tables passed in.
        tolerance: how far a value may lie from a printed one and still agree.
        verdict: `CONSISTENT`, `IMPOSSIBLE` or `UNEXPLAINED` (no contradiction, no reason given).
        reconciles: what would make the numbers agree; empty if they do.
    """

    id: str
    theme: str
    tables: str
    columns: str
    where: str
    printed: str
    computation: str
    result: str
    tolerance: str
    verdict: str
    reconciles: str = ""


def by_row(table: pd.DataFrame, column: str = "value") -> pd.DataFrame:
    """Reshape a tidy table to one row per printed row and one column per metric."""
    keys = [key for key in table.columns if key not in ("table", "metric", "printed", "value")]
    return table.pivot_table(
        index=keys, columns="metric", values=column, sort=False, aggfunc="first"
    ).rename_axis(columns=None)


def tolerances(table: pd.DataFrame) -> pd.DataFrame:
    """Half a unit of the last printed digit of each number, shaped like `by_row`."""
    digits = table["printed"].str.partition(".")[2].str.len()
    return by_row(table.assign(value=0.5 * 10.0**-digits))


def agrees(value, printed, tolerance):
    """Whether `value` lies within `tolerance` of `printed`; works on arrays."""
    return abs(value - printed) <= tolerance + _EPSILON


def overlaps(low, high, printed, tolerance):
    """Whether the interval [low, high] meets printed ± tolerance; works on arrays."""
    return (low <= printed + tolerance + _EPSILON) & (high >= printed - tolerance - _EPSILON)


def judge(strict_failures: int, loose_failures: int) -> str:
    """Turn rows that fail under rounding, and under any way of cutting digits, into a verdict."""
    if loose_failures:
        return IMPOSSIBLE
    return UNEXPLAINED if strict_failures else CONSISTENT


def listed(rows: Sequence) -> str:
    """Name rows as "breakhis_40x vit, ..."; "none" if there are none."""
    names = [" ".join(map(str, row)) if isinstance(row, tuple) else str(row) for row in rows]
    return ", ".join(names) or "none"
