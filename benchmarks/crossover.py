"""How often the crossover's test is wrong, and how often it finds a difference, in simulation.

    python benchmarks/crossover.py [--experiments 1000]

The real repeats are drawn for patients of the real numbers of images (`paper_code.crossover`), and
tested by a simulated network. Its margin on an image is a mean, plus deviations of the patient
(lasting), of the arm, of the patient in this arm, and of the image; an image is right if the
margin is above 0. A patient whom the arm knows gains something, as much as makes the true
difference in accuracy; how much differs between patients. So does it where the difference is none:
then some gain and others lose.

The test is that of tables/crossover: t over patients, beside it sign flips. A second table is about
two networks in the same arms (tables/gate_crossover): each arm's training deviates by itself, which
all of its patients share, and so does each network on each patient. The log loss takes the margin,
times `LOGIT`, for a logit. Beside the test that counts stands t over patients alone.

Results go to benchmarks/results/crossover.{csv,md} and crossover_gates.csv.
"""

import argparse
import functools
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm, t, ttest_1samp

from paper_code.crossover.compare import standard_error
from paper_code.crossover.design import ARMS, draw_repeat
from paper_code.files import write_csv
from paper_code.reporting.labels import DATASET_LABELS, label
from paper_code.reporting.markdown import code_provenance_block, markdown, number, write_table

RESULTS = Path(__file__).parent / "results"
# Images of each patient of the samples, benign and malignant.
PATIENTS = """
breakhis_100x 0 21 72 57 10 1 11 23 16
breakhis_100x 1 9 4 6 6 16 17 19 12 20 8 11 29 10 10 23 12
breakhis_200x 0 21 21 12 16 17 34 17 14 34 16
breakhis_200x 1 22 9 14 19 21 23 14 18 19 14 22 12 21 18 19 13 10
breakhis_200x 1 17 24 21 32 37 27 18 21 14 17 21 21 22 12 9 21 15
"""
# Accuracy halfway between known and unknown, about that of the frozen network.
HALFWAY = {"breakhis_100x": 0.75, "breakhis_200x": 0.86}
DIFFERENCES, REPEATS = (0.0, 0.05, 0.1, 0.15, 0.2), (8, 200)
# Standard deviations on the margin's scale. With these, differences of patients at 100X scatter as
# those of the frozen network do.
PATIENT, ARM, PATIENT_IN_ARM, IMAGE, GAIN = 1.0, 0.3, 0.3, 1.0, 0.7
SPREAD = float(np.sqrt(PATIENT**2 + ARM**2 + PATIENT_IN_ARM**2 + IMAGE**2))
FLIPS = 2000
TITLES = {
    "dataset": "Patients as in",
    "patients": "Tested patients",
    "repeats": "Repeats",
    "difference": "True difference",
    "found_t": "Found, t test",
    "found_sign_flips": "Found, sign flips",
    "coverage": "Intervals that hold the truth",
    "mean_half_width": "Mean half width",
}
GATE_TITLES = {
    "dataset": "Patients as in",
    "repeats": "Repeats",
    "metric": "Metric",
    "difference": "True difference in accuracy",
    "found": "Found",
    "found_patients_alone": "Found, t over patients alone",
}
# Of two networks: repeats; the lasting deviation of a network on a patient; logits of a margin.
GATE_REPEATS, NETWORK_ON_PATIENT, LOGIT = (5, 8), 0.3, 3.0


class Design:
    """The test images of R repeats, one after another, each tested by both arms."""

    def __init__(self, dataset: str, repeats: int) -> None:
        lines = [line.split() for line in PATIENTS.split("\n") if line.startswith(dataset)]
        labels = np.array([int(label) for _, label, *sizes in lines for _ in sizes])
        sizes = np.array([int(size) for _, _, *sizes in lines for size in sizes])
        patient = np.repeat(np.arange(len(sizes)), sizes)
        found = [draw_repeat(labels[patient], patient, 0, number) for number in range(repeats)]
        self.patients = len(sizes)
        self.patient = np.concatenate([np.tile(patient[each.test], 2) for each in found])
        self.known = np.concatenate([each.known[arm] for each in found for arm in ARMS])
        lengths = [len(each.test) for each in found for _ in ARMS]
        self.arm = np.repeat(np.arange(2 * repeats), lengths)
        # One cell for each patient in each arm of each repeat.
        _, self.cell = np.unique(self.arm * self.patients + self.patient, return_inverse=True)
        first = np.unique(self.cell, return_index=True)[1]
        self.images = np.bincount(self.cell)
        self.of_cell, self.of_arm = (self.patient[first], self.known[first]), self.arm[first]

    def differences(self, rng: np.random.Generator, mean: float, gain: float) -> np.ndarray:
        """Known minus unknown accuracy of each tested patient in one simulated experiment."""
        margin = mean + rng.normal(0, PATIENT, self.patients)[self.patient]
        margin += rng.normal(0, ARM, self.arm.max() + 1)[self.arm]
        margin += rng.normal(0, PATIENT_IN_ARM, len(self.images))[self.cell]
        margin += self.known * (gain + rng.normal(0, GAIN, self.patients))[self.patient]
        right = margin + rng.normal(0, IMAGE, len(margin)) > 0
        accuracy = np.bincount(self.cell, right) / self.images
        patient, known = self.of_cell
        return means(accuracy[known], patient[known]) - means(accuracy[~known], patient[~known])

    def networks(self, rng: np.random.Generator, mean: float, gain: float, metric: str) -> tuple:
        """First minus second network on unknown patients, of each patient and of each training."""
        shared = mean + rng.normal(0, PATIENT, self.patients)[self.patient]
        shared += rng.normal(0, IMAGE, len(self.patient))
        values = []
        for shift in (gain, 0.0):
            margin = shared + shift + rng.normal(0, ARM, self.arm.max() + 1)[self.arm]
            margin += rng.normal(0, NETWORK_ON_PATIENT, self.patients)[self.patient]
            margin += rng.normal(0, PATIENT_IN_ARM, len(self.images))[self.cell]
            loss = np.logaddexp(0, -LOGIT * margin)
            value = loss if metric == "log_loss" else (margin > 0).astype(float)
            values.append(np.bincount(self.cell, value) / self.images)
        patient, known = self.of_cell
        apart = (values[0] - values[1])[~known]
        return means(apart, patient[~known]), means(apart, self.of_arm[~known])


