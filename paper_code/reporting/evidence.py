"""Whether a result counts as evidence about the paper, and what stands against it.

One encoding in every table: a bare `verdict`, and a column `obstacles` with the reasons why the
result is no evidence, joined by ", ", or "" where it counts. The error rates of the verdicts are
simulated by benchmarks/verdicts.py.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t

from paper_code.datasets.catalog import PAPER_DATASETS
from paper_code.metrics.comparisons import holm
from paper_code.networks.names import parse_network
from paper_code.networks.registry import NEVER_PRETRAINED
from paper_code.published import published_table

LEVEL = 0.05  # of every test
MARGIN = 0.02  # differences within two points count as none
FEWEST_RUNS = 5  # seeds of each network, for a claim about networks
FEWEST_PATIENTS = 20  # below, intervals are too narrow (docs/results/statistics.md)
AGREES, DIFFERS, NOT_COMPARABLE = "agrees", "differs", "not comparable"
TOO_LITTLE = "too little data"
BETTER, WORSE, EQUIVALENT = "better", "worse", "equivalent"
# What the paper states of its training (section IV-A).
PROTOCOL = {
    "image_size": 224,
    "epochs": 50,
    "batch_size": 32,
    "learning_rate": 1e-4,
    "dropout": 0.25,
}
NOT_PRINTED, NOT_MEASURED = "not printed", "not measured"
# The paper prints F1 as a pair a/b; what a and b are is discussed in tables/audit.md.
PRINTED_NAMES = {"f1_macro": "f1_first", "f1_weighted": "f1_second"}


def obstacles(source: dict, scale: str) -> list[str]:
    """Why a data set of a scale cannot speak for or against what is printed; empty if it can."""
    found = []
    if source["source"] == "phantom":
        found.append("phantom")
    elif source["dataset"] not in PAPER_DATASETS:
        found.append("not the paper's data")
    elif not source["complete"]:
        found.append("subset")
    if scale != "paper":
        found.append(f"{scale} scale")
    return found


def run_obstacles(facts: dict, scale: str) -> list[str]:
    """Why a run (its `run.json`) cannot speak for or against the printed one; empty if it can.

    Random weights stand against it, unless no others exist (`NEVER_PRETRAINED`), and at the paper
    scale any other value of what the paper states (`PROTOCOL`).
    """
    found = obstacles(facts["data"], scale)
    pretrained = parse_network(facts["network"])[0] not in NEVER_PRETRAINED
    if facts["weights"].startswith("random") and pretrained:
        found.append("random weights")
    if facts["frozen"]:
        found.append("frozen backbone")
    stated = facts["settings"] | {"dropout": facts["dropout"]}
    if scale == "paper" and any(stated[name] != value for name, value in PROTOCOL.items()):
        found.append("other protocol")
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


def exact_verdict(value: float, printed: float, reasons: list[str]) -> dict[str, str]:
    """The columns `verdict` and `obstacles` of a count, which agrees if it is the printed one.

    "not comparable" where there are `reasons` why it is a count of something else; "not printed"
    and "not measured" where there is no such value.
    """
    if np.isnan(printed):
        name = NOT_PRINTED
    elif reasons:
        name = NOT_COMPARABLE
    elif np.isnan(value):
        name = NOT_MEASURED
    else:
        name = AGREES if value == printed else DIFFERS
    return {"verdict": name, "obstacles": join_obstacles(reasons)}


def replication(values: Sequence[float], printed: float, step: float) -> dict[str, float | bool]:
    """Could the printed value be one more run of the experiment that gave `values`?

    Both are runs on the same data set, each with its own split and seed, so the printed value has
    the error of one run and their mean that of S. If it is one more of them, (mean - printed) /
    (s sqrt(1 + 1 / S)) has Student's t distribution with S - 1 degrees of freedom; s is the
    standard deviation between the runs, at least `step` (one test image). Near 1 values are skewed,
    so the test is made on the scale of the values and on that of the arcsine of their root, which
    evens out their variance, and the larger p-value counts.

    Args:
        values: one for each run, from 0 to 1.
        printed: the value to be tested.
        step: the least difference that a value can have.

    Returns:
        replication_low, replication_high: the 95 % prediction interval for one more run, both
            scales' together.
        p_value: two-sided.
        equivalent: whether the 90 % interval of the difference between the two experiments lies
            within `MARGIN` (two one-sided tests at 5 %).
        All NaN and False with one run.
    """
    values = np.asarray(values, dtype=np.float64)
    runs, mean = len(values), values.mean()
    if runs < 2 or np.isnan(mean + printed):
        nothing = dict.fromkeys(("replication_low", "replication_high", "p_value"), np.nan)
        return nothing | {"equivalent": False}
    lows, highs, p_values, errors = [], [], [], []
    for forth, back in ((_itself, _itself), (_arcsine, _sine)):
        scaled = forth(values)
        least = abs(forth(mean) - forth(mean - step if mean > step else mean + step))
        error = max(scaled.std(ddof=1), least) * np.sqrt(1 + 1 / runs)
        errors.append(error)
        reach = t.ppf(1 - LEVEL / 2, runs - 1) * error
        lows.append(back(scaled.mean() - reach))
        highs.append(back(scaled.mean() + reach))
        p_values.append(2 * t.sf(abs(scaled.mean() - forth(printed)) / error, runs - 1))
    return {
        "replication_low": max(0.0, min(lows)),
        "replication_high": min(1.0, max(highs)),
        "p_value": float(max(p_values)),
        "equivalent": bool(abs(mean - printed) + t.ppf(1 - LEVEL, runs - 1) * errors[0] <= MARGIN),
    }


def _itself(value):
    return value


def _arcsine(share):
    return np.arcsin(np.sqrt(np.clip(share, 0, 1)))


def _sine(angle):
    return np.sin(np.clip(angle, 0, np.pi / 2)) ** 2


def replication_verdicts(rows: pd.DataFrame) -> pd.DataFrame:
    """Add p_holm and verdict to rows with printed, p_value, equivalent, metric and obstacles.

    The family of Holm's correction is one metric of one table, of the cells that count. "differs"
    where p_holm < 0.05; "agrees" where the two are equivalent; else "too little data".
    """
    rows = rows.copy()
    family = [rows["metric"], counts(rows)]
    rows["p_holm"] = rows.groupby(family)["p_value"].transform(holm)
    rows["verdict"] = np.select(
        [rows["printed"].isna(), ~counts(rows), rows["p_holm"] < LEVEL, rows["equivalent"]],
        [NOT_PRINTED, NOT_COMPARABLE, DIFFERS, AGREES],
        TOO_LITTLE,
    )
    return rows


def outside_prediction(rows: pd.DataFrame) -> tuple[int, int]:
    """How many cells count and have a prediction interval, and how many of them lie outside it."""
    tested = rows[counts(rows) & rows["p_value"].notna()]
    return len(tested), int((tested["p_value"] < LEVEL).sum())


def findings(rows: pd.DataFrame) -> np.ndarray:
    """What each comparison shows, from difference, p_holm, se and df.

    "better" or "worse" (p_holm < 0.05), "equivalent" (the 90 % interval lies within `MARGIN`: two
    one-sided tests), else "too little data".
    """
    shown = rows["p_holm"] < LEVEL
    reach = t.ppf(1 - LEVEL, rows["df"]) * rows["se"]
    return np.select(
        [
            shown & (rows["difference"] > 0),
            shown & (rows["difference"] < 0),
            rows["difference"].abs() + reach <= MARGIN,
        ],
        [BETTER, WORSE, EQUIVALENT],
        TOO_LITTLE,
    )


def least_detectable(se: pd.Series, df: pd.Series, power: float = 0.8) -> pd.Series:
    """The true difference that a two-sided test at 5 % with this standard error finds so often."""
    return se * (t.ppf(1 - LEVEL / 2, df) + t.ppf(power, df))


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
