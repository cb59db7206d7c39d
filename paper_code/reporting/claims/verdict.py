"""The verdict on a claim of the kind "best everywhere" from a family of comparisons."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from paper_code.reporting.evidence import (
    FEWEST_PATIENTS,
    FEWEST_RUNS,
    LEVEL,
    counts,
    join_obstacles,
    split_obstacles,
)
from paper_code.reporting.markdown import number, p_text

# What runs show. Printed numbers have no intervals: they are in the claimed order or not.
SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
AHEAD, BEHIND, TIED = "ahead", "behind", "tied"
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
    chance: str = ""  # printed order: how far chance alone reaches
    audit: str = ""  # printed order: what the audit says of the same columns


def judge(rows: pd.DataFrame, expected: int) -> tuple[str, str]:
    """Verdict and reason from comparisons with difference, p_value, p_holm and obstacles.

    "contradicted": some comparison shows the opposite, so Holm's correction keeps the chance of a
    false one at 5 % for the family. "supported": every one shows the claimed direction at 5 %
    without correction, which is valid because all of them must (an intersection-union test: Berger
    1982). Where the comparisons have the columns `runs` and `resampled_units`, fewer than
    `FEWEST_RUNS` runs or `FEWEST_PATIENTS` patients decide nothing. `expected` is how many
    comparisons the whole claim has.
    """
    if rows.empty:
        return NOT_RUN, "no such runs"
    counted = rows[counts(rows)]
    if counted.empty:
        return UNTESTABLE, join_obstacles(*map(split_obstacles, rows["obstacles"]))
    if too_few := _too_few(counted):
        return UNDECIDED, too_few
    better, worse = shown_better(counted), shown_worse(counted)
    if worse:
        return CONTRADICTED, f"{worse} of {len(counted)} comparisons show the opposite"
    if better == expected:
        return SUPPORTED, f"all {expected} comparisons show it"
    missing = "" if len(counted) == expected else f", {expected - len(counted)} not made"
    return UNDECIDED, f"{better} of {expected} comparisons show it, none the opposite{missing}"


def shown_better(rows: pd.DataFrame) -> int:
    """How many comparisons show the claimed direction, each at 5 % on its own."""
    return int(((rows["difference"] > 0) & (rows["p_value"] < LEVEL)).sum())


def shown_worse(rows: pd.DataFrame) -> int:
    """How many show the opposite after Holm's correction."""
    return int(((rows["difference"] < 0) & (rows["p_holm"] < LEVEL)).sum())


def _too_few(rows: pd.DataFrame) -> str:
    """Why no claim about networks can follow from these comparisons; "" if one can."""
    if "runs" in rows and rows["runs"].min() < FEWEST_RUNS:
        runs = int(rows["runs"].min())
        seeds = "one seed" if runs == 1 else f"{runs} seeds"
        return f"{seeds}; a claim about networks needs at least {FEWEST_RUNS}"
    if "resampled_units" in rows and rows["resampled_units"].min() < FEWEST_PATIENTS:
        patients = int(rows["resampled_units"].min())
        return f"{patients} test patients on one set; at least {FEWEST_PATIENTS} are needed"
    return ""


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
    result = (
        f"differences: {len(shown)}; positive: {int((shown['difference'] > 0).sum())}; "
        f"shown better: {shown_better(shown)}; shown worse: {shown_worse(shown)}; the least: "
        f"{least['difference']:+.{digits}f} "
        f"[{number(least['low'], digits)}, {number(least['high'], digits)}], "
        f"{p_text(least['p_value'])}, {p_text(least['p_holm'])} (Holm), {name(least)}"
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
