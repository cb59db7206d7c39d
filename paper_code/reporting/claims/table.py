"""The claims of claims.yaml: how each was tested, the result, the verdict.

Two kinds of evidence are kept apart. "printed": arithmetic on the paper's own numbers. "measured":
what the runs of this repository show, read from the tables' CSV files alone.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import yaml

from paper_code.errors import UserError
from paper_code.provenance import commit
from paper_code.reporting.claims.measured import (
    BASELINES,
    COSTS,
    PAIRED,
    Tables,
    measured,
    measured_gate,
    measured_imbalance,
    measured_order,
    measured_real,
    measured_times,
)
from paper_code.reporting.claims.printed import (
    AHEAD,
    BEHIND,
    TIED,
    Outcome,
    printed_gate,
    printed_imbalance,
    printed_order,
)
from paper_code.reporting.labels import METRIC_LABELS
from paper_code.reporting.layouts import REFERENCE
from paper_code.reporting.markdown import markdown, read_results, write_table
from paper_code.reporting.pages import notes, sections
from paper_code.reporting.verdicts import evidence_text, not_tested

# Claims: id (short and unique), quote, place, meaning (what is tested) and tests (below, with their
# arguments).
CLAIMS: list[dict] = yaml.safe_load(Path(__file__).with_name("claims.yaml").read_text("utf-8"))
BREAKHIS = tuple(f"breakhis_{m}x" for m in (40, 100, 200, 400))
# Families of comparisons: the networks and the data sets of a claim on all of them.
FAMILIES = {
    "baselines": {"network": BASELINES, "dataset": (*BREAKHIS, "bach", "mini_ddsm")},
    "placements": {
        "network": tuple(f"{REFERENCE}-layer{layer}" for layer in (1, 2, 3)),
        "dataset": BREAKHIS,
    },
}
# Of the page.
COLUMNS = {
    "Evidence": "{evidence}",
    "Of": "{part}",
    "Result": "{result}",
    "Verdict": "**{verdict}**{because}",
    "Least detectable": "{least_lead:.3f}",
}
# Columns whose distinct texts stand below the table of a claim; `how` and `source` do not.
BELOW = {"chance": "Chance", "audit": "Audit of the printed columns"}
# The tables that claims are read from, by the names of their files.
READ = (*PAIRED, *COSTS, "audit")


# --- tests of claims.yaml: outcomes from the tables read and the arguments there ------------------


def best(
    tables: Tables, family: str, printed: Sequence[str], metrics: dict[str, str]
) -> list[Outcome]:
    """DALAResNet50 against all of a family, printed and measured; `metrics`: printed name to ours.
    Against baselines, the order of the best two, too."""
    outcomes = []
    for theirs, ours in metrics.items():
        part, rows = METRIC_LABELS[ours], FAMILIES[family] | {"family": family, "metric": ours}
        outcomes.append(printed_order(tables.get("audit"), printed, (theirs,), part))
        outcomes.append(measured(tables, part, rows))
        if family == "baselines":
            outcomes.append(measured_order(tables, printed, theirs, ours))
    return outcomes


TESTS = {
    "best": best,
    "printed": lambda tables, **given: [printed_order(tables.get("audit"), **given)],
    "measured": lambda tables, **given: [measured(tables, **given)],
    "real_images": measured_real,
    "imbalance": lambda tables: [
        *printed_imbalance(tables.get("audit")),
        *measured_imbalance(tables),
    ],
    "times": measured_times,
    "gate": lambda tables: [printed_gate(), *measured_gate(tables)],
    "untestable": lambda _, part, why: [
        Outcome(part=part, how="none", source="", **not_tested(why)._asdict())
    ],
}


def write(output: str, *, tables: list[str], scale: str) -> None:
    """Write `output` (.csv) and its .md.

    Raises:
        UserError: a table lacks a column.
    """
    read = {Path(path).stem: read_results(path) for path in tables if Path(path).stem in READ}
    rows = claim_rows(read).assign(scale=scale)
    write_table(output, rows, "The paper's claims", [*_page(rows), _provenance(read, scale)])


def claim_rows(tables: Tables) -> pd.DataFrame:
    """One row per claim and test.

    Raises:
        UserError: a table lacks a column.
    """
    rows = []
    for claim in CLAIMS:
        try:
            outcomes = [
                outcome
                for test in claim["tests"]
                for name, arguments in test.items()
                for outcome in TESTS[name](tables, **arguments)
            ]
        except KeyError as error:
            raise UserError(
                f"Claim '{claim['id']}': a table has no column {error}. Make the tables again."
            ) from error
        facts = {"claim": claim["id"]} | {key: claim[key] for key in ("quote", "place", "meaning")}
        rows += [facts | vars(outcome) for outcome in outcomes]
    rounded = dict.fromkeys(("difference", "low", "high", "least_lead"), 6) | {"p_holm": 8}
    return pd.DataFrame(rows).round(rounded)


def _page(rows: pd.DataFrame) -> list[str]:
    rows = rows.assign(
        heading=rows["claim"].map(lambda name: name[0].upper() + name[1:]),
        because=rows["reason"].map(lambda text: f": {text}" if text else ""),
    )
    text = "> {quote} ({place})\n\nTested: {meaning}."
    blocks = sections(rows, "claim", "{heading}", COLUMNS, text=text)
    for place, (_, of) in enumerate(rows.groupby("claim", sort=False)):
        lines = [
            f"- {heading}: {'; '.join(words)}."
            for column, heading in BELOW.items()
            if (words := of.loc[of[column] != "", column].unique()).size
        ]
        if lines:
            blocks[place] += "\n\n" + "\n".join(lines)
    head = notes(__file__, ahead=AHEAD, behind=BEHIND, tied=TIED)
    return [head, f"## Overview\n\n{markdown(overview(rows))}", *blocks]


def overview(rows: pd.DataFrame) -> pd.DataFrame:
    """Each claim in the paper's words, with the verdicts on it."""
    return pd.DataFrame(
        {
            "Claim": claim,
            "The paper's words": subset["quote"].iloc[0],
            "By its printed numbers": verdicts_on(subset, "printed"),
            "By our runs": verdicts_on(subset, "measured"),
        }
        for claim, subset in rows.groupby("claim", sort=False)
    )


def verdicts_on(rows: pd.DataFrame, evidence: str) -> str:
    """The verdicts on one claim by one kind of evidence, as in "supported (3 of 4), ..."."""
    counts = rows.loc[rows["evidence"] == evidence, "verdict"].value_counts(sort=False)
    if len(counts) == 1:
        return str(counts.index[0])
    return ", ".join(f"{verdict} ({n} of {counts.sum()})" for verdict, n in counts.items()) or "–"


def _provenance(read: Tables, scale: str) -> str:
    lines = [f"- Scale: {scale}", f"- Read: {', '.join(sorted(read)) or 'no table'}"]
    if "comparisons" in read:
        runs = read["comparisons"].drop_duplicates("dataset")
        lines += [
            f"- {row['dataset']}: {row['data']}; {row['weights']} weights; seeds {row['seeds']}; "
            f"counted: {evidence_text(row['obstacles'])}"
            for _, row in runs.iterrows()
        ]
    return "\n".join(["## Provenance", "", *lines, f"- Commit: {commit()}"])
