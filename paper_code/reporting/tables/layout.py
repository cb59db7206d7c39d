"""Any table that is a layout of the long ones (`reporting.layouts`)."""

import pandas as pd

from paper_code.datasets.catalog import is_own
from paper_code.reporting.layouts import COMPARED, LAYOUTS, TESTED, TEXTS, Layout, layer_of
from paper_code.reporting.markdown import read_results, write_table
from paper_code.reporting.pages import provenance, sections, text_of_runs
from paper_code.reporting.pages import select as rows_with
from paper_code.reporting.tables.results import chance


def write(output: str, *, tables: list[str], layout: str, dataset: str | None = None) -> None:
    """Write `output` (.csv) and its .md."""
    chosen = LAYOUTS[layout]
    rows = select(read_results(tables[0]), chosen, dataset)
    page = [
        chosen.notes.format(**TEXTS),
        *(chance(rows) if chosen.number else ()),
        *blocks(rows, chosen),
    ]
    write_table(output, rows, chosen.title, [*page, provenance(rows)])


def select(rows: pd.DataFrame, layout: Layout, dataset: str | None = None) -> pd.DataFrame:
    """The rows of the long table that a layout shows, in its CSV: all their metrics."""
    if layout.number:
        rows = rows[rows["table"] == layout.number]
        if layout.gates:
            rows = rows.assign(placement=rows["network"].map(layer_of)).drop(columns="network")
            rows.insert(rows.columns.get_loc("metric"), "placement", rows.pop("placement"))
    elif dataset is None:
        rows = rows[~rows["dataset"].map(is_own).astype(bool)]
    else:
        rows = rows[rows["dataset"] == dataset]
    rows = rows_with(rows, layout.rows)
    if not layout.number:  # each result once, whatever tables print it
        keys = ["dataset", "splits", "network", "metric"]
        rows = rows[rows["value"].notna()].drop_duplicates(keys)
    return rows.reset_index(drop=True)


def blocks(rows: pd.DataFrame, layout: Layout) -> list[str]:
    """A section for each data set (and kind of split), without runs of the printed values alone."""
    rows = rows[rows["metric"].isin(layout.metrics)]
    line = "placement" if layout.gates else "network"
    heading = "{dataset:label}" if layout.number else "{dataset:label}, split by {splits}"
    found = []
    together = ["dataset"] if layout.number else ["dataset", "splits"]
    for _, block in rows.groupby(together, sort=False):
        if layout.gates:
            block = block.sort_values("placement", kind="stable")
        text = text_of_runs(TESTED if layout.source == "results" else COMPARED, block)
        found += sections(block, "dataset", heading, layout.columns, line, text)
    return found
