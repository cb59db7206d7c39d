"""How often the verdicts are wrong, and how often they are reached when true, in simulation.

    python benchmarks/verdicts.py [--families 200]

Every rule that prints a verdict is run as the tables run it, on simulated data sets whose truth is
known. A data set has patients of several images, who share a deviation; a network has a lasting
way with each patient; a run (a split by image and a seed) shifts a network as a whole and patient
by patient, and is tested on its own 30 % of the images. So images, patients, splits and seeds vary.

- cells: 36 cells of one metric, the printed value being one more run of the same experiment.
- claims: "more accurate than each of 8 networks on each of 6 data sets", 48 comparisons.
- comparisons: one of them; leads of the margin must not be called equivalent.
- leakage: split by image against split by patient, where it makes no difference.
- imbalance: the lead on five sets against that on a sixth.
- times: "the shortest time of nine".

Results go to benchmarks/results/verdicts.{csv,md}.
"""

import argparse
import functools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.files import write_csv, write_text
from paper_code.metrics import compare_samples, difference_bootstrap, holm
from paper_code.metrics.classification import weighted_metrics
from paper_code.metrics.replication import replication
from paper_code.progress import track
from paper_code.provenance import commit, versions
from paper_code.reporting.claims.measured import BASELINES, measured_imbalance, measured_times
from paper_code.reporting.claims.printed import BALANCED, IMBALANCED
from paper_code.reporting.markdown import markdown
from paper_code.reporting.verdicts import MARGIN, compared, everywhere, replicated, shortfall

RESULTS = Path(__file__).parent / "results"
PATIENTS, IMAGES, RESAMPLES = 82, 12, 200
NETWORKS, SETS, CELLS = 8, 6, 36
ACCURACY = ("accuracy",)
ON_CLAIMS = ("supported", "contradicted", "not shown")
# Deviations on the scale of the margin, whose own is about 1: of a run, of a network's way with a
# patient (lasting, and in one run). 0.12 makes a spread of one point between runs near 0.93.
RUN, LASTING, PASSING = 0.12, 0.15, 0.15
# Distances of the classes: accuracies of about 0.78, 0.93 and 0.99.
WEAKER, DISTANCE, STRONGER = 0.8, 1.5, 2.6


