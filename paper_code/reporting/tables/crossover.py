"""tables/crossover: the same patients, known and unknown to the network."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from paper_code.crossover.compare import METRICS, compare
from paper_code.crossover.patients import read_patients
from paper_code.reporting.markdown import code_provenance_block, write_table
from paper_code.reporting.pages import sections

PLAIN = "efficientnet_lite0"  # without a gate
NOTES = """Does a split by image flatter? Each test patient is tested twice on the same images: by a
network that was trained on other images of the patient (known), and by one that was trained on as
many images of another patient of the same class instead (unknown). Both networks have as many
images and patients of each class to learn from.

- Unit: the patient, mean over its images, then over its repeats. Intervals of 95 % and p-values by
  t over patients; beside them a sign-flip test. One test for each data set, network and training is
  meant as evidence: accuracy. Log loss and AUC describe.
- Frozen: features with ImageNet weights, and a logistic head. Fine-tuned: all layers trained.
- The AUC of a patient: its images against those of the test patients of the other class.
- docs/results/crossover_protocol.md was written before the fine-tuned runs; what the numbers mean
  is in docs/results/crossover.md."""
COLUMNS = {
    "Network": "{network:label}, {training}",
    "Metric": "{metric:label}",
    "Known": "{known:.3f}",
    "Unknown": "{unknown:.3f}",
    "Difference": "{difference:.3f} [{low:.3f}, {high:.3f}]",
    "t; sign flips": "{p_value:p}; {sign_flip_p:p}",
    "Patients up, down": "{up}, {down}",
    "Repeats": "{repeats}",
    "Seed": "{seed}",
}


def write(output: str | Path, patients: Sequence[str | Path]) -> None:
    """Write the CSV and, beside it, the page.

    Args:
        output: the CSV to write: dataset, network, training, metric, known, unknown, difference
            (known minus unknown), low, high, p_value, patients, repeats, sign_flip_p, up, down
            (patients whose difference is above and below 0), seed.
        patients: CSVs of the command `crossover`.
    """
    table = crossover_table(read_patients(patients))
    blocks = sections(table, "dataset", "{dataset:label}, {patients} patients", COLUMNS)
    provenance = code_provenance_block("rows of patients, real images")
    title = "Split by image: the same patients, known and unknown"
    write_table(output, table, title, [NOTES, *blocks, provenance])


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
