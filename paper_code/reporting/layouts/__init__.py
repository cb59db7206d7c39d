"""Tables that are layouts of the two long ones, `results` and `differences`: layouts.yaml.

A new table of measured results is one more entry there. `tables/layout.py` makes it, and the
catalogue lists it. This module imports nothing heavy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from paper_code.networks.registry import VARIANT
from paper_code.reporting.labels import F1_PAIR, METRIC_LABELS, ONE_VS_REST

REFERENCE = "dalaresnet50"  # what the other networks are compared with
FEW = ["accuracy", "balanced_accuracy", "mcc", "auc_roc"]
OF_CELLS = """Each cell: mean over the runs [95 % interval] ± standard deviation between the runs
(printed value). The interval is for other patients and other runs; with one run, it is for this
trained network on other patients. What the verdicts mean is said in [results](results.md)."""
OF_DIFFERENCES = """Each cell: DALAResNet50 minus the other network on the same test images, mean
over the runs [95 % interval], Holm-corrected p. Positive: DALAResNet50 is better. What the verdicts
mean is said in [differences](differences.md), whose CSV has all metrics."""
TEXTS = {
    "of_cells": OF_CELLS,
    "of_differences": OF_DIFFERENCES,
    "f1_pair": F1_PAIR,
    "one_vs_rest": ONE_VS_REST,
}
TESTED = (
    "Data: {data}; split by {splits}; {test_images:.0f} test images of {test_patients:patients}."
)
COMPARED = (
    "Data: {data}; {runs} runs of each network, {test_images} test images in "
    "the first, {resampled_units} patients or single images drawn."
)


@dataclass(frozen=True)
class Layout:
    """Which rows of a long table to show, and how.

    Attributes:
        name: of its files.
        title: heading of the page.
        caption: for the report.
        group: of the report.
        metrics: the columns of the page.
        notes: below the heading, with names of `TEXTS` in braces.
        families: of the paper's data sets, joined by " and "; "paper" for all, "own" for one of a
            user's.
        source: "results" or "differences".
        gates: about places of the gate, named in a column `placement`, instead of networks.
        rows: {column: values} that a row must have.
    """

    name: str
    title: str
    caption: str
    group: str
    metrics: list[str]
    notes: str = "{of_cells}"
    families: str = "paper"
    source: str = "results"
    gates: bool = False
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """Of the printed table: "07"; "" where none is."""
        number = self.name.removeprefix("table_")[:2]
        return number if number.isdigit() else ""

    @property
    def columns(self) -> dict[str, str]:
        """Headings and templates (`reporting.pages`)."""
        if self.source == "differences":
            cells = {METRIC_LABELS[metric]: f"{{{metric}:change}}" for metric in self.metrics}
            about = {} if self.families == "own" else {"About the paper": "{obstacles:evidence}"}
            return (
                {"DALAResNet50 minus": "{network:label}"}
                | cells
                | {"Verdict": "{verdicts}", "Least detectable": "{accuracy[least_detectable]:.3f}"}
                | about
            )
        first = (
            {"Gate after": "{placement:label}"} if self.gates else {"Network": "{network:label}"}
        )
        verdict = {"Verdict": "{verdicts}"} if self.number else {}
        return first | {METRIC_LABELS[m]: f"{{{m}:cell}}" for m in self.metrics} | verdict


def layer_of(network: str) -> str:
    """The place of the gate as Table II names it: "layer2"; of plain DALAResNet50 "layer4"."""
    return f"layer{network.partition(VARIANT)[2] or 4}"


def printed_network(cell: dict) -> str:
    """The network of a printed cell; a place of the gate as this repository names it."""
    if "placement" not in cell:
        return cell["network"]
    layer = cell["placement"].removeprefix("layer")
    return REFERENCE if layer == "4" else f"{REFERENCE}{VARIANT}{layer}"


def _read() -> dict[str, Layout]:
    text = Path(__file__).with_name("layouts.yaml").read_text(encoding="utf-8")
    layouts = [Layout(**entry) for entry in yaml.safe_load(text)]
    return {layout.name: layout for layout in layouts}


LAYOUTS = _read()
LONG_TABLES = {layout.source for layout in LAYOUTS.values()}
PAPER_LAYOUTS = [layout for layout in LAYOUTS.values() if layout.number]
