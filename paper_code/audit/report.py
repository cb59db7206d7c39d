"""Running all checks and writing them down."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

# To import a module of checks is to have its checks called.
from paper_code.audit import (  # noqa: F401
    costs,
    counts,
    identities,
    localization,
    multiclass,
    two_classes,
    words,
)
from paper_code.audit.finding import CHECKS, IMPOSSIBLE, Verdict, kind, texts
from paper_code.audit.printed import Printed
from paper_code.files import write_csv, write_text
from paper_code.templates import render


def run_audit(tables: Mapping[str, pd.DataFrame] | None = None) -> pd.DataFrame:
    """Run every check, on the printed tables or on others in their place.

    `tables` are in the layout of `published_table`, keyed "01" ... "14", "text", "quotes" and
    "references"; those not given are the printed ones. Returns one row per finding, all str:

    id, theme, kind: unique; a theme of findings.yaml; "substantive" (a score, a network, a test) or
        "slip" (a word, a caption, a sum or a last layer: to correct it changes no result).
    tables, columns: the printed tables whose numbers it concerns, such as "07 11", and the metrics
        in doubt, as in `published_table`. Of two columns that exclude each other both are, unless a
        third bears one of them out.
    where, printed: the tables and rows it concerns, and what the paper prints there.
    computation, result: a formula that anyone can rerun, and what it gives on these tables.
    tolerance: how far a value may lie from a printed one and still agree.
    verdict, reason: a `Verdict`, and the rule that led to it, with its numbers.
    reconciles: what would make the numbers agree; empty if they do.
    """
    printed = Printed(tables)
    rows = pd.DataFrame([finding for check in CHECKS for finding in check(printed)])
    return rows.sort_values("place", kind="stable", ignore_index=True).drop(columns="place")


def column_findings(
    table: str | int, metric: str, findings: pd.DataFrame | None = None
) -> list[str]:
    """The ids of findings that prove one column (such as "f1_first") of a printed table impossible.

    Without `findings`, of `run_audit` or `tables/audit.csv`, the audit is run (ten seconds).
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
    """One row per theme: theme, question, kind, verdict (the strongest), findings (a count)."""
    rows = []
    for theme, question in texts()["themes"].items():
        verdicts = findings.loc[findings["theme"] == theme, "verdict"]
        if len(verdicts):
            strongest = min(verdicts, key=list(Verdict).index)
            rows.append((theme, question, kind(theme), strongest, len(verdicts)))
    return pd.DataFrame(rows, columns=["theme", "question", "kind", "verdict", "findings"])


def audit_page(findings: pd.DataFrame) -> str:
    """The findings as Markdown: themes, an overview, then one section each."""
    by_theme = themes(findings)
    return render(
        "audit.md.j2",
        themes=by_theme.to_dict("records"),
        impossible=by_theme.loc[by_theme["verdict"] == IMPOSSIBLE, "kind"].tolist(),
        findings=findings.to_dict("records"),
        verdicts=list(Verdict),
        fields=("printed", "computation", "result", "tolerance", "reconciles"),
    )


def write(output: str | Path) -> None:
    """Run the audit and write `output` (.csv) and its .md."""
    findings = run_audit()
    write_csv(Path(output), findings)
    write_text(Path(output).with_suffix(".md"), audit_page(findings))
