"""tables/gate_crossover: EfficientNet-Lite0 with the paper's gate against without and others."""

from collections.abc import Sequence

import pandas as pd
from scipy.stats import t

from paper_code.crossover.compare import METRICS, compare
from paper_code.crossover.design import PLAIN
from paper_code.crossover.patients import read_patients
from paper_code.metrics.comparisons import holm

GATE = f"{PLAIN}-gate"
OTHERS = (PLAIN, f"{PLAIN}-se", f"{PLAIN}-gate_early")
POWER = 0.8
COMPARED = ("difference", "low", "high", "p_value", "se", "df")


def rows(*, patients: Sequence[str]) -> pd.DataFrame:
    """`gate_table` of files of rows of patients."""
    return gate_table(read_patients(patients))


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
                    | {key: getattr(of, key) for key in COMPARED}
                    | {"p_holm": None, "detectable": needed}
                    | {"patients": of.patients, "repeats": runs["repeat"].nunique(), "seed": seed}
                )
    table = pd.DataFrame(found)
    same = table.groupby(["dataset", "seed", "patients_are", "metric"])["p_value"]
    return table.assign(p_holm=same.transform(holm)).round(6)
