"""Parameters, multiply-adds and times of the networks: Tables IX and X."""

import numpy as np
import pandas as pd

from paper_code.datasets.catalog import PAPER_DATASETS
from paper_code.networks.registry import parse_network
from paper_code.networks.structure import count_parameters, gmacs, meta_network
from paper_code.published import printed_value, published_table
from paper_code.reporting.markdown import distinct
from paper_code.reporting.tables.results import group_runs
from paper_code.reporting.verdicts import (
    NO_INTERVAL,
    NOT_IDENTIFIED,
    OTHER_HARDWARE,
    exact_columns,
    joined,
    run_obstacles,
    shortfall,
)
from paper_code.reporting.verdicts import TIMES as RATIOS
from paper_code.runs import Run, load_run, run_columns

PAPER_HARDWARE = "NVIDIA RTX A4000"  # section IV-A
IMAGE_SIZE = 224
READINGS = ("named", "counted")
# Any of these may be what the paper calls convergence time.
TIMES = ("total_seconds", "seconds_to_best", "seconds_to_near_best")
# Keys of timing.json.
TIMINGS = (*TIMES, "best_epoch", "epochs_to_near_best", "images_per_second", "peak_memory_bytes")


def rows(*, runs: list[str], scale: str, number: str) -> pd.DataFrame:
    """`cost_rows` of the runs whose run.json are given."""
    return cost_rows([load_run(path, timing=True) for path in runs], number, scale)


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Add `about`: a size, a time, or nothing that is shown, as of a time on a CPU."""
    sizes = rows["metric"].str.startswith(("parameters_", "gmacs_"))
    times = rows["metric"].isin(TIMINGS)
    if times.any():  # a processor's name ends with the number of its cores
        times &= ~rows["hardware"].fillna("").str.endswith(" cores")
    return rows.assign(about=np.select([sizes, times], ["size", "time"], ""))


def cost_rows(runs: list[Run], number: str, scale: str) -> pd.DataFrame:
    """All costs beside the printed values: one row per data set, network and metric.

    Parameters and GMACs of all printed networks; they depend on the data by the number of classes
    alone, so for BreakHis they stand once, under the data set `breakhis`. Times of the runs.

    Raises:
        UserError: runs of one data set and network differ in more than their seeds.
    """
    printed = published_table(number)
    rows = []
    for cell in printed[printed["metric"] == "parameters"].to_dict("records"):
        rows += _size_rows(number, cell["dataset"], cell["network"], cell["value"])
    for (dataset, _, network), same in group_runs(runs).items():
        if dataset in set(printed["dataset"]):
            rows += _time_rows(number, dataset, network, same, scale)
    return pd.DataFrame(rows).round({"value": 6, "difference": 6})


def _size_rows(table: str, place: str, network: str, printed: float) -> list[dict]:
    family = place.partition("_")[0]
    facts = next(each for name, each in PAPER_DATASETS.items() if name.startswith(family))
    classes = len(facts.classes)
    base, gate_after = parse_network(network)
    values = {
        f"parameters_{reading}": _parameters(network, classes, reading) for reading in READINGS
    }
    values[f"gmacs_{IMAGE_SIZE}"] = gmacs(
        base, classes=classes, image_size=IMAGE_SIZE, gate_after=gate_after
    )
    rows = []
    for metric, value in values.items():
        beside = printed if metric.startswith("parameters_") else np.nan
        row = {"table": table, "dataset": place, "network": network, "metric": metric}
        row |= {"value": value, "printed": beside, "difference": value - beside}
        rows.append(row | exact_columns(value, beside, missing=NOT_IDENTIFIED))
    return rows


def _parameters(network: str, classes: int, reading: str) -> float:
    """Total parameters; NaN for the one network whose counted reading is not identified."""
    base, gate_after = parse_network(network)
    if (base, reading) == ("vgg16_inception", "counted"):
        return np.nan
    return count_parameters(meta_network(base, classes, reading, gate_after=gate_after))


def _time_rows(table: str, dataset: str, network: str, runs: list[Run], scale: str) -> list[dict]:
    """Timings of the runs of one network on one data set: their means over the seeds."""
    named = "convergence_time_s" if dataset.startswith("breakhis_") else "average_time_s"
    seconds = printed_value(table, dataset=dataset, network=network, metric=named)
    columns = run_columns(runs, scale) | {
        "hardware": distinct(run.timing["hardware"] for run in runs)
    }
    against = [] if columns["hardware"] == PAPER_HARDWARE else [OTHER_HARDWARE]
    against += [reason for run in runs for reason in run_obstacles(run.facts, scale)]
    against = list(dict.fromkeys(against)) or [NO_INTERVAL]  # the next run takes another time
    lacking = shortfall((run.repeat for run in runs), standard=RATIOS)
    rows = []
    for metric in TIMINGS:
        values = [run.timing[metric] for run in runs]
        value, printed = float(np.mean(values)), seconds if metric in TIMES else np.nan
        row = {"table": table, "dataset": dataset, "network": network, "metric": metric}
        row |= {"value": value, "printed": printed, "difference": value - printed}
        row |= exact_columns(value, printed, against) | {"shortfall": lacking}
        row |= {"obstacles": joined(against)}
        row |= {"seed_values": " ".join(map(str, values)), **columns}
        row |= {"epochs": runs[0].facts["settings"]["epochs"]}
        rows.append(row)
    return rows
