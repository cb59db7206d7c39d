"""Running all checks and writing them down."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from paper_code.audit import (
    auc,
    confusion,
    counts,
    duplicates,
    localization,
    metrics,
    multiclass,
    parameters,
    references,
    timing,
    wording,
)
from paper_code.audit.finding import CONSISTENT, IMPOSSIBLE, THEMES, UNEXPLAINED
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
    (wording.imbalanced_bach, ("quotes", "04")),
    (counts.accuracies_as_counts, ("02", "06", "07", "08")),
    (confusion.tables_07_and_11, ("03", "06", "07", "11")),
    (confusion.table_07_alone, ("03", "06", "07")),
    (confusion.f1_pairs, ("02", "03", "06", "07")),
    (confusion.f1_of_table_11, ("06", "07", "11")),
    (metrics.gmean_against_sensitivity, ("07", "11")),
    (metrics.gmean_leads, ("07", "11")),
    (metrics.f1_square, ("02", "07", "08")),
    (metrics.iba_index, ("03", "06", "07")),
    (multiclass.index_above_gmean, ("04", "05", "06", "08")),
    (metrics.means_of_two, ("07", "08")),
    (metrics.one_half, ("07", "08")),
    (metrics.table_11_from_accuracy, ("03", "06", "07", "11")),
    (metrics.table_12_from_accuracy, ("08", "12")),
    (metrics.table_11_prevalence, ("03", "06", "11")),
    (multiclass.gmean_of_recalls, ("04", "05", "06", "08")),
    (multiclass.gmean_definitions, ("04", "05", "06", "08", "12")),
    (multiclass.specificity_of_averages, ("04", "05", "06", "08", "12")),
    (multiclass.implied_prevalence, ("04", "05", "06", "08", "12")),
    (multiclass.two_class_matrices, ("04", "05", "06", "08", "12")),
    (multiclass.accuracy_as_macro_recall, ("04", "05", "06", "08", "12")),
    (multiclass.f1_on_equal_classes, ("04", "05", "06", "08")),
    (auc.operating_point, ("02", "03", "06", "07", "11")),
    (duplicates.identical_rows, ("06", "07", "08", "11", "12")),
    (duplicates.same_on_two_datasets, ("08",)),
    (duplicates.layer_four_is_the_network, ("02", "07")),
    (timing.averages, ("09",)),
    (timing.times_against_work, ("09", "10")),
    (timing.gate_makes_it_faster, ("09", "10")),
    (timing.times_across_magnifications, ("06", "09")),
    (timing.times_across_datasets, ("06", "09", "10")),
    (timing.shortest_time, ("09", "10")),
    (wording.average_of_one, ("quotes", "09", "10")),
    (wording.layer_choice, ("quotes", "02", "06", "07")),
    (wording.augmentation, ("quotes", "03", "06")),
    (localization.dice_against_iou, ("14",)),
    (localization.f1_is_dice, ("14",)),
    (localization.implied_precision, ("14",)),
    (localization.best_method, ("14",)),
    (localization.marked_area, ("13", "14")),
    (wording.true_regions, ("quotes", "14")),
    (wording.pooling, ("quotes", "01", "09", "10")),
    (wording.binarised, ("quotes",)),
    (wording.fourth_block, ("quotes", "01")),
    (wording.figure_of_mammograms, ("quotes",)),
    (wording.smallest_batch, ("quotes",)),
    (wording.misnamed, ("quotes",)),
    (references.entries, ("references",)),
)

INTRODUCTION = """\
# What the paper's numbers say about themselves

Arithmetic on the printed numbers, and sentences held against each other: no image, no training.
`python -m paper_code table audit -o DIR/audit.csv` rebuilds this page and `audit.csv`;
`docs/reference/audit.md` explains the method.

- **{impossible}**: within the tolerance nothing satisfies all the printed numbers named, or two
  statements exclude each other. At least one of them, or the definition taken for it, must be
  different; the finding says what would reconcile them. Where a finding takes the class shares
  of the data set for those of the test part, no other class split rescues it either, or only splits
  that a random draw of images gives less than once in 10,000.
