"""The verdict on a claim of the kind "best everywhere" from a family of comparisons."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from paper_code.reporting.evidence import counts, join_obstacles, split_obstacles
from paper_code.reporting.markdown import number, p_text
from paper_code.reporting.tables.paired import findings

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
UNTESTABLE, NOT_RUN = "not testable here", "not run"


@dataclass(frozen=True)
class Outcome:
    """One test of a claim: `low` and `high` bound the difference that decides it, if any."""

    evidence: str  # "printed" or "measured"
    part: str
    how: str
    result: str
    verdict: str
    source: str
    difference: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    p_holm: float = float("nan")
    why: str = ""


def judge(rows: pd.DataFrame, expected: int) -> tuple[str, str]:
    """Verdict and reason from comparisons with columns difference, p_holm and obstacles.

    `expected` is how many comparisons the whole claim has.
    """
    if rows.empty:
        return NOT_RUN, "no such runs"
    counted = rows[counts(rows)]
    if counted.empty:
        return UNTESTABLE, join_obstacles(*map(split_obstacles, rows["obstacles"]))
    found = findings(counted["difference"], counted["p_holm"])
    better, worse = int((found == "better").sum()), int((found == "worse").sum())
    if worse:
        return CONTRADICTED, f"{worse} of {len(counted)} comparisons show the opposite"
    if better == expected:
        return SUPPORTED, f"all {expected} comparisons show it"
    missing = "" if len(counted) == expected else f", {expected - len(counted)} not made"
    return UNDECIDED, f"{better} of {expected} comparisons show it, none the opposite{missing}"


def weigh(
    rows: pd.DataFrame,
    expected: int,
    name: Callable[[pd.Series], str],
    *,
    part: str,
    how: str,
    source: str,
    digits: int = 3,
) -> Outcome:
    """The outcome of a family; the comparison that speaks least for the claim stands in the row."""
    verdict, why = judge(rows, expected)
    if rows.empty:
        return Outcome("measured", part, how, "", verdict, source, why=why)
    counted = counts(rows)
    shown = rows[counted] if counted.any() else rows
    known = shown.dropna(subset="difference")
    if known.empty:
        return Outcome("measured", part, how, "no defined difference", verdict, source, why=why)
    least = known.loc[known["difference"].idxmin()]
    found = pd.Series(findings(shown["difference"], shown["p_holm"]))
    result = (
        f"of {len(shown)} differences {int((shown['difference'] > 0).sum())} are positive, "
        f"{int((found == 'better').sum())} shown better, {int((found == 'worse').sum())} shown "
        f"worse; the least: {least['difference']:+.{digits}f} "
        f"[{number(least['low'], digits)}, {number(least['high'], digits)}], "
        f"{p_text(least['p_holm'])} (Holm), {name(least)}"
    )
    if not counted.any():
        result += " (not counted)"
    return Outcome(
        "measured",
        part,
        how,
        result,
        verdict,
        source,
        *(float(least[key]) for key in ("difference", "low", "high", "p_holm")),
        why=why,
    )
