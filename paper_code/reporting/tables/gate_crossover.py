"""tables/gate_crossover: EfficientNet-Lite0 with the paper's gate against without and others."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from scipy.stats import t

from paper_code.crossover.compare import METRICS, compare
from paper_code.crossover.patients import read_patients
from paper_code.crossover.runs import PLAIN
from paper_code.metrics.comparisons import holm
from paper_code.reporting.markdown import code_provenance_block, write_table
from paper_code.reporting.pages import sections

GATE = f"{PLAIN}-gate"
OTHERS = (PLAIN, f"{PLAIN}-se", f"{PLAIN}-gate_early")
POWER = 0.8
COMPARED = ("difference", "low", "high", "p_value", "se", "df")
NOTES = """Does the paper's gate help? EfficientNet-Lite0 from ImageNet weights, fine-tuned, with
the gate on the map that is pooled, minus the same network without it, with a sigmoid gate of as
many parameters there, and with the paper's gate one stage earlier. All four are trained on the same
images in the same order; test patients as in tables/crossover.md, unknown and known.

- Unit: the patient, its own control. Standard errors add the spread of patients and that of
  trainings, which all patients of an arm share; intervals of 95 % by t. p after Holm's correction
  over the three comparisons. Primary: log loss of unknown patients at BreakHis 100X; lower is
  better.
- To be found: the true difference that such a comparison finds four times in five, without the
  correction."""
COLUMNS = {
    "Metric": "{metric:label}",
    "Gate minus": "{other:label}",
    "Gate": "{value:.3f}",
    "Other": "{other_value:.3f}",
    "Difference": "{difference:.3f} [{low:.3f}, {high:.3f}]",
    "p (Holm)": "{p_holm:p}",
    "To be found": "{detectable:.3f}",
}


def write(output: str | Path, patients: Sequence[str | Path]) -> None:
    """Write the CSV and, beside it, the page.

    Args:
        output: the CSV to write: dataset, network, other, patients_are ("known" or "unknown"),
            metric, value, other_value, difference (the gate minus the other), low, high, p_value,
            se, df, p_holm, detectable, patients, repeats, seed.
        patients: CSVs of the command `crossover`; frozen rows are left out.
    """
    table = gate_table(read_patients(patients))
    heading = "{dataset:label}, {patients_are} patients ({patients} patients, {repeats} repeats)"
    blocks = sections(table, ["dataset", "patients_are"], heading, COLUMNS)
    provenance = code_provenance_block("rows of patients, real images")
    title = "The paper's gate against none and others, from ImageNet weights"
    write_table(output, table, title, [NOTES, *blocks, provenance])


def gate_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The gate minus each other variant, on unknown patients first, then on known ones."""
    found = []
    rows = rows[rows["training"] == "fine-tuned"].sort_values("known", kind="stable")
    families = ["dataset", "seed", "known"]
    for (dataset, seed, known), runs in rows.groupby(families, sort=False):
        of_network = dict(list(runs.groupby("network")))
        for metric in METRICS:
            for other in OTHERS:
                of = compare(of_network[GATE], of_network[other], metric, networks=True)
                needed = (t.ppf(0.975, of.df) + t.ppf(POWER, of.df)) * of.se
                found.append(
                    {"dataset": dataset, "network": GATE, "other": other}
                    | {"patients_are": "known" if known else "unknown", "metric": metric}
                    | {"value": of.first, "other_value": of.second}
                    | {
                        key: getattr(of, key)
                        for key in ("difference", "low", "high", "p_value", "se", "df")
                    }
                    | {"p_holm": None, "detectable": needed}
                    | {"patients": of.patients, "repeats": runs["repeat"].nunique(), "seed": seed}
                )
    table = pd.DataFrame(found)
    same = table.groupby(["dataset", "seed", "patients_are", "metric"])["p_value"]
    return table.assign(p_holm=same.transform(holm)).round(6)
