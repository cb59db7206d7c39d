"""Test metrics beside the printed values: Tables II, VII, VIII, XI and XII."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from paper_code.errors import UserError
from paper_code.metrics import bootstrap_interval
from paper_code.networks.names import parse_network
from paper_code.reporting.evidence import obstacles, printed_value, verdict
from paper_code.reporting.markdown import comparison_blocks, provenance_block, write_table
from paper_code.runs import Run, load_run

CELLS = "Each cell: value on the test part [95 % interval] (printed value)."
ALIKE = ("network", "by", "weights", "frozen", "dropout")  # of all seeds' runs


def network_of(run: Run) -> str:
    """The name of a run's network: what most tables have rows of."""
    return run.network


def placement(run: Run) -> str:
    """Where a run has its gate, "layer1" to "layer4", as Table II has it.

    Raises:
        UserError: a network without a gate.
    """
    base, gate_after = parse_network(run.network)
    if base != "dalaresnet50":
        raise UserError(f"{run.network} has no gate. Give runs of dalaresnet50 alone.")
    return f"layer{gate_after}"


# What the rows of a table can be about, a column of the printed table, and its value for a run.
SUBJECTS = {"network": network_of, "placement": placement}


def write(
    output: str,
    *,
    runs: list[str],
    scale: str,
    resamples: int,
    number: str,
    title: str,
    metrics: list[str],
    notes: list[str],
    subject: str = "network",
) -> None:
    """Write `output` (.csv) and its .md.

    Args:
        output: the CSV.
        runs: the runs' `run.json` files; their predictions lie beside them.
        scale: smoke, demo or paper.
        resamples: of the bootstrap.
        number: of the printed table, such as "07".
        title: heading of the page.
        metrics: names of `classification_metrics`, in the order of the columns.
        notes: sentences below the heading.
        subject: what the rows are about, a key of `SUBJECTS`.
    """
    loaded = [load_run(path) for path in runs]
    compared = compare_runs(
        loaded,
        metrics,
        number,
        scale=scale,
        resamples=resamples,
        subject=subject,
        name_of=SUBJECTS[subject],
    )
    blocks = comparison_blocks(compared, metrics, subject)
    page = [" ".join([CELLS, *notes]), *blocks, provenance_block(loaded, scale)]
    write_table(output, compared, title, page)


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
    """Test metrics of runs beside the printed values, one row per data set, network and metric.

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
                    **verdict(value, low, high, printed, reasons),
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
