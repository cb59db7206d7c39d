"""The long table of measured results: every network on every data set and split, by every metric.

Printed values stand beside the measured ones; where nothing was run they stand alone. The tables of
the paper about results are layouts of this one (`reporting.layouts`).
"""

import functools
from collections import Counter

import numpy as np
import pandas as pd

from paper_code.datasets.catalog import PAPER_DATASETS, of_families
from paper_code.errors import UserError
from paper_code.metrics import Sample, runs_interval
from paper_code.metrics.calibration import weighted_calibration
from paper_code.metrics.intervals import statistics_interval
from paper_code.metrics.replication import replication
from paper_code.networks.registry import VARIANT
from paper_code.published import PRINTED_NAMES, printed_value, published_table
from paper_code.reporting.labels import DIAGNOSTICS, PERFORMANCE
from paper_code.reporting.layouts import PAPER_LAYOUTS, REFERENCE, layer_of, printed_network
from paper_code.reporting.markdown import COUNTS
from paper_code.reporting.verdicts import (
    DIFFERS,
    MARGIN,
    NOT_RUN,
    REPLICATION,
    joined,
    order_margin,
    predicted,
    replicated,
    replicates,
    run_obstacles,
    shortfall,
)
from paper_code.runs import Run, load_run, run_columns, samples

METRICS = (*PERFORMANCE, "auc_roc", *DIAGNOSTICS, "mcc", "balanced_accuracy")
CALIBRATION = ("ece", "brier")
ALIKE = ("weights", "frozen", "dropout")  # of all seeds' runs


def rows(*, runs: list[str], scale: str, resamples: int) -> pd.DataFrame:
    """`result_rows` of the runs whose run.json are given."""
    return result_rows([load_run(path) for path in runs], scale=scale, resamples=resamples)


def result_rows(runs: list[Run], *, scale: str, resamples: int) -> pd.DataFrame:
    """One row per data set, kind of split, network, metric and table that prints it.

    Runs that differ in their seeds alone are one row: `value`, `low`, `high` and `spread` are those
    of `runs_interval`, `seed_values` the value of every run; `replication_low`, `replication_high`,
    `p_value` and `equivalent` those of `replication` (undefined for runs that share splits),
    `p_holm`, `verdict` and `reason` those of `replicated`. Printed values stand beside the kind of
    split that most networks of a data set ran with; the paper's, by image, if both are equal.

    Raises:
        UserError: runs of one data set and network differ in more than their seeds.
    """
    groups = group_runs(runs)
    kinds = Counter((dataset, by) for dataset, by, _ in groups)
    rows = []
    for (dataset, by, network), same in groups.items():
        labels = [run.part("test")[0] for run in same]
        own = all(len({run.repeat[place] for run in same}) == len(same) for place in (0, 1))
        common = {
            "obstacles": joined(run_obstacles(same[0].facts, scale)),
            "shortfall": shortfall((run.repeat for run in same), standard=REPLICATION),
            **run_columns(same, scale),
            "largest_class": np.mean([np.bincount(each).max() / len(each) for each in labels]),
        }
        by_image = kinds[dataset, "image"] >= kinds[dataset, "patient"]
        printed_here = (by == "image") == by_image
        for metric, found in _intervals(samples(same), resamples).iterrows():
            values = found.pop("run_values")
            for number, printed in _printed(dataset, network, metric, printed_here):
                margin = order_margin(_printed_column(number, dataset, metric))
                rows.append(
                    {"dataset": dataset, "splits": by, "network": network, "metric": metric}
                    | found.to_dict()
                    | {"table": number, "printed": printed, "difference": found["value"] - printed}
                    # Runs that share splits or seeds scatter too little: as one run, they tell
                    # nothing about the next.
                    | replication(
                        values if own else values[:1], printed, 1 / len(labels[0]), margin
                    )
                    | {"seed_values": " ".join(f"{each:.6f}" for each in values), "margin": margin}
                    | common
                )
    rows = pd.DataFrame([*rows, *_not_run(rows)]).astype(dict.fromkeys(COUNTS[:3], "Int64"))
    ruled = [replicated(of_table) for _, of_table in rows.groupby("table", sort=False)]
    rows = pd.concat(ruled).sort_index()
    head = ["dataset", "splits", "network", "metric", "value", "low", "high", "spread", "table"]
    head += ["printed", "difference", "verdict", "reason", "obstacles"]
    rounded = ["value", "low", "high", "spread", "difference", "replication_low"]
    rounded += ["replication_high", "p_value", "p_holm", "largest_class"]
    return rows[[*head, *rows.columns.drop(head)]].round(dict.fromkeys(rounded, 6))