def means(values: np.ndarray, key: np.ndarray) -> np.ndarray:
    """The mean of the values of each key that occurs, in order."""
    found = np.unique(key)
    return np.bincount(key, values)[found] / np.bincount(key)[found]


def levels(dataset: str, difference: float, spread: float, spread_above: float) -> tuple:
    """Mean margin below, and what is gained, for accuracies round `HALFWAY` that differ so."""
    low, high = (HALFWAY[dataset] + sign * difference / 2 for sign in (-1, 1))
    mean = spread * norm.ppf(low)
    return mean, spread_above * norm.ppf(high) - mean


design_of = functools.cache(Design)  # it draws every repeat


def power(dataset: str, repeats: int, difference: float, experiments: int) -> dict[str, object]:
    """Share of simulated experiments in which the test finds a true difference; coverage."""
    design, rng = design_of(dataset, repeats), np.random.default_rng([repeats, len(dataset)])
    mean, gain = levels(dataset, difference, SPREAD, np.hypot(SPREAD, GAIN))
    found = np.array([design.differences(rng, mean, gain) for _ in range(experiments)])
    tested = ttest_1samp(found, 0, axis=1)
    interval = tested.confidence_interval(0.95)
    flips = rng.choice([-1, 1], size=(FLIPS, found.shape[1]))
    as_far = np.abs(found @ flips.T) >= np.abs(found.sum(axis=1))[:, None] - 1e-9
    return {
        "dataset": dataset,
        "patients": found.shape[1],
        "repeats": repeats,
        "difference": difference,
        "found_t": float((tested.pvalue < 0.05).mean()),
        "found_sign_flips": float((as_far.mean(axis=1) < 0.05).mean()),
        "coverage": float(((interval.low <= difference) & (difference <= interval.high)).mean()),
        "mean_estimate": float(found.mean()),
        "mean_half_width": float((interval.high - interval.low).mean() / 2),
    }


def gate_power(
    dataset: str, repeats: int, metric: str, difference: float, experiments: int
) -> dict[str, object]:
    """Share of simulated experiments in which one network is found better than another."""
    design = design_of(dataset, repeats)
    rng = np.random.default_rng([repeats, len(dataset), len(metric)])
    spread = float(np.hypot(SPREAD, NETWORK_ON_PATIENT))
    mean, gain = levels(dataset, difference, spread, spread)
    found = {"both": 0, "patients": 0}
    for _ in range(experiments):
        apart = design.networks(rng, mean, gain, metric)
        for name, samples in (("both", apart), ("patients", apart[:1])):
            se, df = standard_error(samples)
            found[name] += 2 * t.sf(abs(apart[0].mean()) / se, df) < 0.05
    return {
        "dataset": dataset,
        "repeats": repeats,
        "metric": metric,
        "difference": difference,
        "found": found["both"] / experiments,
        "found_patients_alone": found["patients"] / experiments,
    }


def shown(table: pd.DataFrame, titles: dict[str, str]) -> str:
    """The columns of `titles` as Markdown."""
    table = table.assign(dataset=table["dataset"].map(DATASET_LABELS))
    table["difference"] = table["difference"].map("{:.2f}".format)
    if "metric" in table:
        table["metric"] = table["metric"].map(label)
    text = table.map(lambda value: number(value) if isinstance(value, float) else value)
    return markdown(text[list(titles)].rename(columns=titles))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=1000)
    experiments = parser.parse_args().experiments
    rows = [
        power(dataset, repeats, difference, experiments)
        for dataset in HALFWAY
        for repeats in REPEATS
        for difference in DIFFERENCES
    ]
    table = pd.DataFrame(rows)
    gates = pd.DataFrame(
        gate_power(dataset, repeats, metric, difference, experiments)
        for dataset in HALFWAY
        for repeats in GATE_REPEATS
        for metric in ("log_loss", "accuracy")
        for difference in DIFFERENCES[:4]
    )
    error = 1.96 * np.sqrt(0.05 * 0.95 / experiments)
    sections = [
        f"{experiments} experiments in each row; the first difference, 0, gives the false alarms "
        "(0.05 is meant). How it is simulated: benchmarks/crossover.py. A share of 0.05 of "
        f"{experiments} experiments is known to about {error:.3f}.",
        shown(table, TITLES),
        "## Two networks on unknown patients",
        "Found: the test of tables/gate_crossover before Holm's correction, whose standard error "
        "adds the spread of trainings to that of patients.",
        shown(gates, GATE_TITLES),
        code_provenance_block("simulated"),
    ]
    write_csv(RESULTS / "crossover_gates.csv", gates)
    write_table(RESULTS / "crossover.csv", table, "The crossover's test in simulation", sections)


if __name__ == "__main__":
    main()
