"""tables/crossover: the same patients, known and unknown to the network."""

from collections.abc import Sequence

import pandas as pd

from paper_code.crossover.compare import METRICS, compare
from paper_code.crossover.patients import read_patients

PLAIN = "efficientnet_lite0"  # without a gate


def rows(*, patients: Sequence[str]) -> pd.DataFrame:
    """`crossover_table` of files of rows of patients."""
    return crossover_table(read_patients(patients))


def frozen_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of the frozen network with the first seed, each data set by itself: those put
    together are the same patients once more."""
    chosen = (table["metric"] == "accuracy") & (table["network"] == PLAIN)
    chosen &= (table["training"] == "frozen") & (table["seed"] == table["seed"].min())
    return table[chosen & ~table["dataset"].str.contains("+", regex=False)]


def crossover_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Known minus unknown, for each data set, network, training, seed and metric."""
    found = []
    keys = ["dataset", "network", "training", "seed"]
    for values, runs in rows.groupby(keys, sort=False):
        known = runs["known"] == 1
        of_runs = dict(zip(keys, values, strict=True))
        for metric in METRICS:
            of = compare(runs[known], runs[~known], metric)
            found.append(
                {key: of_runs[key] for key in keys[:3]}
                | {"metric": metric, "known": of.first, "unknown": of.second}
                | {key: getattr(of, key) for key in ("difference", "low", "high", "p_value")}
                | {"patients": of.patients, "repeats": runs["repeat"].nunique()}
                | {"sign_flip_p": of.sign_flip_p, "up": of.up, "down": of.down}
                | {"seed": of_runs["seed"]}
            )
    return pd.DataFrame(found).round(6)