def simulate_runs(
    rng: np.random.Generator,
    distances: list[float],
    runs: int,
    *,
    run: float = RUN,
    lasting: float = LASTING,
    by: str = "image",
    patients: int = PATIENTS,
) -> list[list[tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Samples of each network (one for each of `distances`) and run on one data set.

    `run` is the deviation between runs, `lasting` that of a network's way with a patient; `by` is
    what splits are drawn by.
    """
    codes = np.repeat(np.arange(patients), IMAGES)
    labels = (rng.random(patients) < 0.6).astype(int)[codes]
    shared = rng.normal(0, 0.5, patients)[codes] + rng.normal(0, 0.7, len(codes))
    ways = rng.normal(0, lasting, (len(distances), patients))
    found = [[] for _ in distances]
    for _ in range(runs):
        if by == "patient":
            test = np.isin(codes, rng.permutation(patients)[: round(0.3 * patients)])
        else:
            test = np.isin(
                np.arange(len(codes)), rng.permutation(len(codes))[: len(codes) * 3 // 10]
            )
        for network, distance in enumerate(distances):
            of_patients = ways[network] + rng.normal(0, PASSING, patients)
            margin = distance + rng.normal(0, run) + shared + of_patients[codes]
            margin = margin + rng.normal(0, 0.4, len(codes))
            p = 1 / (1 + np.exp(-2 * (2 * labels - 1) * margin))
            found[network].append((labels[test], np.stack([1 - p, p], 1)[test], codes[test]))
    return found


def accuracies(samples: list[tuple]) -> np.ndarray:
    """The accuracy of each run."""
    return np.array(
        [weighted_metrics(y, p, np.ones((1, len(y))), ACCURACY)[0, 0] for y, p, _ in samples]
    )


def true_lead(first: float, second: float) -> float:
    """Difference of accuracy between two distances of the classes, on many patients and runs."""
    rng = np.random.default_rng(9)
    sides = simulate_runs(rng, [first, second], 20, patients=2000)
    return float(np.subtract(*[accuracies(side).mean() for side in sides]))


def cells(families: int, runs: int, ours: float = DISTANCE) -> dict[str, float]:
    """Shares of families with a false or true verdict on `CELLS` cells, and of cells.

    The printed value is one more run, of classes at `DISTANCE`; our runs have them at `ours`.
    """
    rng = np.random.default_rng(1)
    any_differs, outside, agrees, differs = 0, [], [], []
    for _ in range(families):
        rows = []
        for _ in range(CELLS):
            mine, theirs = simulate_runs(rng, [ours, DISTANCE], runs + 1)
            if ours == DISTANCE:  # the same experiment: one more of its runs
                theirs = mine
            printed = round(float(accuracies(theirs[-1:])[0]), 3)
            tested = replication(accuracies(mine[:-1]), printed, 1 / len(mine[0][0]), MARGIN)
            rows.append(tested | {"printed": printed})
        table = pd.DataFrame(rows).assign(metric="accuracy", obstacles="", shortfall="")
        verdicts = replicated(table)["verdict"]
        any_differs += (verdicts == "differs").any()
        outside.append((table["p_value"] < 0.05).mean())
        agrees.append((verdicts == "agrees").mean())
        differs.append((verdicts == "differs").mean())
    return {
        "family with a 'differs'": any_differs / families,
        "cells outside the 95 % prediction interval": float(np.mean(outside)),
        "cells 'agrees'": float(np.mean(agrees)),
        "cells 'differs'": float(np.mean(differs)),
    }


def guards(runs: int, patients: int = PATIENTS) -> dict[str, str]:
    """Columns of comparisons of real runs, each with a split, a seed and these patients."""
    repeats = [(run, run) for run in range(runs)]
    return {"obstacles": "", "shortfall": shortfall(repeats, [patients] * runs)}


def claim(
    families: int, runs: int, ours: float, others: list[float], *, one_set: float | None = None
) -> dict[str, float]:
    """Verdicts on "better than each other network on each data set".

    `ours` and `others` are distances of the classes; `one_set` replaces that of the first other
    network on the first data set alone.
    """
    rng = np.random.default_rng(2)
    verdicts, without = [], []
    for seed in range(families):
        rows = []
        for number in range(SETS):
            distances = [ours, *others]
            if one_set is not None and number == 0:
                distances[1] = one_set
            reference, *rest = simulate_runs(rng, distances, runs)
            rows += [compare_samples(reference, o, ACCURACY, RESAMPLES, seed=seed) for o in rest]
        table = pd.concat(rows, ignore_index=True).assign(**guards(runs))
        table["p_holm"] = holm(table["p_value"])
        verdicts.append(everywhere(table, len(table)).verdict)
        # The rule that looks at the patients alone and asks for no number of seeds.
        without.append(everywhere(table.assign(shortfall=""), len(table)).verdict)
    shares = pd.Series(verdicts).value_counts(normalize=True)
    alone = pd.Series(without).value_counts(normalize=True)
    return {name: float(shares.get(name, 0)) for name in ON_CLAIMS} | {
        "contradicted if one seed were enough": float(alone.get("contradicted", 0))
    }


def comparison(sets: int, runs: int, ours: float, other: float) -> dict[str, float]:
    """Verdicts on "ours is better" from single comparisons."""
    rng = np.random.default_rng(3)
    rows = [
        compare_samples(*simulate_runs(rng, [ours, other], runs), ACCURACY, RESAMPLES, seed=seed)
        for seed in range(sets)
    ]
    table = pd.concat(rows, ignore_index=True)
    table = table.assign(p_holm=table["p_value"], **guards(runs))
    shares = compared(table)["verdict"].value_counts(normalize=True)
    return {name: float(shares.get(name, 0)) for name in ("agrees", *ON_CLAIMS)}


def leakage(sets: int, runs: int, patients: int) -> dict[str, float]:
    """Share of p < 0.05 for a split by image against one by patient that makes no difference."""
    rng = np.random.default_rng(4)
    found = []
    for seed in range(sets):
        state = rng.integers(2**32)
        sides = [
            simulate_runs(np.random.default_rng(state), [DISTANCE], runs, by=by, patients=patients)[
                0
            ]
            for by in ("image", "patient")
        ]
        table = difference_bootstrap(*sides, ACCURACY, RESAMPLES, seed=seed, paired=False)
        found.append(table["p_value"].iloc[0])
    return {"false difference": float(np.mean(np.array(found) < 0.05))}


def imbalance(families: int, runs: int) -> dict[str, float]:
    """Verdicts on "a larger lead on each imbalanced set", where the leads are equal."""
    rng = np.random.default_rng(5)
    verdicts = []
    for seed in range(families):
        rows = []
        for dataset in (BALANCED, *IMBALANCED):
            pair = simulate_runs(rng, [DISTANCE, DISTANCE], runs)
            row = compare_samples(*pair, ("balanced_accuracy",), RESAMPLES, seed=seed)
            rows.append(row.assign(dataset=dataset, network="resnet50", splits="image"))
        table = pd.concat(rows).assign(**guards(runs))
        verdicts.append(measured_imbalance({"comparisons": table})[0].verdict)
    shares = pd.Series(verdicts).value_counts(normalize=True)
    return {name: float(shares.get(name, 0)) for name in ON_CLAIMS}


def times(families: int, faster: float) -> dict[str, float]:
    """Verdicts on "the shortest time", six data sets and five seeds, times 5 % apart by chance.

    `faster`: the log of the other networks' time over ours.
    """
    rng = np.random.default_rng(6)
    verdicts = []
    for _ in range(families):
        rows = []
        for network in ("dalaresnet50", *BASELINES):
            less = 0.0 if network == "dalaresnet50" else faster
            for dataset in (*IMBALANCED, BALANCED):
                seconds = 100 * np.exp(less + rng.normal(0, 0.05, 5))
                values = " ".join(f"{each:.4f}" for each in seconds)
                row = {"dataset": dataset, "network": network, "metric": "total_seconds"}
                row |= {"seeds": "0 1 2 3 4", "split_seeds": "0 1 2 3 4", "epochs": 50}
                rows.append(row | {"seed_values": values} | guards(5))
        tables = {"table_09_breakhis_cost": pd.DataFrame(rows)}
        verdicts.append(measured_times(tables)[0].verdict)
    shares = pd.Series(verdicts).value_counts(normalize=True)
    return {name: float(shares.get(name, 0)) for name in ON_CLAIMS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--families", type=int, default=200, help="simulated families in each row")
    families = parser.parse_args().families
    started = time.perf_counter()
    rows = []
    for rule, truth, runs, count, work in track(_jobs(families), "verdicts"):
        names = {"rule": rule, "truth": truth, "runs": runs, "simulated": count}
        rows += [names | {"outcome": name, "rate": rate} for name, rate in work().items()]
    table = pd.DataFrame(rows)
    table["error"] = np.sqrt(table["rate"] * (1 - table["rate"]) / table["simulated"])
    table = table.round({"rate": 4, "error": 4})
    write_csv(RESULTS / "verdicts.csv", table)
    write_text(RESULTS / "verdicts.md", _page(table, time.perf_counter() - started))


def _jobs(families: int) -> list[tuple[str, str, int, int, Callable[[], dict[str, float]]]]:
    """Rule, truth, runs, how many are simulated, and the simulation, in the order of the table."""
    part = functools.partial
    half, few, many = families // 2, max(1, families // 8), 5 * families
    at_margin = _distance_of_lead(MARGIN)
    small, large = true_lead(STRONGER, DISTANCE), true_lead(DISTANCE, WEAKER)
    equal, weaker = [DISTANCE] * NETWORKS, [WEAKER] * NETWORKS
    all_but_one = [DISTANCE, *[WEAKER] * (NETWORKS - 1)]
    jobs = [
        ("cells", "the same experiment", 5, many, part(cells, many, 5)),
        ("cells", "the same experiment", 10, many, part(cells, many, 10)),
        ("cells", f"printed: {large:.3f} more", 5, few, part(cells, few, 5, ours=WEAKER)),
        ("claims", "no network is better", 1, families, part(claim, families, 1, DISTANCE, equal)),
        ("claims", "no network is better", 5, families, part(claim, families, 5, DISTANCE, equal)),
        (
            "claims",
            f"ours is better by {large:.3f}",
            5,
            half,
            part(claim, half, 5, DISTANCE, weaker),
        ),
        (
            "claims",
            f"ours is better by {large:.3f}, but equal to one",
            5,
            half,
            part(claim, half, 5, DISTANCE, all_but_one),
        ),
        (
            "claims",
            f"one other is better by {small:.3f}, on one set",
            5,
            half,
            part(claim, half, 5, DISTANCE, equal, one_set=STRONGER),
        ),
    ]
    leads = {
        "equal": (DISTANCE, DISTANCE),
        f"better by the margin, {MARGIN:.3f}": (DISTANCE, at_margin),
        f"better by {small:.3f}": (STRONGER, DISTANCE),
    }
    jobs += [
        ("comparisons", truth, 5, many, part(comparison, many, 5, *pair))
        for truth, pair in leads.items()
    ]
    jobs += [
        ("leakage", f"none, {patients} patients", runs, many, part(leakage, many, runs, patients))
        for patients in (24, PATIENTS)
        for runs in (1, 5)
    ]
    return [
        *jobs,
        ("imbalance", "equal leads", 5, families, part(imbalance, families, 5)),
        ("times", "equal times", 5, families, part(times, families, 0.0)),
        ("times", "ours is 10 % faster", 5, families, part(times, families, 0.1)),
    ]


def _distance_of_lead(lead: float) -> float:
    """The distance that is behind `DISTANCE` by `lead` in accuracy, by bisection."""
    low, high = 0.0, DISTANCE
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if true_lead(DISTANCE, middle) > lead else (low, middle)
    return (low + high) / 2


def _page(table: pd.DataFrame, seconds: float) -> str:
    lines = [
        {
            "Rule": row["rule"],
            "Truth": row["truth"],
            "Runs": row["runs"],
            "Outcome": row["outcome"],
            "Rate": f"{row['rate']:.3f} ± {row['error']:.3f}",
            "Simulated": row["simulated"],
        }
        for _, row in table.iterrows()
    ]
    installed = ", ".join(f"{name} {version}" for name, version in versions().items())
    blocks = [
        "# Error rates of the verdicts, in simulation",
        f"Data sets of {PATIENTS} patients with {IMAGES} images each (unless stated), runs with "
        "their own split and seed. ± is the Monte Carlo standard error. The rules are the "
        "functions that the tables call; benchmarks/verdicts.py says how data are simulated.",
        markdown(pd.DataFrame(lines)),
        f"{seconds:.0f} s on one core; commit {commit()}; {installed}.",
    ]
    return "\n\n".join(blocks) + "\n"


if __name__ == "__main__":
    main()