def _intervals(tested: list[Sample], resamples: int) -> pd.DataFrame:
    """value, low, high, spread and run_values of each metric over some runs."""
    calibration = statistics_interval(
        [functools.partial(weighted_calibration, y, p) for y, p, _ in tested],
        CALIBRATION,
        [codes for _, _, codes in tested],
        resamples,
    )
    found = pd.concat([runs_interval(tested, METRICS, resamples), calibration])
    return found.set_index("metric").astype(dict.fromkeys(("value", "low", "high"), float))


def _printed(
    dataset: str, network: str, metric: str, printed_here: bool
) -> list[tuple[str, float]]:
    """The printed tables that a result belongs to, with what they print; ("", NaN) if none."""
    found = []
    for layout in PAPER_LAYOUTS if printed_here else ():
        fits = dataset in of_families(layout.families) and metric in layout.metrics
        gate = network.partition(VARIANT)
        if fits and (gate[0] == REFERENCE if layout.gates else not gate[1]):
            subject = {"placement": layer_of(network)} if layout.gates else {"network": network}
            value = printed_value(layout.number, dataset=dataset, metric=metric, **subject)
            found.append((layout.number, value))
    return found or [("", float("nan"))]


def _not_run(rows: list[dict]) -> list[dict]:
    """The printed values beside which there is no run, if any data set is the paper's."""
    measured = {(row["table"], row["dataset"], row["network"], row["metric"]) for row in rows}
    if not any(row["dataset"] in PAPER_DATASETS for row in rows):
        return []
    ours = {theirs: name for name, theirs in PRINTED_NAMES.items()}
    found = []
    for layout in PAPER_LAYOUTS:
        for cell in published_table(layout.number).to_dict("records"):
            key = (
                layout.number,
                cell["dataset"],
                printed_network(cell),
                ours.get(cell["metric"], cell["metric"]),
            )
            if key not in measured:
                columns = dict(zip(("table", "dataset", "network", "metric"), key, strict=True))
                found.append(
                    columns
                    | {"printed": cell["value"], "obstacles": NOT_RUN, "shortfall": ""}
                    | {"equivalent": False, "margin": MARGIN}
                )
    return found


def _printed_column(table: str, dataset: str, metric: str) -> list[float]:
    """The printed values of one metric on one data set; of all networks, or placements."""
    if not table:
        return []
    rows = published_table(table)
    name = PRINTED_NAMES.get(metric, metric)
    return rows.loc[(rows["dataset"] == dataset) & (rows["metric"] == name), "value"].to_list()


def chance(rows: pd.DataFrame) -> list[str]:
    """The verdict on a table as a whole, from how many cells lie outside their intervals."""
    tested = len(predicted(rows))
    if not tested:
        return []
    whole = replicates(rows[rows["printed"].notna()])
    return [
        f"That the printed values replicate, as a whole: **{whole.verdict}** ({whole.reason}). "
        f"Of {tested} cells that count, {int((rows['verdict'] == DIFFERS).sum())} differ singly; "
        "few runs predict the next one poorly, so single cells are seldom shown to."
    ]


def group_runs(runs: list[Run]) -> dict[tuple[str, str, str], list[Run]]:
    """Runs that differ in their seeds alone, by data set, kind of split and network, in order.

    Raises:
        UserError: runs of one data set, split and network differ in more than their seeds.
    """
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.dataset, run.facts["by"], run.network), []).append(run)
    for (dataset, _, network), same in groups.items():
        for run in same[1:]:
            if differing := [key for key in ALIKE if run.facts[key] != same[0].facts[key]]:
                raise UserError(
                    f"Runs of {network} on {dataset} differ in {', '.join(differing)}: "
                    f"{[[r.facts[key] for key in differing] for r in (same[0], run)]}. "
                    "Only their seeds may differ in one table."
                )
    return groups
