"""Parameters, multiply-adds and times of the networks: Tables IX and X."""

import numpy as np
import pandas as pd

from paper_code.audit.costs import averages
from paper_code.audit.printed import Printed
from paper_code.networks.names import parse_network
from paper_code.networks.structure import count_parameters, gmacs, meta_network
from paper_code.published import printed_value
from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS
from paper_code.reporting.markdown import distinct, markdown, number, provenance_block, write_table
from paper_code.reporting.tables.results import group_runs
from paper_code.reporting.verdicts import (
    NO_INTERVAL,
    NOT_IDENTIFIED,
    OTHER_HARDWARE,
    exact_columns,
    join_obstacles,
    run_obstacles,
    shortfall,
    split_obstacles,
    verdict_text,
)
from paper_code.reporting.verdicts import TIMES as RATIOS
from paper_code.runs import Run, load_run, repeat_columns

PAPER_HARDWARE = "NVIDIA RTX A4000"  # section IV-A
MAGNIFICATIONS = 4
PLACES = {"breakhis": "BreakHis"}  # what holds for all magnifications
READINGS = ("named", "counted")
# Any of these may be what the paper calls convergence time.
TIMES = ("total_seconds", "seconds_to_best", "seconds_to_near_best")
# Keys of timing.json: heading and decimals of their column.
TIMINGS = {
    "total_seconds": ("All epochs, s", 2),
    "seconds_to_best": ("To best, s", 2),
    "seconds_to_near_best": ("To within 1 point, s", 2),
    "best_epoch": ("Best epoch", 1),
    "epochs_to_near_best": ("Epoch within 1 point", 1),
    "images_per_second": ("Images/s", 1),
    "peak_memory_bytes": ("Peak memory, GiB", 2),
}
DEFINITIONS = f"""## Definitions

- Named: parameters of the network that the name stands for, which is the one trained. Counted: of
  the network that the printed total proves was counted, where it is identified. In brackets: ours
 minus the printed number.
- GMACs: billions of multiply-adds of the convolutions, matrix products and attention in one
  forward pass of one image, of the named network. About 0.27 of DINOv2's GMACs resample its
  position table, once per batch.
- All epochs: training and validation of all epochs after a warm-up step, by a clock read after the
  device has finished its work. To best: up to the end of the epoch with the best validation
  accuracy. To within 1 point: up to the end of the first epoch whose validation accuracy is within
  one percentage point of the best.
- Images/s: training images over the median training time of an epoch. Peak memory: allocated
  by training and evaluation on a GPU; on a CPU, the largest resident memory of the process.
- Convergence (paper): printed without a definition and measured on one {PAPER_HARDWARE}. So the
  CSV has it beside all three times, and on other hardware none speaks for or against it.
- Runs on a CPU may have shared it, as the workflow trains several side by side.
- Of several seeds: the mean. The CSV has every seed's value."""


def write(output: str, *, runs: list[str], scale: str, number: str, title: str) -> None:
    """Write one of Tables IX and X: `output` (.csv) and its .md.

    Args:
        output: the CSV.
        runs: the runs' `run.json` files; `timing.json` lies beside them.
        scale: demo or paper.
        number: of the printed table, "09" or "10".
        title: heading of the page.
    """
    loaded = [load_run(path, timing=True) for path in runs]
    rows = cost_rows(loaded, number, scale)
    page = [_average_note(number), *_size_blocks(rows), *_time_blocks(rows), DEFINITIONS]
    write_table(output, rows, title, [*page, provenance_block(loaded, scale)])


def _average_note(table: str) -> str:
    """What the printed average times are averages of."""
    if table == "10":
        return 'The paper heads its times "average time" and does not say over what it averages.'
    (finding,) = averages(Printed())
    return (
        "The printed average times against the means of the four printed times: "
        f"{finding['result']}. See [audit.md](audit.md)."
    )


def cost_rows(runs: list[Run], table: str, scale: str) -> pd.DataFrame:
    """All costs of runs beside the printed values: one row per data set, network and metric.

    Parameters and GMACs depend on the data by the number of classes alone. For BreakHis they stand
    once, under the data set `breakhis`, and so do the mean times of its four magnifications.

    Raises:
        UserError: runs of one data set and network differ in more than their seed.
    """
    groups = group_runs(runs)
    sizes: dict[tuple[str, str], list[dict]] = {}
    times, magnifications = [], {}
    for (dataset, _, network), same in groups.items():
        place = _place(dataset)
        if (place, network) not in sizes:
            sizes[place, network] = _size_rows(table, place, network, same[0])
        times += _time_rows(table, dataset, network, [same], scale)
        if place != dataset:
            magnifications.setdefault(network, []).append(same)
    for network, sets in magnifications.items():
        if len(sets) == MAGNIFICATIONS:
            times += _time_rows(table, "breakhis", network, sets, scale)
    rows = pd.DataFrame([*(row for same in sizes.values() for row in same), *times])
    return rows.round({"value": 6, "difference": 6})


def _place(dataset: str) -> str:
    """Where the paper prints what is the same at all magnifications."""
    return "breakhis" if dataset.startswith("breakhis_") else dataset


