"""The table of a data set of your own: its images, and how well each network does on them."""

import pandas as pd

from paper_code.datasets.splits import PARTS, shared_patients
from paper_code.datasets.tables import read_split
from paper_code.reporting.labels import DIAGNOSTICS, METRIC_LABELS, ONE_VS_REST, PERFORMANCE
from paper_code.reporting.markdown import markdown, read_results, write_table
from paper_code.reporting.pages import page_table, provenance
from paper_code.runs import load_manifest

SHOWN = (PERFORMANCE, ["auc_roc", "mcc", "balanced_accuracy", *DIAGNOSTICS])
# Columns beside a printed value, of which there is none.
UNPRINTED = ["table", "printed", "difference", "verdict", "reason", "obstacles", "shortfall"]
UNPRINTED += ["replication_low", "replication_high", "p_value", "p_holm", "equivalent"]


def write(output: str, *, prepared: list[str], splits: list[str], tables: list[str]) -> None:
    """Write `output` (.csv: network, metric, value, low, high, ...) and its .md."""
    (folder,), (split,) = prepared, splits
    _, source = load_manifest(folder)
    rows = read_results(tables[0]).drop(columns=UNPRINTED).assign(printed=float("nan"))
    rows = rows[rows["dataset"] == source["dataset"]]
    network = {"Network": "{network:label}"}
    page = [
        _images(read_split(split), source["classes"]),
        "## Test set\n\nEach cell: value [95 % interval]; of several runs the mean, ± the "
        "standard deviation between them. " + ONE_VS_REST,
        *(
            page_table(rows, network | {METRIC_LABELS[m]: f"{{{m}:cell}}" for m in each}, "network")
            for each in SHOWN
        ),
        provenance(rows),
    ]
    table = rows.drop(columns="printed")
    write_table(output, table, f"{source['dataset']}: a data set of your own", page)


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
