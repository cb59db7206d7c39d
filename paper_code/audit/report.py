"""Running all checks and writing them down."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from paper_code.audit import (
    confusion,
    counts,
    duplicates,
    localization,
    metrics,
    multiclass,
    parameters,
    timing,
)
from paper_code.audit.finding import CONSISTENT, IMPOSSIBLE, UNEXPLAINED
from paper_code.files import write_csv, write_text
from paper_code.published import TABLES, published_table

# Each check and the printed tables it takes, in the order of the report.
CHECKS = (
    (parameters.identified_networks, ("09", "10")),
    (parameters.head_growth, ("09", "10")),
    (parameters.bach_extra_layer, ("09", "10")),
    (counts.text_against_table, ("text", "03")),
    (counts.table_totals, ("03", "04", "05", "06")),
    (counts.split_ratio, ("06",)),
    (counts.balanced_caption, ("04",)),
    (counts.accuracies_as_counts, ("02", "06", "07", "08")),
    (confusion.tables_07_and_11, ("03", "06", "07", "11")),
    (confusion.table_07_alone, ("03", "06", "07")),
    (confusion.f1_pairs, ("02", "03", "06", "07")),
    (metrics.gmean_against_sensitivity, ("07", "11")),
    (metrics.f1_square, ("02", "07", "08")),
    (metrics.iba_index, ("07", "08")),
    (metrics.means_of_two, ("07", "08")),
    (metrics.one_half, ("07", "08")),
    (metrics.table_11_from_accuracy, ("03", "07", "11")),
    (metrics.table_11_prevalence, ("03", "06", "11")),
    (multiclass.gmean_of_recalls, ("04", "05", "06", "08")),
    (multiclass.gmean_definitions, ("04", "05", "06", "08", "12")),
    (multiclass.specificity_of_averages, ("04", "05", "06", "08", "12")),
    (multiclass.implied_prevalence, ("04", "05", "06", "08", "12")),
    (multiclass.accuracy_as_macro_recall, ("04", "08", "12")),
    (multiclass.f1_on_equal_classes, ("04", "08")),
    (duplicates.identical_rows, ("07", "08", "11", "12")),
    (duplicates.same_on_two_datasets, ("08",)),
    (duplicates.layer_four_is_the_network, ("02", "07")),
    (timing.averages, ("09",)),
    (timing.times_against_work, ("09", "10")),
    (timing.gate_makes_it_faster, ("09", "10")),
    (timing.times_across_magnifications, ("06", "09")),
    (timing.times_across_datasets, ("06", "09", "10")),
    (timing.shortest_time, ("09", "10")),
    (localization.dice_against_iou, ("14",)),
    (localization.f1_is_dice, ("14",)),
    (localization.implied_precision, ("14",)),
    (localization.best_method, ("14",)),
)

INTRODUCTION = """\
# What the paper's numbers say about themselves

Arithmetic on the printed numbers alone: no image, no training.
`python -m paper_code table audit -o DIR/audit.csv` rebuilds this page and `audit.csv`;
`docs/reference/audit.md` explains the method.

- **{impossible}**: within the tolerance nothing satisfies all the printed numbers named. At least
  one of them, or the definition taken for it, must be another; the finding says which would do.
- **{unexplained}**: no contradiction, but a pattern or a definition that the paper does not give.
- **{consistent}**: the numbers agree.

A printed row is taken as one run on the test images of Table VI: the paper mentions no repeated
runs. Where means over runs could reconcile the numbers, the finding says so.
"""


def run_audit(tables: Mapping[str, pd.DataFrame] | None = None) -> pd.DataFrame:
    """Run every check.

    Args:
        tables: tables in the layout of `published_table`, keyed "02" ... "14" and "text", to audit
            in place of the printed ones; those not given are the printed ones.

    Returns:
        One row per finding: the fields of `paper_code.audit.finding.Finding`, all str.
    """
    given = {name: published_table(name) for name in TABLES} | dict(tables or {})
    findings = [
        finding for check, names in CHECKS for finding in check(*(given[name] for name in names))
    ]
    return pd.DataFrame([asdict(finding) for finding in findings])


def audit_page(findings: pd.DataFrame) -> str:
    """The findings as Markdown: an overview, then one section each."""
    verdicts = {"impossible": IMPOSSIBLE, "unexplained": UNEXPLAINED, "consistent": CONSISTENT}
    count = Counter(findings["verdict"])
    lines = [
        INTRODUCTION.format(**verdicts),
        f"{len(findings)} findings: "
        + ", ".join(f"{count[v]} {v}" for v in verdicts.values())
        + ".",
        "",
        "| finding | where | verdict |",
        "|---|---|---|",
    ]
    rows = findings.to_dict("records")
    lines += [
        f"| [{row['id']}](#{_anchor(row['id'])}) | {_cell(row['where'])} | {row['verdict']} |"
        for row in rows
    ]
    for row in rows:
        lines += ["", f"## {row['id']}", "", f"**{row['verdict']}** ({row['where']})", ""]
        for field in ("printed", "computation", "result", "tolerance", "reconciles"):
            if row[field]:
                lines.append(f"- {field.replace('reconciles', 'would reconcile')}: {row[field]}")
    return "\n".join(lines) + "\n"


def _anchor(heading: str) -> str:
    """The link target that GitHub gives a heading."""
    return heading.lower().replace("/", "").replace(" ", "-")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def write(output: str | Path) -> None:
    """Run the audit and write `output` (.csv) and its .md."""
    findings = run_audit()
    write_csv(Path(output), findings)
    write_text(Path(output).with_suffix(".md"), audit_page(findings))
