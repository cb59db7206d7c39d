"""How often the intervals hold the truth, and how often tests of one run each raise a false alarm.

    python benchmarks/intervals.py [--sets 200]

Simulated test sets of two classes, whose truth is known: `patients` patients of about `per` images
each, who share a deviation, and networks whose scores share the images' difficulty. Two tables:

- coverage: share of 95 % intervals that hold the value of an endless test set.
- tests: share of paired comparisons with p < 0.05 where both networks are equally good (to be 5 %)
  and where one is better by a stated difference (the power).

benchmarks/verdicts.py simulates the verdicts, over several runs. Results go to
benchmarks/results/intervals.{csv,md}.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.files import write_csv, write_text
from paper_code.metrics import bootstrap_interval, compare_samples
from paper_code.metrics.classification import weighted_metrics
from paper_code.progress import track
from paper_code.provenance import commit, versions
from paper_code.reporting.markdown import markdown

RESULTS = Path(__file__).parent / "results"
METRICS = ("accuracy", "gmean", "auc_roc", "mcc")
# Patients, images a patient, distance of the classes, deviation of a patient.
DESIGNS = ((12, 6, 1.0, 0.6), (24, 6, 1.0, 0.6), (82, 8, 1.5, 0.5), (120, 1, 1.0, 0.0))
TRUTH_PATIENTS = 20_000


def simulate(rng, patients: int, per: int, shift: float, deviation: float, lead=(0.0,)):
    """Labels (N), patient codes (N) and one N x 2 array of probabilities a network.

    `lead` is added to the distance of the classes, a number a network.
    """
    images = np.maximum(1, rng.poisson(per, patients)) if per > 1 else np.ones(patients, int)
    codes = np.repeat(np.arange(patients), images)
    labels = (rng.random(patients) < 0.6).astype(int)[codes]
    noise = np.sqrt(1 - deviation**2)
    shared = rng.normal(0, deviation, patients)[codes] + rng.normal(0, 0.8 * noise, len(codes))
    probabilities = []
    for more in lead:
        margin = (2 * labels - 1) * (shift + more) + shared
        margin = margin + rng.normal(0, 0.6 * noise, len(codes))
        p = 1 / (1 + np.exp(-2 * margin))
        probabilities.append(np.stack([1 - p, p], axis=1))
    return labels, codes, probabilities


def true_values(design: tuple, lead=(0.0,)) -> np.ndarray:
    """Networks x metrics on a test set large enough to be called endless."""
    labels, _, probabilities = simulate(
        np.random.default_rng(1), TRUTH_PATIENTS, *design[1:], lead=lead
    )
    ones = np.ones((1, len(labels)))
    return np.stack([weighted_metrics(labels, p, ones, METRICS)[0] for p in probabilities])


def coverage(design: tuple, sets: int, resamples: int = 500) -> list[dict]:
    """Share of intervals that hold the truth, of those that exist; one row per metric."""
    truth = true_values(design)[0]
    rng = np.random.default_rng(2)
    held, given = np.zeros(len(METRICS)), np.zeros(len(METRICS))
    for seed in range(sets):
        labels, codes, (p,) = simulate(rng, *design)
        if np.ptp(labels) == 0:
            continue
        table = bootstrap_interval(labels, p, codes, METRICS, resamples, seed=seed)
        held += ((table["low"] <= truth) & (truth <= table["high"])).to_numpy()
        given += table["low"].notna().to_numpy()
    return [
        {
            "what": "coverage",
            "design": _name(design),
            "case": metric,
            "nominal": 0.95,
            "rate": held[i] / given[i],
            "sets": int(given[i]),
            "truth": truth[i],
        }
        for i, metric in enumerate(METRICS)
    ]


def rejections(design: tuple, more: float, sets: int, resamples: int = 500) -> list[dict]:
    """Share of paired comparisons with p < 0.05; `more` is the lead of the first network."""
    truth = np.subtract(*true_values(design, (more, 0.0)))
    rng = np.random.default_rng(3)
    p_values = []
    for seed in range(sets):
        labels, codes, (first, second) = simulate(rng, *design, lead=(more, 0.0))
        if np.ptp(labels) == 0:
            continue
        sides = [(labels, first, codes)], [(labels, second, codes)]
        p_values.append(compare_samples(*sides, METRICS, resamples, seed=seed)["p_value"])
    found = np.array(p_values) < 0.05
    return [
        {
            "what": "power" if more else "false alarms",
            "design": _name(design),
            "case": metric,
            "nominal": np.nan if more else 0.05,
            "rate": found[:, i].mean(),
            "sets": len(found),
            "truth": truth[i],
        }
        for i, metric in enumerate(METRICS)
    ]


def _name(design: tuple) -> str:
    patients, per, *_ = design
    return f"{patients} patients x {per}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", type=int, default=200, help="simulated test sets a row")
    sets = parser.parse_args().sets
    started = time.perf_counter()
    rows = []
    for design in track(DESIGNS, "coverage and tests"):
        rows += coverage(design, sets)
        for more in (0.0, 0.5):
            rows += rejections(design, more, sets)
    table = pd.DataFrame(rows)
    table["error"] = np.sqrt(table["rate"] * (1 - table["rate"]) / table["sets"])
    table = table.round({"rate": 4, "truth": 4, "error": 4})
    write_csv(RESULTS / "intervals.csv", table)
    write_text(RESULTS / "intervals.md", _page(table, time.perf_counter() - started))


def _page(table: pd.DataFrame, seconds: float) -> str:
    notes = {
        "coverage": "Share of 95 % intervals that hold the truth (of those that exist).",
        "false alarms": "Share of comparisons with p < 0.05 where both networks are equally good.",
        "power": "Share with p < 0.05 where the first is better by the stated true difference.",
    }
    blocks = ["# Intervals and tests in simulation"]
    for what, note in notes.items():
        subset = table[table["what"] == what]
        text = subset["rate"].map("{:.3f}".format)
        if what != "false alarms":
            text += " (" + subset["truth"].map("{:.3f}".format) + ")"
        wide = subset.assign(text=text).pivot(index="design", columns="case", values="text")
        wide = wide.reindex(index=dict.fromkeys(subset["design"]), columns=METRICS).reset_index()
        brackets = "" if what == "false alarms" else " In brackets: the true value."
        if what == "power":
            brackets = " In brackets: that difference."
        blocks.append(f"## {what.capitalize()}\n\n{note}{brackets}\n\n{markdown(wide)}")
    installed = ", ".join(f"{name} {version}" for name, version in versions().items())
    blocks.append(
        f"Monte Carlo error: the column `error` of the CSV, 0.015 for a rate of 0.05 of 200 sets. "
        f"{seconds:.0f} s on one core; commit {commit()}; {installed}."
    )
    return "\n\n".join(blocks) + "\n"


if __name__ == "__main__":
    main()