def _size_rows(table: str, place: str, network: str, run: Run) -> list[dict]:
    base, gate_after = parse_network(network)
    classes = len(run.facts["classes"])
    printed = printed_value(table, dataset=place, network=network, metric="parameters")
    values = {
        f"parameters_{reading}": (_parameters(network, classes, reading), printed)
        for reading in READINGS
    }
    for size in sorted({run.facts["settings"]["image_size"], 224}):
        work = gmacs(base, classes=classes, image_size=size, gate_after=gate_after)
        values[f"gmacs_{size}"] = work, np.nan
    return [
        {
            "table": table,
            "dataset": place,
            "network": network,
            "metric": metric,
            "value": value,
            "printed": beside,
            "difference": value - beside,
            **exact_columns(value, beside, missing=NOT_IDENTIFIED),
        }
        for metric, (value, beside) in values.items()
    ]


def _parameters(network: str, classes: int, reading: str) -> float:
    """Total parameters; NaN for the one network whose counted reading is not identified."""
    base, gate_after = parse_network(network)
    if (base, reading) == ("vgg16_inception", "counted"):
        return np.nan
    return count_parameters(meta_network(base, classes, reading, gate_after=gate_after))


def _time_rows(
    table: str, dataset: str, network: str, sets: list[list[Run]], scale: str
) -> list[dict]:
    """Timings of the runs of one data set, or their means over the data sets of BreakHis."""
    runs = [run for same in sets for run in same]
    one_magnification = dataset != _place(dataset)
    convergence = printed_value(
        table,
        dataset=dataset,
        network=network,
        metric="convergence_time_s" if one_magnification else "average_time_s",
    )
    hardware = distinct(run.timing["hardware"] for run in runs)
    reasons = [] if hardware == PAPER_HARDWARE else [OTHER_HARDWARE]
    for run in runs:
        found = run_obstacles(run.facts, scale)
        reasons += [reason for reason in found if reason not in reasons]
    reasons = reasons or [NO_INTERVAL]  # the next run takes another time, on any hardware
    lacking = [shortfall((run.repeat for run in same), standard=RATIOS) for same in sets]
    rows = []
    for metric in TIMINGS:
        values = [[run.timing[metric] for run in same] for same in sets]
        value = float(np.mean([np.mean(of_seeds) for of_seeds in values]))
        printed = convergence if metric in TIMES else np.nan
        rows.append(
            {
                "table": table,
                "dataset": dataset,
                "network": network,
                "metric": metric,
                "value": value,
                "printed": printed,
                "difference": value - printed,
                **exact_columns(value, printed, reasons),
                "shortfall": join_obstacles(*map(split_obstacles, lacking)),
                "seed_values": " ".join(str(each) for of_seeds in values for each in of_seeds),
                **(
                    repeat_columns(runs)
                    if len(sets) == 1
                    else {"seeds": distinct((run.repeat[1] for run in runs), " ")}
                ),
                "image_size": distinct(run.facts["settings"]["image_size"] for run in runs),
                "epochs": distinct(run.facts["settings"]["epochs"] for run in runs),
                "hardware": hardware,
                "data": distinct(run.facts["data"]["description"] for run in runs),
                "weights": distinct(run.facts["weights"] for run in runs),
                "scale": scale,
            }
        )
    return rows


def _size_blocks(rows: pd.DataFrame) -> list[str]:
    blocks = []
    sizes = rows[rows["metric"].str.startswith(("parameters_", "gmacs_"))]
    for place, subset in sizes.groupby("dataset", sort=False):
        lines = []
        for network, cells in subset.groupby("network", sort=False):
            by_metric = cells.set_index("metric")
            line = {
                "Network": NETWORK_LABELS.get(network, network),
                "Printed": _count(by_metric["printed"].iloc[0]),
            }
            for reading in READINGS:
                row = by_metric.loc[f"parameters_{reading}"]
                gap = "" if np.isnan(row["difference"]) else f" ({row['difference']:+,.0f})"
                line |= {reading.capitalize(): _count(row["value"]) + gap}
                line |= {f"Verdict, {reading}": verdict_text(row)}
            for metric in by_metric.index[by_metric.index.str.startswith("gmacs_")]:
                size = metric.removeprefix("gmacs_")
                line[f"GMACs at {size} px"] = number(by_metric.loc[metric, "value"], 2)
            lines.append(line)
        table = markdown(pd.DataFrame(lines))
        label = (PLACES | DATASET_LABELS).get(place, place)
        blocks.append(f"## Parameters and multiply-adds, {label}\n\n{table}")
    return blocks


def _time_blocks(rows: pd.DataFrame) -> list[str]:
    blocks = []
    times = rows[rows["metric"].isin(TIMINGS)]
    for dataset, subset in times.groupby("dataset", sort=False):
        lines = []
        for network, cells in subset.groupby("network", sort=False):
            by_metric = cells.set_index("metric")
            value = by_metric["value"].copy()
            value["peak_memory_bytes"] /= 2**30
            first = by_metric.loc["total_seconds"]
            lines.append(
                {"Network": NETWORK_LABELS.get(network, network)}
                | {"Convergence (paper), s": number(first["printed"], 2)}
                | {title: number(value[key], digits) for key, (title, digits) in TIMINGS.items()}
                | {"Hardware": first["hardware"], "Verdict": verdict_text(first)}
            )
        label = (PLACES | DATASET_LABELS).get(dataset, dataset)
        mean = " (mean of the four magnifications)" if dataset in PLACES else ""
        data = distinct(subset["data"])
        blocks.append(
            f"## Times, {label}{mean}\n\nData: {data}.\n\n{markdown(pd.DataFrame(lines))}"
        )
    return blocks


def _count(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:,.0f}"
