"""How often the intervals hold the truth, and how often the verdicts are wrong, in simulation.

    python benchmarks/intervals.py [--sets 200]

Simulated test sets of two classes, whose truth is known: `patients` patients of about `per` images
each, who share a deviation, and networks whose scores share the images' difficulty. Three tables:

- coverage: share of 95 % intervals that hold the value of an endless test set.
- tests: share of paired comparisons with p < 0.05 where both networks are equally good (to be 5 %)
  and where one is better by a stated difference (the power).
- claims: verdicts on "better than each of 8 networks on each of 3 data sets", where no network is
  better, where ours is, and where one other is; with Holm's correction and, to show what it is
  for, without.

Results go to benchmarks/results/intervals.{csv,md}.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.files import write_csv, write_text
from paper_code.metrics import bootstrap_interval, compare_samples, holm
from paper_code.metrics.resampling import weighted_metrics
from paper_code.progress import track
from paper_code.provenance import commit, versions
from paper_code.reporting.claims.verdict import judge
from paper_code.reporting.markdown import markdown

RESULTS = Path(__file__).parent / "results"
METRICS = ("accuracy", "gmean", "auc_roc", "mcc")
# Patients, images a patient, distance of the classes, deviation of a patient.
DESIGNS = ((12, 6, 1.0, 0.6), (24, 6, 1.0, 0.6), (82, 8, 1.5, 0.5), (120, 1, 1.0, 0.0))
TRUTH_PATIENTS = 20_000
NETWORKS, SETS = 8, 3  # of a simulated claim


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


def claim_verdicts(
    design: tuple, ours: float, one_other: float, sets: int, resamples: int = 500
) -> pd.DataFrame:
    """Verdicts on "more accurate than each of `NETWORKS` networks on each of `SETS` data sets".

    `ours` is our lead, `one_other` that of one of the others, on the first data set. Columns
    "claims" (with Holm's correction) and "claims without Holm", one row per simulated claim.
    """
    rng = np.random.default_rng(4)
    verdicts = []
    for seed in range(sets):
        rows = []
        for number in range(SETS):
            lead = [ours, one_other if number == 0 else 0.0, *[0.0] * (NETWORKS - 1)]
            labels, codes, (first, *others) = simulate(rng, *design, lead=lead)
            for other in others:
                sides = [(labels, first, codes)], [(labels, other, codes)]
                rows.append(compare_samples(*sides, ("accuracy",), resamples, seed=seed))
        rows = pd.concat(rows, ignore_index=True).assign(obstacles="")
        corrections = {"claims": holm(rows["p_value"]), "claims without Holm": rows["p_value"]}
        verdicts.append(
            {
                name: judge(rows.assign(p_holm=p), NETWORKS * SETS)[0]
                for name, p in corrections.items()
            }
        )
    return pd.DataFrame(verdicts)


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
    claim = (82, 4, 1.5, 0.5)
    cases = {
        "no network is better": (0.0, 0.0),
        "ours is better everywhere": (1.0, 0.0),
        "one other is better on one set": (0.0, 1.0),
    }
    for case, (ours, other) in track(cases.items(), "claims"):
        found = claim_verdicts(claim, ours, other, sets)
        truth = -np.subtract(*true_values(claim, (0.0, ours or other)))[0]
        rows += [
            {
                "what": what,
                "design": _name(claim),
                "case": f"{case}: {verdict}",
                "nominal": np.nan,
                "rate": (found[what] == verdict).mean(),
                "sets": len(found),
                "truth": truth,
            }
            for what in found
            for verdict in ("supported", "contradicted", "undecided")
        ]
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
    blocks = ["# Intervals, tests and verdicts in simulation"]
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
    subset = table[table["what"].str.startswith("claims")]
    split = subset["case"].str.split(": ", expand=True)
    subset = subset.assign(
        truly=split[0], verdict=split[1], text=subset["rate"].map("{:.3f}".format)
    )
    wide = subset.pivot(index=["truly", "what"], columns="verdict", values="text").reset_index()
    lead = subset.loc[subset["truly"].str.startswith("ours"), "truth"].iloc[0]
    blocks.append(
        f'## Verdicts\n\nOn "more accurate than each of {NETWORKS} networks on each of {SETS} data '
        f'sets", {subset["design"].iloc[0]}; better means by {lead:.3f} in accuracy.\n\n'
        + markdown(wide[["truly", "what", "supported", "contradicted", "undecided"]])
    )
    installed = ", ".join(f"{name} {version}" for name, version in versions().items())
    blocks.append(
        f"Monte Carlo error: the column `error` of the CSV, 0.015 for a rate of 0.05 of 200 sets. "
        f"{seconds:.0f} s on one core; commit {commit()}; {installed}."
    )
    return "\n\n".join(blocks) + "\n"


if __name__ == "__main__":
    main()
