"""The table of a data set of your own: its images, and how well each network does on them."""

import pandas as pd

from paper_code.datasets.overlap import shared_patients
from paper_code.datasets.splits import PARTS
from paper_code.datasets.tables import read_split
from paper_code.reporting.labels import (
    DIAGNOSTICS,
    METRIC_LABELS,
    NETWORK_LABELS,
    ONE_VS_REST,
    PERFORMANCE,
)
from paper_code.reporting.markdown import (
    data_provenance_block,
    interval_text,
    markdown,
    provenance_block,
    write_table,
)
from paper_code.reporting.tables.scores import compare_runs
from paper_code.runs import load_manifest, load_run

MORE = ["auc_roc", "mcc", "balanced_accuracy", *DIAGNOSTICS]
METRICS = [*PERFORMANCE, *MORE]
# Columns beside a printed value, of which there is none.
UNPRINTED = [
    "table",
    "printed",
    "difference",
    "verdict",
    "reason",
    "replication_low",
    "replication_high",
    "p_value",
    "p_holm",
    "equivalent",
]


def write(
    output: str,
    *,
    prepared: list[str],
    splits: list[str],
    runs: list[str],
    scale: str,
    resamples: int,
) -> None:
    """Write `output` (.csv: network, metric, value, low, high, ...) and its .md.

    Args:
        output: the CSV.
        prepared: the folder of the data set; one only.
        splits: its split file (first seed).
        runs: the runs' `run.json` files.
        scale: for the record.
        resamples: of the bootstrap.
    """
    (folder,), (split,) = prepared, splits
    _, source = load_manifest(folder)
    loaded = [load_run(path) for path in runs]
    # Table VIII has no such data set, so nothing is printed beside the values.
    table = compare_runs(loaded, METRICS, "08", scale=scale, resamples=resamples)
    table = table.drop(columns=[*UNPRINTED, "obstacles", "shortfall"])
    sections = [
        _images(read_split(split), source["classes"]),
        "## Test set\n\nEach cell: value [95 % interval]; of several runs the mean, ± the "
        "standard deviation between them. " + ONE_VS_REST,
        *(_networks(table, metrics) for metrics in (PERFORMANCE, MORE)),
        provenance_block(loaded, scale),
        data_provenance_block([source], scale).removeprefix("## Provenance\n\n"),
    ]
    write_table(output, table, f"{source['dataset']}: a data set of your own", sections)


def _images(split: pd.DataFrame, classes: list[str]) -> str:
    counts = pd.crosstab(split["label"], split["part"]).reindex(
        index=classes, columns=list(PARTS), fill_value=0
    )
    counts.loc["all"] = counts.sum()
    counts.insert(0, "images", counts.sum(axis=1))
    counts.insert(0, "class", counts.index)
    found = shared_patients(split)
    patients = (
        f"{found['patients']} patients, {found['patients_shared']} of them in more than one part"
    )
    return (
        f"## Images\n\nSplit by {split.attrs['by']}, first seed; {patients}.\n\n{markdown(counts)}"
    )


def _networks(table: pd.DataFrame, metrics: list[str]) -> str:
    lines = []
    for network, rows in table.groupby("network", sort=False):
        subset = rows.set_index("metric").loc[metrics]
        lines.append(
            {"Network": NETWORK_LABELS.get(network, network)}
            | {
                METRIC_LABELS[row.Index]: interval_text(row.value, row.low, row.high, row.spread)
                for row in subset.itertuples()
            }
        )
    return markdown(pd.DataFrame(lines))
