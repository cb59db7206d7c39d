"""Test metrics beside the printed values: Tables II, VII, VIII, XI and XII."""

from collections.abc import Callable, Sequence

import pandas as pd

from paper_code.errors import UserError
from paper_code.metrics import runs_interval
from paper_code.metrics.replication import replication
from paper_code.networks.names import parse_network
from paper_code.progress import count_text
from paper_code.published import printed_value, published_table
from paper_code.reporting.labels import DATASET_LABELS, METRIC_LABELS, SUBJECTS
from paper_code.reporting.markdown import (
    cell,
    markdown,
    provenance_block,
    write_table,
)
from paper_code.reporting.verdicts import (
    DIFFERS,
    FEWEST_RUNS,
    MARGIN,
    NOT_SHOWN,
    PRINTED,
    join_obstacles,
    order_margin,
    outside_prediction,
    replicated,
    replicates,
    run_obstacles,
    shortfall,
    verdict_text,
)
from paper_code.runs import Run, load_run, repeat_columns, samples

CELLS = f"""Each cell: mean over the runs [95 % interval] ± standard deviation between the runs
(printed value). The interval is for other patients and other runs; with one run, it is for this
trained network on other patients. The verdict asks another question: could the printed value be one
more run of the same experiment on the same data? **differs**: no (t prediction interval, Holm over
the cells of one metric, 5 %). **agrees**: the two experiments are equivalent within {MARGIN:g}, or
within half the printed lead of the best over the second if that is less, so that the two cannot
both agree in the other order (two one-sided tests at 5 %). **{NOT_SHOWN}**: neither, or fewer than
{FEWEST_RUNS} runs with a split and a seed of their own. The CSV has the prediction interval."""
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
NAMES = {"network": network_of, "placement": placement}


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
        scale: demo or paper.
        resamples: of the bootstrap.
        number: of the printed table, such as "07".
        title: heading of the page.
        metrics: names of `classification_metrics`, in the order of the columns.
        notes: sentences below the heading.
        subject: what the rows are about, a key of `NAMES`.
    """
    loaded = [load_run(path) for path in runs]
    compared = compare_runs(
        loaded,
        metrics,
        number,
        scale=scale,
        resamples=resamples,
        subject=subject,
        name_of=NAMES[subject],
    )
    blocks = comparison_blocks(compared, metrics, subject)
    page = [" ".join([CELLS, *notes]), *chance(compared), *blocks, provenance_block(loaded, scale)]
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

    Runs that differ in their seeds alone are one row: `value`, `low`, `high` and `spread` are those
    of `runs_interval`, `seed_values` the value of every run; `replication_low`, `replication_high`,
    `p_value` and `equivalent` those of `replication` (undefined for runs that share splits),
    `p_holm`, `verdict` and `reason` those of `replicated`.

    Raises:
        UserError: runs of one data set and network differ in more than their seeds.
    """
    rows = []
    for (dataset, name), same in group_runs(runs, name_of).items():
        facts = same[0].facts
        intervals = runs_interval(samples(same), metrics, resamples).set_index("metric")
        labels, _, patients = same[0].part("test")
        lacking = shortfall((run.repeat for run in same), standard=PRINTED)
        own = all(len({run.repeat[place] for run in same}) == len(same) for place in (0, 1))
        for metric in metrics:
            value, low, high, spread = intervals.loc[metric, ["value", "low", "high", "spread"]]
            values = intervals.loc[metric, "run_values"]
            printed = printed_value(table, dataset=dataset, metric=metric, **{subject: name})
            margin = order_margin(_printed_column(table, dataset, metric))
            rows.append(
                {
                    "table": table,
                    "dataset": dataset,
                    subject: name,
                    "metric": metric,
                    "value": value,
                    "low": low,
                    "high": high,
                    "spread": spread,
                    "printed": printed,
                    "difference": value - printed,
                    # Runs that share splits or seeds scatter too little: as one run, they tell
                    # nothing about the next.
                    **replication(values if own else values[:1], printed, 1 / len(labels), margin),
                    "margin": margin,
                    "obstacles": join_obstacles(run_obstacles(facts, scale)),
                    "shortfall": lacking,
                    "seed_values": " ".join(f"{each:.6f}" for each in values),
                    **repeat_columns(same),
                    "test_images": len(labels),
                    "test_patients": len(set(patients) - {""}),
                    "data": facts["data"]["description"],
                    "weights": facts["weights"],
                    "splits": facts["by"],
                    "scale": scale,
                }
            )
    table = replicated(pd.DataFrame(rows))
    first = ["table", "dataset", subject, "metric", "value", "low", "high", "spread", "printed"]
    first += ["difference", "verdict", "reason", "obstacles"]
    table = table[[*first, *(name for name in table if name not in first)]]
    rounded = ["value", "low", "high", "spread", "difference", "replication_low"]
    return table.round(dict.fromkeys([*rounded, "replication_high", "p_value", "p_holm"], 6))


def comparison_blocks(
    table: pd.DataFrame, metrics: list[str], subject: str = "network"
) -> list[str]:
    """One Markdown table per data set: networks in rows, metrics in columns, then the verdict."""
    heading, labels = SUBJECTS[subject]
    blocks = []
    for dataset, rows in table.groupby("dataset", sort=False):
        lines = []
        for name, cells in rows.groupby(subject, sort=False):
            subset = cells.set_index("metric")
            lines.append(
                {heading: labels.get(name, name)}
                | {METRIC_LABELS[metric]: cell(subset.loc[metric]) for metric in metrics}
                | {"Verdict": verdicts_text(subset, metrics)}
            )
        first = rows.iloc[0]
        blocks.append(
            f"## {DATASET_LABELS.get(dataset, dataset)}\n\n"
            f"Data: {first['data']}; split by {first['splits']}; {tested_text(first)}.\n\n"
            + markdown(pd.DataFrame(lines))
        )
    return blocks


def verdicts_text(cells: pd.DataFrame, metrics: Sequence[str]) -> str:
    """The verdicts on some metrics of cells indexed by metric: one word where they are the same."""
    verdicts = list(dict.fromkeys(verdict_text(cells.loc[metric]) for metric in metrics))
    if len(verdicts) > 1:
        verdicts = [f"{METRIC_LABELS[m]}: {verdict_text(cells.loc[m])}" for m in metrics]
    return "; ".join(verdicts)


def tested_text(row: pd.Series) -> str:
    """What a row of results was tested on: "20 test images of 10 patients"."""
    patients = int(row["test_patients"])
    of = count_text(patients, "patient") if patients else "unknown patients"
    return f"{count_text(int(row['test_images']), 'test image')} of {of}"


def chance(rows: pd.DataFrame) -> list[str]:
    """The verdict on the table as a whole, from how many cells lie outside their intervals."""
    tested, _ = outside_prediction(rows)
    if not tested:
        return []
    whole = replicates(rows[rows["printed"].notna()])
    return [
        f"That the printed values replicate, as a whole: **{whole.verdict}** ({whole.reason}). "
        f"Of {tested} cells that count, {int((rows['verdict'] == DIFFERS).sum())} differ singly; "
        "few runs predict the next one poorly, so single cells are seldom shown to."
    ]


def _printed_column(table: str, dataset: str, metric: str) -> pd.Series:
    """The printed values of one metric on one data set; of all networks, or placements."""
    rows = published_table(table)
    return rows.loc[(rows["dataset"] == dataset) & (rows["metric"] == metric), "value"]


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