- **{unexplained}**: no contradiction, but a pattern or a definition that the paper does not give,
  or a contradiction that another class split, a threshold or a definition may well resolve.
- **{consistent}**: the numbers agree.

Findings of one theme may have one cause, so count themes and not findings. A theme has the
strongest verdict among its findings. A printed row is taken as one run on the test images of Table
VI: the paper mentions no repeated runs. Where means over runs could reconcile the numbers, the
finding says so. A verdict does not say how serious a finding is: a slip in a caption and a score
that no test can give get the same one.
"""
STRONGEST_FIRST = (IMPOSSIBLE, UNEXPLAINED, CONSISTENT)


def run_audit(tables: Mapping[str, pd.DataFrame] | None = None) -> pd.DataFrame:
    """Run every check.

    Args:
        tables: tables in the layout of `published_table`, keyed "01" ... "14", "text", "quotes"
            and "references", to audit in place of the printed ones; those not given are the
            printed ones.

    Returns:
        One row per finding: the fields of `paper_code.audit.finding.Finding`, all str.
    """
    given = {name: published_table(name) for name in TABLES} | dict(tables or {})
    findings = [
        finding for check, names in CHECKS for finding in check(*(given[name] for name in names))
    ]
    return pd.DataFrame([asdict(finding) for finding in findings])


def column_findings(
    table: str | int, metric: str, findings: pd.DataFrame | None = None
) -> list[str]:
    """The contradictions that concern one column of one printed table.

    Args:
        table: a printed table, 7 or "07".
        metric: its metric as in `published_table`, such as "gmean" or "f1_first".
        findings: what `run_audit` returned or `tables/audit.csv` holds; without it the audit of
            the printed tables is run (about ten seconds).

    Returns:
        The ids of the findings with the verdict "cannot both be right", in the order of the audit.
    """
    findings = run_audit() if findings is None else findings
    number = str(table).zfill(2)
    return [
        row["id"]
        for row in findings.to_dict("records")
        if row["verdict"] == IMPOSSIBLE
        and number in str(row["tables"]).split()
        and metric in str(row["columns"]).split()
    ]


def themes(findings: pd.DataFrame) -> pd.DataFrame:
    """One row per theme: theme, question, verdict (the strongest of its findings), findings."""
    rows = []
    for theme, question in THEMES.items():
        verdicts = findings.loc[findings["theme"] == theme, "verdict"]
        if len(verdicts):
            verdict = min(verdicts, key=STRONGEST_FIRST.index)
            rows.append((theme, question, verdict, len(verdicts)))
    return pd.DataFrame(rows, columns=["theme", "question", "verdict", "findings"])


def audit_page(findings: pd.DataFrame) -> str:
    """The findings as Markdown: themes, an overview, then one section each."""
    by_theme = themes(findings)
    lines = [
        INTRODUCTION.format(impossible=IMPOSSIBLE, unexplained=UNEXPLAINED, consistent=CONSISTENT),
        f"{len(by_theme)} themes: {_counted(by_theme['verdict'])}. "
        f"{len(findings)} findings: {_counted(findings['verdict'])}.",
        "",
        "| theme | question | verdict | findings |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row.theme} | {row.question} | {row.verdict} | {row.findings} |"
        for row in by_theme.itertuples()
    ]
    lines += ["", "| finding | theme | where | verdict |", "|---|---|---|---|"]
    rows = findings.to_dict("records")
    lines += [
        f"| [{row['id']}](#{_anchor(row['id'])}) | {row['theme']} | {_cell(row['where'])} "
        f"| {row['verdict']} |"
        for row in rows
    ]
    for row in rows:
        lines += ["", f"## {row['id']}", "", f"**{row['verdict']}** ({row['where']})", ""]
        for field in ("printed", "computation", "result", "tolerance", "reconciles"):
            if row[field]:
                lines.append(f"- {field.replace('reconciles', 'would reconcile')}: {row[field]}")
    return "\n".join(lines) + "\n"


def _counted(verdicts: pd.Series) -> str:
    count = Counter(verdicts)
    return ", ".join(f"{count[verdict]} {verdict}" for verdict in STRONGEST_FIRST)


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
