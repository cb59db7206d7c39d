"""One test of a claim, as a row of the table of claims."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from paper_code.metrics.power import least_detectable
from paper_code.reporting.markdown import number, p_text
from paper_code.reporting.verdicts import (
    PAPER,
    Ruling,
    Standard,
    counts,
    everywhere,
    shown_better,
    shown_worse,
)

# Printed numbers have no intervals: they are in the claimed order or not.
AHEAD, BEHIND, TIED = "ahead", "behind", "tied"
POWER = 0.8  # of the lead that is said to be found


@dataclass(frozen=True)
class Outcome:
    """One test of a claim: `low` and `high` bound the difference that decides it, if any."""

    evidence: str  # "printed" or "measured"
    part: str
    how: str
    result: str
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


def ruled(
    ruling: Ruling, *, part: str, how: str, source: str, result: str = "", **more: float
) -> Outcome:
    """The measured outcome of a ruling."""
    verdict, reason = ruling
    return Outcome("measured", part, how, result, verdict.value, source, reason=reason, **more)


def weigh(
    rows: pd.DataFrame,
    expected: int,
    name: Callable[[pd.Series], str],
    *,
    part: str,
    how: str,
    source: str,
    digits: int = 3,
    standard: Standard = PAPER,
) -> Outcome:
    """The outcome of a family; the comparison that speaks least for the claim stands in the row.

    Arguments as `verdicts.everywhere`; `name` says what a comparison is with.
    """
    ruling = everywhere(rows, expected, standard)
    about = {"part": part, "how": how, "source": source}
    if rows.empty:
        return ruled(ruling, **about)
    free = counts(rows, standard)
    shown = rows[free] if free.any() else rows
    known = shown.dropna(subset="difference")
    if known.empty:
        return ruled(ruling, **about, result="no defined difference")
    least = known.loc[known["difference"].idxmin()]
    result = (
        f"differences: {len(shown)}; positive: {int((shown['difference'] > 0).sum())}; "
        f"shown better: {shown_better(shown)}; shown worse: {shown_worse(shown)}; the least: "
        f"{least['difference']:+.{digits}f} "
        f"[{number(least['low'], digits)}, {number(least['high'], digits)}], "
        f"{p_text(least['p_value'])}, {p_text(least['p_holm'])} (Holm), {name(least)}"
    )
    if not free.any():
        result += " (not counted)"
    ends = {key: float(least[key]) for key in ("difference", "low", "high", "p_holm")}
    return ruled(ruling, **about, result=result, **ends, least_lead=least_lead(known, expected))


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
    leads = least_detectable(rows["se"], rows["df"], POWER ** (1 / expected))
    return float(leads.max())
