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
    CAM_COMPARISONS,
    COSTS,
    Tables,
    measured,
    measured_gate,
    measured_imbalance,
    measured_maps,
    measured_order,
    measured_real,
    measured_times,
)
from paper_code.reporting.claims.outcome import AHEAD, BEHIND, TIED, Outcome, ruled
from paper_code.reporting.claims.printed import printed_gate, printed_imbalance, printed_order
from paper_code.reporting.labels import METHOD_LABELS, METRIC_LABELS
from paper_code.reporting.layouts import REFERENCE
from paper_code.reporting.markdown import markdown, number, read_results, write_table
from paper_code.reporting.pages import notes
from paper_code.reporting.verdicts import (
    evidence_text,
    not_tested,
)
from paper_code.templates import anchor

# Claims: id (short and unique), quote, place, meaning (what is tested) and tests (below, with their
# arguments).
CLAIMS: list[dict] = yaml.safe_load(Path(__file__).with_name("claims.yaml").read_text("utf-8"))
BREAKHIS = tuple(f"breakhis_{m}x" for m in (40, 100, 200, 400))
DATASETS = (*BREAKHIS, "bach", "mini_ddsm")
PLACEMENTS = tuple(f"{REFERENCE}-layer{layer}" for layer in (1, 2, 3))
# The tables that claims are read from, by the names of their files.
READ = ("comparisons", *COSTS, CAM_COMPARISONS, "audit")


# --- tests of claims.yaml: outcomes from the tables read and the arguments there ------------------


def performance(tables: Tables, printed: Sequence[str], metrics: dict[str, str]) -> list[Outcome]:
    """DALAResNet50 against all baselines on all sets; `metrics`: printed name to ours."""
    outcomes = []
    for theirs, ours in metrics.items():
        columns = (printed, "network", REFERENCE, (theirs,), METRIC_LABELS[ours])
        outcomes += [
            printed_order(tables.get("audit"), *columns),
            measured(tables, "baselines", ours, BASELINES, DATASETS),
            measured_order(tables, printed, theirs, ours),
        ]
    return outcomes


def placement(tables: Tables, metrics: dict[str, str]) -> list[Outcome]:
    """The gate after layer 4 against the other layers; `metrics` as above."""
    outcomes = []
    for theirs, ours in metrics.items():
        columns = (("02",), "placement", "layer4", (theirs,), METRIC_LABELS[ours])
        outcomes += [
            printed_order(
                tables.get("audit"), *columns, name=lambda name: name.replace("layer", "layer ")
            ),
            measured(tables, "placements", ours, PLACEMENTS, BREAKHIS),
        ]
    return outcomes


def imbalance(tables: Tables) -> list[Outcome]:
    """Printed and measured leads on imbalanced sets against those on BACH."""
    return [*printed_imbalance(tables.get("audit")), *measured_imbalance(tables)]


def times(tables: Tables) -> list[Outcome]:
    """Printed seconds, and measured times in each reading of "convergence"."""
    columns = (("09", "10"), "network", REFERENCE, ("convergence_time_s", "average_time_s"))
    printed = printed_order(
        tables.get("audit"), *columns, "printed seconds", smaller=True, digits=2
    )
    return [printed, *measured_times(tables)]


def gate(tables: Tables) -> list[Outcome]:
    """Parameters and time of the gate."""
    return [printed_gate(), *measured_gate(tables)]


def printed_maps(tables: Tables, metrics: Sequence[str]) -> list[Outcome]:
    """Printed scores of DT Grad-CAM in Table XIV against the other methods."""
    about = {"name": METHOD_LABELS.get, "digits": 4}
    return [
        printed_order(
            tables.get("audit"), ("14",), "method", "dt_gradcam", (m,), METRIC_LABELS[m], **about
        )
        for m in metrics
    ]


def maps(tables: Tables, **arguments) -> list[Outcome]:
    """Measured differences between maps; arguments as `measured_maps`."""
    return [measured_maps(tables, **arguments)]


def untestable(_: Tables, part: str, why: str) -> list[Outcome]:
    """Nothing that can be measured is claimed."""
    return [ruled(not_tested(why), part=part, how="none", source="")]


TESTS = {
    test.__name__: test
    for test in (performance, placement, imbalance, times, gate, printed_maps, maps, untestable)
} | {"real_images": measured_real}


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
    overview = []
    for claim, subset in rows.groupby("claim", sort=False):
        line = {"Claim": f"[{claim}](#{anchor(claim)})"}
        for evidence in ("printed", "measured"):
            line[evidence.capitalize()] = verdicts_on(subset, evidence)
        overview.append(line)
    blocks = [
        notes(__file__, ahead=AHEAD, behind=BEHIND, tied=TIED),
        f"## Overview\n\n{markdown(pd.DataFrame(overview))}",
    ]
    for claim, subset in rows.groupby("claim", sort=False):
        first = subset.iloc[0]
        lines = [
            {
                "Evidence": row["evidence"],
                "Of": row["part"],
                "How": row["how"],
                "Result": row["result"] or "–",
                "Verdict": f"**{row['verdict']}**"
                + (f": {row['reason']}" if row["reason"] else ""),
                "Lead found": number(row["least_lead"]),
                "Chance": row["chance"] or "–",
                "Audit of these columns": row["audit"] or "–",
                "From": row["source"] or "–",
            }
            for _, row in subset.iterrows()
        ]
        blocks.append(
            f"## {claim[0].upper()}{claim[1:]}\n\n> {first['quote']} ({first['place']})\n\n"
            f"Tested: {first['meaning']}.\n\n{markdown(pd.DataFrame(lines))}"
        )
    return blocks


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
