"""What a finding is: a verdict, its reason, and words from findings.yaml with numbers in them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

import pandas as pd
import yaml


class Verdict(StrEnum):
    """What the arithmetic shows, the strongest first."""

    IMPOSSIBLE = "impossible"  # nothing satisfies all the numbers or statements named
    UNEXPLAINED = "unexplained"  # no contradiction, but no reason given either
    CONSISTENT = "consistent"  # the numbers agree
    ABSENT = "absent"  # the pattern looked for is not there


IMPOSSIBLE, UNEXPLAINED, CONSISTENT, ABSENT = Verdict


@dataclass(frozen=True)
class Judgement:
    """A verdict, the reason, and the numbers behind it for the words of the finding."""

    verdict: Verdict
    reason: str
    values: dict[str, object] = field(default_factory=dict)


# Printed tables by the numerals that the findings use.
NUMBER = {"II": "02", "VII": "07", "VIII": "08", "XI": "11", "XII": "12"}
Finding = dict[str, object]  # see `run_audit` for its fields
FIELDS = ("id", "theme", "kind", "tables", "columns", "where", "printed", "computation", "result")
FIELDS += ("tolerance", "verdict", "reason", "reconciles")
CHECKS: list[Callable[..., Iterable[Finding]]] = []


def check(function: Callable) -> Callable:
    """Have the audit call a function of a `Printed` that yields findings."""
    CHECKS.append(function)
    return function


@cache
def texts() -> dict[str, dict]:
    """findings.yaml: themes and their questions, tolerances, and the words of each finding."""
    return yaml.safe_load(Path(__file__).with_name("findings.yaml").read_text(encoding="utf-8"))


def kind(theme: str) -> str:
    """How much a theme matters."""
    return "slip" if theme in texts()["slips"] else "substantive"


def finding(key: str, judgement: Judgement, **values: object) -> Finding:
    """The finding `key` of findings.yaml; numbers take the places of {names}, in the key too."""
    row = {"id": key, "tables": "", "columns": "", "tolerance": "unit"} | texts()["findings"][key]
    row["tolerance"] = texts()["tolerances"].get(row["tolerance"], row["tolerance"])
    if isinstance(row["reconciles"], dict):
        row["reconciles"] = row["reconciles"].get(judgement.verdict.name.lower(), "")
    if judgement.verdict in (CONSISTENT, ABSENT):
        row |= {"reconciles": "", "result": row.get("agreed", row["result"])}
    row |= {"verdict": str(judgement.verdict), "reason": judgement.reason}
    values = judgement.values | values
    values["number"] = NUMBER.get(str(values.get("table")))
    fields = {name: row.get(name, "").format(**values) for name in FIELDS}
    fields["kind"] = kind(fields["theme"])
    return fields | {"place": list(texts()["findings"]).index(key)}


def listed(rows: Iterable) -> str:
    """Name rows as "breakhis_40x vit, ..."; "none" if there are none."""
    names = [" ".join(map(str, row)) if isinstance(row, tuple) else str(row) for row in rows]
    return ", ".join(names) or "none"


# --- rules that lead to a verdict -----------------------------------------------------------------


def exclude(differ: bool, reason: str = "the two statements exclude each other") -> Judgement:
    """Statements that exclude each other, or agree."""
    return Judgement(IMPOSSIBLE, reason) if differ else Judgement(CONSISTENT, "they agree")


def doubt(differ: bool, reason: str = "the paper gives no reason") -> Judgement:
    """Statements that leave a question open, or agree."""
    return Judgement(UNEXPLAINED, reason) if differ else Judgement(CONSISTENT, "they agree")


def closest(judgement: Judgement) -> Judgement:
    """The verdict on a column by the reading of several that comes closest."""
    if judgement.verdict == CONSISTENT:
        return judgement
    return replace(judgement, reason=f"by the closest of the readings tried, {judgement.reason}")


def undefined(judgement: Judgement) -> Judgement:
    """The verdict on one reading of a column for which the paper gives no formula.

    That a reading fails is no contradiction as long as another may be meant.
    """
    if judgement.verdict != IMPOSSIBLE:
        return judgement
    reason = f"{judgement.reason}; the paper gives no formula, and another reading may be meant"
    return replace(judgement, verdict=UNEXPLAINED, reason=reason)


def pattern(found: pd.Series, share: float = 0) -> Judgement:
    """A pattern that no definition of the paper explains, if more than a share of rows has it."""
    count, rows = int(found.sum()), len(found)
    values = {"found": count, "rows": rows}
    values |= {"found_rows": listed(found.index[found]), "other_rows": listed(found.index[~found])}
    if count > share * rows:
        reason = f"a pattern in {count} of {rows} for which the paper gives no reason"
        return Judgement(UNEXPLAINED, reason, values)
    return Judgement(ABSENT, f"the pattern is in {count} of {rows}", values)


def judge(rounded: pd.Series, cut: pd.Series) -> Judgement:
    """Rows (bool) that fit if rounded, and if one whole unit is allowed."""
    rows = len(cut)
    values = {"rows": rows, "rounded": int(rounded.sum()), "cut": int(cut.sum())}
    values |= {"not_rounded": listed(rounded.index[~rounded]), "not_cut": listed(cut.index[~cut])}
    if not cut.all():
        reason = f"{rows - values['cut']} of {rows} rows do not fit even with one whole unit"
        return Judgement(IMPOSSIBLE, reason, values)
    if not rounded.all():
        reason = f"{rows - values['rounded']} of {rows} rows fit with one whole unit, not rounded"
        return Judgement(UNEXPLAINED, reason, values)
    return Judgement(CONSISTENT, "all rows fit", values)
