"""Metrics that class imbalance does not flatter, and calibration, of every network and data set."""

import functools

import numpy as np
import pandas as pd

from paper_code.metrics import (
    Sample,
    runs_interval,
    statistics_interval,
    weighted_calibration,
)
from paper_code.reporting.labels import DATASET_LABELS, METRIC_LABELS, NETWORK_LABELS
from paper_code.reporting.markdown import (
    interval_text,
    markdown,
    number,
    provenance_block,
    write_table,
)
from paper_code.reporting.tables.scores import group_runs, tested_text
from paper_code.runs import Run, load_run, repeat_columns, samples

RANKING = ("balanced_accuracy", "mcc", "auc_roc")
CALIBRATION = ("ece", "brier")
NOTES = """Each cell: value on the test part [95 % interval]. The paper prints none of these but the
AUC of Table II.

- Always naming the largest class has that class's share as its accuracy, but a balanced accuracy of
  1 / K and an MCC of 0.
- ECE: expected calibration error, 15 bins; the smaller the better, biased upwards for few images.
  Brier score: mean squared error of the probabilities, 0 to 1 for two classes, 0 to 2 for more.
- Of several runs: the mean, with an interval for other patients (drawn where they are known) and
  other runs, and ± the standard deviation between the runs."""


def write(output: str, *, runs: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md.

    Args:
        output: the CSV.
        runs: `run.json` files; predictions lie beside them.
        scale: demo or paper.
        resamples: of the bootstrap.
    """
    loaded = [load_run(path) for path in runs]
    rows = balanced_rows(loaded, scale=scale, resamples=resamples)
    blocks = [_block(dataset, subset) for dataset, subset in rows.groupby("dataset", sort=False)]
    title = "Balanced metrics and calibration"
    write_table(output, rows, title, [NOTES, *blocks, provenance_block(loaded, scale)])


def balanced_rows(runs: list[Run], *, scale: str, resamples: int) -> pd.DataFrame:
    """One row per data set, network and metric; of several runs the mean, all values kept."""
    rows = []
    for (dataset, network), same in group_runs(runs).items():
        tested = samples(same)
        table = _intervals(tested, resamples)
        labels, _, patients = same[0].part("test")
        for metric in (*RANKING, *CALIBRATION):
            rows.append(
                {"dataset": dataset, "network": network, "metric": metric}
                | table.loc[metric, ["value", "low", "high", "spread"]].to_dict()
                | {
                    "seed_values": " ".join(f"{v:.6f}" for v in table.loc[metric, "run_values"]),
                    **repeat_columns(same),
                    "largest_class": np.bincount(labels).max() / len(labels),
                    "test_images": len(labels),
                    "test_patients": len(set(patients) - {""}),
                    "data": same[0].facts["data"]["description"],
                    "weights": same[0].facts["weights"],
                    "splits": same[0].facts["by"],
                    "scale": scale,
                }
            )
    rounded = ("value", "low", "high", "spread", "largest_class")
    return pd.DataFrame(rows).round(dict.fromkeys(rounded, 6))


def _intervals(tested: list[Sample], resamples: int) -> pd.DataFrame:
    """Value, low, high and spread of each metric over some runs."""
    calibration = statistics_interval(
        [functools.partial(weighted_calibration, y, p) for y, p, _ in tested],
        CALIBRATION,
        [codes for _, _, codes in tested],
        resamples,
    )
    ranking = runs_interval(tested, RANKING, resamples)
    return pd.concat([ranking, calibration]).set_index("metric")


def _block(dataset: str, rows: pd.DataFrame) -> str:
    lines = []
    for network, subset in rows.groupby("network", sort=False):
        cells = subset.set_index("metric")
        lines.append(
            {"Network": NETWORK_LABELS.get(network, network)}
            | {
                METRIC_LABELS[m]: interval_text(c["value"], c["low"], c["high"], c["spread"])
                for m, c in cells.iterrows()
            }
        )
    first = rows.iloc[0]
    return (
        f"## {DATASET_LABELS.get(dataset, dataset)}\n\nData: {first['data']}; split by "
        f"{first['splits']}; {tested_text(first)}; share of the largest class "
        f"{number(first['largest_class'])}.\n\n{markdown(pd.DataFrame(lines))}"
    )
