"""Measured beside printed: value, interval, printed value, difference, verdict."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from paper_code.errors import UserError
from paper_code.metrics import bootstrap_interval
from paper_code.published import published_table
from paper_code.reporting.results import Run

# The paper prints F1 as a pair a/b; what a and b are is discussed in tables/audit.md.
PRINTED_NAMES = {"f1_macro": "f1_first", "f1_weighted": "f1_second"}

ALIKE = ("network", "by", "weights", "frozen", "dropout")  # of all seeds' runs


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


def printed_value(table: str, **keys: str) -> float:
    """One printed number, such as printed_value("07", dataset=..., network=..., metric=...).

    NaN where the paper does not print it.
    """
    printed = published_table(table)
    keys["metric"] = PRINTED_NAMES.get(keys["metric"], keys["metric"])
    for column, value in keys.items():
        printed = printed[printed[column] == value]
    return float(printed["value"].iloc[0]) if len(printed) else float("nan")


def network_of(run: Run) -> str:
    """The name of a run's network: what most tables have rows of."""
    return run.network


def group_runs(
    runs: list[Run], name_of: Callable[[Run], str] = network_of
) -> dict[tuple[str, str], list[Run]]:
    """Runs that differ in their seed alone, by data set and `name_of` the run, in order.

    Raises:
        UserError: runs of one data set and network differ in more than their seed.
    """
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.dataset, name_of(run)), []).append(run)
    for (dataset, name), same in groups.items():
        for run in same[1:]:
            if differing := [key for key in ALIKE if run.facts[key] != same[0].facts[key]]:
                raise UserError(
                    f"Runs of {name} on {dataset} differ in {', '.join(differing)}: "
                    f"{[[r.facts[key] for key in differing] for r in (same[0], run)]}. "
                    "Only their seeds may differ in one table."
                )
    return groups


def compare_runs(
    runs: list[Run],
    metrics: list[str],
    table: str,
    *,
    scale: str,
    resamples: int,
    subject: str = "network",
    name_of: Callable[[Run], str] = network_of,
) -> pd.DataFrame:
    """Test metrics of runs beside the printed values, one row a data set, network and metric.

    `subject` is what the rows are about, a column of the printed table: "network", or "placement"
    in Table II. `name_of` gives its value for a run.

    Runs that differ in their seed alone are one row: `value` is the mean over the seeds, `low` and
    `high` the mean ends of the seeds' 95 % bootstrap intervals (patients resampled where known),
    `seed_values` every seed's value.

    Raises:
        UserError: runs of one data set and network differ in more than their seed.
    """
    rows = []
    for (dataset, name), same in group_runs(runs, name_of).items():
        facts = same[0].facts
        intervals = [
            bootstrap_interval(*run.part("test"), metrics=metrics, resamples=resamples).set_index(
                "metric"
            )
            for run in same
        ]
        labels, _, patients = same[0].part("test")
        reasons = obstacles(facts["data"], scale, facts["weights"])
        for metric in metrics:
            value, low, high = (
                float(np.mean([interval.loc[metric, column] for interval in intervals]))
                for column in ("value", "low", "high")
            )
            printed = printed_value(table, dataset=dataset, metric=metric, **{subject: name})
            rows.append(
                {
                    "table": table,
                    "dataset": dataset,
                    subject: name,
                    "metric": metric,
                    "value": value,
                    "low": low,
                    "high": high,
                    "printed": printed,
                    "difference": value - printed,
                    "verdict": verdict(value, low, high, printed, reasons),
                    "seed_values": " ".join(f"{i.loc[metric, 'value']:.6f}" for i in intervals),
                    "seeds": " ".join(str(run.facts["seed"]) for run in same),
                    "test_images": len(labels),
                    "test_patients": len(set(patients) - {""}),
                    "data": facts["data"]["description"],
                    "weights": facts["weights"],
                    "splits": facts["by"],
                    "scale": scale,
                }
            )
    return pd.DataFrame(rows).round(dict.fromkeys(("value", "low", "high", "difference"), 6))
