"""One test of a claim, as a row of the table of claims."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from paper_code.metrics.power import least_detectable
from paper_code.reporting.markdown import number, p_text
from paper_code.reporting.verdicts import (
    PAPER,
    TIMES,
    Standard,
    counts,
    everywhere,
    shown_better,
    shown_worse,
)

# Printed numbers have no intervals: they are in the claimed order or not.
AHEAD, BEHIND, TIED = "ahead", "behind", "tied"
POWER = 0.8  # of the lead that is said to be found


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One test of a claim: `low` and `high` bound the difference that decides it, if any."""

    evidence: str = "measured"  # or "printed"
    part: str
    how: str
    result: str = ""
    verdict: str  # a `Verdict` where measured, else the printed order
    source: str
    difference: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    p_holm: float = float("nan")
    least_lead: float = float("nan")  # measured: see `least_lead`
    reason: str = ""
    chance: str = ""  # printed order: how far chance alone reaches
    audit: str = ""  # printed order: what the audit says of the same columns


def weigh(
    rows: pd.DataFrame,
    expected: int,
    name: Callable[[pd.Series], str],
    standard: Standard = PAPER,
) -> dict:
    """What the outcome of a family says; the comparison that speaks least for the claim stands in
    the row.

    Arguments as `verdicts.everywhere`; `name` says what a comparison is with.
    """
    found = everywhere(rows, expected, standard)._asdict()
    if rows.empty:
        return found
    free = counts(rows, standard)
    shown = rows[free] if free.any() else rows
    known = shown.dropna(subset="difference")
    if known.empty:
        return found | {"result": "no defined difference"}
    least = known.loc[known["difference"].idxmin()]
    result = (
        f"differences: {len(shown)}; positive: {int((shown['difference'] > 0).sum())}; "
        f"shown better: {shown_better(shown)}; shown worse: {shown_worse(shown)}; the least: "
        f"{least['difference']:+.3f} [{number(least['low'])}, {number(least['high'])}], "
        f"{p_text(least['p_value'])}, {p_text(least['p_holm'])} (Holm), {name(least)}"
    )
    found |= least[["difference", "low", "high", "p_holm"]].to_dict()
    if standard is not TIMES:  # the least lead in the logarithm of a time would mean nothing
        found["least_lead"] = least_lead(known, expected)
    return found | {"result": result if free.any() else f"{result} (not counted)"}


def least_lead(rows: pd.DataFrame, expected: int) -> float:
    """A true lead in every comparison with which runs like these show a claim four times in five.

    With n comparisons, each must show it with a probability of `POWER` to the power 1 / n; where
    they are not independent less is enough. The largest over the rows; NaN without `se` and `df`.

    Args:
        rows: comparisons, with `se` and `df`.
        expected: n of the whole claim.
    """
    if not {"se", "df"} <= set(rows):
        return float("nan")
    return float(least_detectable(rows["se"], rows["df"], POWER ** (1 / expected)).max())
