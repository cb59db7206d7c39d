"""How often intervals, tests and verdicts are wrong, and how often they find what is true.

    python benchmarks/verdicts.py [--parts verdicts intervals maps] [--families 200]

Everything is run as the tables run it, on simulated data sets whose truth is known. Results go to
benchmarks/results/<part>.{csv,md}.

verdicts: patients of several images share a deviation; a network also has a lasting way with each
patient, and a run (a split by image and a seed) shifts a network as a whole and patient by patient,
and is tested on its own 30 % of the images. So images, patients, splits and seeds vary.

intervals: of one run. Share of 95 % intervals that hold the value of an endless test set; share of
paired comparisons with p < 0.05 where both networks are equally good, and where one is better.

maps: a map is noise plus the lesion (a disc) times a skill, which varies between patients, methods
and seeds. A family is DT Grad-CAM against the paper's three other methods, for one rule and metric,
with Holm's correction; where no method is better, at most 5 % are to have a finding.
"""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.cam.localization import matched_area_scores, overlap_scores, threshold_free_scores
from paper_code.cam.localization import regions as cut_maps
from paper_code.metrics import bootstrap_interval, compare_samples
from paper_code.metrics.classification import weighted_metrics
from paper_code.metrics.comparisons import difference_bootstrap, holm
from paper_code.metrics.power import lead_p_values, mcnemar_p
from paper_code.metrics.replication import replication
from paper_code.progress import track
from paper_code.reporting import verdicts
from paper_code.reporting.claims.measured import BASELINES, measured_imbalance, measured_times
from paper_code.reporting.claims.printed import BALANCED, IMBALANCED
from paper_code.reporting.markdown import code_provenance_block, markdown, write_table
from paper_code.reporting.tables.cam.paired import cam_comparison_rows
from paper_code.reporting.tables.cam.scores import MAP_METRICS, CamRun
from paper_code.reporting.verdicts import LEVEL, MARGIN, PROTOCOL

RESULTS = Path(__file__).parent / "results"

# --- verdicts -------------------------------------------------------------------------------------

PATIENTS, IMAGES, RESAMPLES = 82, 12, 200
NETWORKS, SETS = 8, 6
PRINTED_NETWORKS, PRINTED_SETS = 9, 4  # of Table VII
FULL = 167  # patients: 600 test images, about as many as a magnification of BreakHis has
SHIFT = 0.008  # in accuracy
BEST_LEAD = 0.019  # the largest printed lead over the best baseline on BreakHis
LARGE = 2000  # patients, where the number of images is not to matter
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
    by: str = "image",
    patients: int = PATIENTS,
) -> list[list[tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Samples of each network (one for each of `distances`) and run on one data set.

    `run` is the deviation between runs; `by` is what splits are drawn by.
    """
    codes = np.repeat(np.arange(patients), IMAGES)
    labels = (rng.random(patients) < 0.6).astype(int)[codes]
    shared = rng.normal(0, 0.5, patients)[codes] + rng.normal(0, 0.7, len(codes))
    ways = rng.normal(0, LASTING, (len(distances), patients))
    found = [[] for _ in distances]
    for _ in range(runs):
        units, drawn = len(codes), len(codes) * 3 // 10
        if by == "patient":
            units, drawn = patients, round(0.3 * patients)
        unit = codes if by == "patient" else np.arange(len(codes))
        test = np.isin(unit, rng.permutation(units)[:drawn])
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


def true_accuracies(*distances: float) -> list[float]:
    """Accuracies at these distances of the classes, on many patients and runs."""
    sides = simulate_runs(np.random.default_rng(9), list(distances), 20, patients=LARGE)
    return [float(accuracies(side).mean()) for side in sides]


def true_lead(first: float, second: float) -> float:
    """Difference of accuracy between two distances of the classes."""
    return float(np.subtract(*true_accuracies(first, second)))


def distance_of_lead(lead: float) -> float:
    """The distance that is behind `DISTANCE` by `lead` in accuracy, by bisection."""
    low, high = 0.0, DISTANCE
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if true_lead(DISTANCE, middle) > lead else (low, middle)
    return (low + high) / 2


def shares(found: Iterable[str], names: Iterable[str] = ON_CLAIMS) -> dict[str, float]:
    """The share of each of these verdicts."""
    counted = pd.Series(list(found)).value_counts(normalize=True)
    return {name: float(counted.get(name, 0)) for name in names}


def cell(samples: list[tuple], printed: float, margin: float = MARGIN) -> dict:
    """A cell of a table of scores: the accuracies of some runs beside a printed value."""
    tested = replication(accuracies(samples), printed, 1 / len(samples[0][0]), margin)
    names = {"metric": "accuracy", "obstacles": "", "shortfall": ""}
    return tested | names | {"printed": printed, "margin": margin}


def guards(runs: int) -> dict[str, str]:
    """Columns of comparisons of real runs, each with a split and a seed of its own."""
    repeats = [(run, run) for run in range(runs)]
    return {"obstacles": "", "shortfall": verdicts.shortfall(repeats, [PATIENTS] * runs)}


# Each simulates so many families (or sets) with so many runs, and returns {outcome: share}.


def cells(families: int, runs: int, ours: float = DISTANCE) -> dict[str, float]:
    """False or true verdicts on a table of 9 networks on 4 data sets, and on its cells.

    The printed values are one more run, of classes at `DISTANCE`; our runs have them at `ours`. The
    networks of a data set are tested on the same images.
    """
    rng = np.random.default_rng(1)
    found = []
    for _ in range(families):
        rows = []
        for dataset in range(PRINTED_SETS):
            mine = simulate_runs(rng, [ours] * PRINTED_NETWORKS, runs + 1)
            theirs = mine  # the same experiment: one more of its runs
            if ours != DISTANCE:
                theirs = simulate_runs(rng, [DISTANCE] * PRINTED_NETWORKS, 1)
            for network, other in zip(mine, theirs, strict=True):
                printed = round(float(accuracies(other[-1:])[0]), 3)
                rows.append(cell(network[:-1], printed) | {"dataset": dataset})
        table = verdicts.replicated(pd.DataFrame(rows))
        agrees, differs = (table["verdict"] == name for name in ("agrees", "differs"))
        whole = verdicts.replicates(table).verdict
        outside = (table["p_value"] < 0.05).mean()
        found.append(
            (whole == "contradicted", differs.any(), outside, agrees.mean(), differs.mean())
        )
    names = (
        "table as a whole 'contradicted'",
        "family with a 'differs'",
        "cells outside the 95 % prediction interval",
        "cells 'agrees'",
        "cells 'differs'",
    )
    return dict(zip(names, np.mean(found, axis=0).tolist(), strict=True))


def exchanged(families: int, runs: int, behind: float) -> dict[str, float]:
    """How often the best two agree with their printed values though their order is exchanged.

    Printed: classes at `DISTANCE` and at `behind`, by accuracies in the long run. Test sets are
    large and runs alike, so that cells can agree at all.
    """
    rng = np.random.default_rng(7)
    printed = true_accuracies(DISTANCE, behind)
    margins = {
        "both agree, margin of 0.02": MARGIN,
        "both agree, margin that follows the lead": verdicts.order_margin(printed),
    }
    both = dict.fromkeys(margins, 0.0)
    for _ in range(families):
        ours = simulate_runs(rng, [behind, DISTANCE], runs, run=RUN / 10, patients=LARGE)
        for name, margin in margins.items():
            rows = [cell(side, p, margin) for side, p in zip(ours, printed, strict=True)]
            agree = verdicts.replicated(pd.DataFrame(rows))["verdict"] == "agrees"
            both[name] += agree.all() / families
    return both


def leads(sets: int, runs: int) -> dict[str, float]:
    """How often the lead of one of two equal networks is significant by McNemar's test."""
    rng = np.random.default_rng(8)
    found = []
    for _ in range(sets):
        (first,), (second,) = simulate_runs(rng, [DISTANCE, DISTANCE], runs, patients=FULL)
        right = [p.argmax(axis=1) == labels for labels, p, _ in (first, second)]
        only = (right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()
        ends = lead_p_values(right[0].mean(), right[1].mean(), len(right[0]))
        found.append((mcnemar_p(*only) < LEVEL, ends.disjoint <= LEVEL))
    names = ("p < 0.05", "'stands' whichever errors are shared")
    return dict(zip(names, np.mean(found, axis=0).tolist(), strict=True))


def claims(
    families: int,
    runs: int,
    others: list[float],
    one_set: float | None = None,
    shift: float = 0.0,
    patients: int = PATIENTS,
) -> dict[str, float]:
    """Verdicts on "better than each of 8 networks on each of 6 data sets", 48 comparisons.

    `others` are distances of the classes, beside ours at `DISTANCE`; `one_set` replaces the first
    of them on the first data set alone. `shift`: standard deviation of what a network owes to the
    training patients of a data set, as a distance.
    """
    rng = np.random.default_rng(2)
    found, without = [], []
    for seed in range(families):
        rows = []
        for number in range(SETS):
            distances = [DISTANCE, *others]
            if one_set is not None and number == 0:
                distances[1] = one_set
            if shift:
                distances = [distance + rng.normal(0, shift) for distance in distances]
            reference, *rest = simulate_runs(rng, distances, runs, patients=patients)
            rows += [compare_samples(reference, o, ACCURACY, RESAMPLES, seed=seed) for o in rest]
        table = pd.concat(rows, ignore_index=True).assign(**guards(runs))
        table["p_holm"] = holm(table["p_value"])
        found.append(verdicts.everywhere(table, len(table)).verdict)
        # The rule that looks at the patients alone and asks for no number of seeds.
        without.append(verdicts.everywhere(table.assign(shortfall=""), len(table)).verdict)
    alone = shares(without, ("contradicted",))["contradicted"]
    return shares(found) | {"contradicted if one seed were enough": alone}


def comparisons(sets: int, runs: int, pair: list[float]) -> dict[str, float]:
    """Verdicts on "ours is better"; leads of the margin must not be called equivalent."""
    rng = np.random.default_rng(3)
    rows = [
        compare_samples(*simulate_runs(rng, pair, runs), ACCURACY, RESAMPLES, seed=seed)
        for seed in range(sets)
    ]
    table = pd.concat(rows, ignore_index=True)
    table = table.assign(p_holm=table["p_value"], **guards(runs))
    return shares(verdicts.compared(table)["verdict"], ("agrees", *ON_CLAIMS))


def leakage(sets: int, runs: int, patients: int) -> dict[str, float]:
    """Share of p < 0.05 for a split by image against one by patient that makes no difference."""
    rng = np.random.default_rng(4)
    found = []
    for seed in range(sets):
        state, sides = rng.integers(2**32), []
        for by in ("image", "patient"):
            draws = np.random.default_rng(state)
            sides += simulate_runs(draws, [DISTANCE], runs, by=by, patients=patients)
        table = difference_bootstrap(*sides, ACCURACY, RESAMPLES, seed=seed, paired=False)
        found.append(table["p_value"].iloc[0] < 0.05)
    return {"false difference": float(np.mean(found))}


def imbalance(families: int, runs: int) -> dict[str, float]:
    """Verdicts on "a larger lead on each imbalanced set", where the leads are equal."""
    rng = np.random.default_rng(5)
    found = []
    for seed in range(families):
        rows = []
        for dataset in (BALANCED, *IMBALANCED):
            pair = simulate_runs(rng, [DISTANCE, DISTANCE], runs)
            row = compare_samples(*pair, ("balanced_accuracy",), RESAMPLES, seed=seed)
            rows.append(row.assign(dataset=dataset, network="resnet50", splits="image"))
        table = pd.concat(rows).assign(**guards(runs))
        found.append(measured_imbalance({"comparisons": table})[0].verdict)
    return shares(found)


def times(families: int, runs: int, faster: float) -> dict[str, float]:
    """Verdicts on "the shortest time of nine" on six data sets, times 5 % apart by chance.

    `faster`: the log of the other networks' time over ours.
    """
    rng = np.random.default_rng(6)
    seeds = " ".join(map(str, range(runs)))
    same = {"metric": "total_seconds", "seeds": seeds, "split_seeds": seeds, "epochs": 50}
    found = []
    for _ in range(families):
        rows = []
        for network in ("dalaresnet50", *BASELINES):
            less = 0.0 if network == "dalaresnet50" else faster
            for dataset in (*IMBALANCED, BALANCED):
                seconds = 100 * np.exp(less + rng.normal(0, 0.05, runs))
                values = " ".join(f"{each:.4f}" for each in seconds)
                rows.append({"dataset": dataset, "network": network, "seed_values": values})
        table = pd.DataFrame(rows).assign(**same, **guards(runs))
        found.append(measured_times({"table_09_breakhis_cost": table})[0].verdict)
    return shares(found)


def simulations(families: int) -> list[tuple[Callable, str, int, int, dict]]:
    """Rule, truth, runs, how many are simulated, and options, in the order of the table."""
    half, few, many = families // 2, max(1, families // 8), 5 * families
    at_margin, at_shift, at_lead = map(distance_of_lead, (MARGIN, SHIFT, BEST_LEAD))
    small, large = true_lead(STRONGER, DISTANCE), true_lead(DISTANCE, WEAKER)
    equal, weaker = {"others": [DISTANCE] * NETWORKS}, {"others": [WEAKER] * NETWORKS}
    but_one = {"others": [DISTANCE, *[WEAKER] * (NETWORKS - 1)]}
    behind = {"others": [at_lead] * NETWORKS, "patients": FULL}
    shifted = {"shift": (DISTANCE - at_shift) / np.sqrt(2), "patients": FULL}  # of each of two
    sized = "600 test images"
    exchange = f"best two exchanged, lead {SHIFT:.3f}, large test sets"
    by_training = f"equal but for training patients, {SHIFT:.3f}; {sized}"
    by_margin = f"better by the margin, {MARGIN:.3f}"
    one_set = f"one other is better by {small:.3f}, on one set"
    ours = "ours is better by"
    return [
        (cells, "the same experiment", 5, many, {}),
        (cells, "the same experiment", 10, many, {}),
        (cells, f"printed: {large:.3f} more", 5, few, {"ours": WEAKER}),
        (claims, "no network is better", 1, families, equal),
        (claims, "no network is better", 5, families, equal),
        (claims, f"{ours} {large:.3f}", 5, half, weaker),
        (claims, f"{ours} {large:.3f}, but equal to one", 5, half, but_one),
        (claims, one_set, 5, half, equal | {"one_set": STRONGER}),
        (claims, by_training, 5, families, equal | shifted),
        (claims, f"{ours} {BEST_LEAD:.3f}; {sized}", 5, half, behind),
        (exchanged, exchange, 5, many, {"behind": at_shift}),
        (leads, f"equal networks; {sized}", 1, many, {}),
        (comparisons, "equal", 5, many, {"pair": [DISTANCE, DISTANCE]}),
        (comparisons, by_margin, 5, many, {"pair": [DISTANCE, at_margin]}),
        (comparisons, f"better by {small:.3f}", 5, many, {"pair": [STRONGER, DISTANCE]}),
        *(
            (leakage, f"none, {patients} patients", runs, many, {"patients": patients})
            for patients in (24, PATIENTS)
            for runs in (1, 5)
        ),
        (imbalance, "equal leads", 5, families, {}),
        (times, "equal times", 5, families, {"faster": 0.0}),
        (times, "ours is 10 % faster", 5, families, {"faster": 0.1}),
    ]


def write_verdicts(families: int) -> None:
    """Simulate every rule, and write a row for each outcome."""
    rows = []
    for rule, truth, runs, count, options in track(simulations(families), "verdicts"):
        about = {"rule": rule.__name__, "truth": truth, "runs": runs, "simulated": count}
        found = rule(count, runs, **options)
        rows += [about | {"outcome": name, "rate": rate} for name, rate in found.items()]
    table = with_error(pd.DataFrame(rows), "simulated")
    rate = table["rate"].map("{:.3f}".format) + " ± " + table["error"].map("{:.3f}".format)
    shown = table.assign(rate=rate)[["rule", "truth", "runs", "outcome", "rate", "simulated"]]
    about = (
        "± is the Monte Carlo standard error. The rules are the functions that the tables call; "
        "benchmarks/verdicts.py says how data are simulated."
    )
    sections = [about, markdown(shown.rename(columns=str.capitalize))]
    write("verdicts", "Error rates of the verdicts", table, sections)


# --- intervals ------------------------------------------------------------------------------------

METRICS = ("accuracy", "gmean", "auc_roc", "mcc")
# Patients, images a patient, distance of the classes, deviation of a patient.
Design = tuple[int, int, float, float]
DESIGNS = ((12, 6, 1.0, 0.6), (24, 6, 1.0, 0.6), (82, 8, 1.5, 0.5), (120, 1, 1.0, 0.0))
ENDLESS = 20_000  # patients of a test set that tells the truth
BETTER = 0.5  # by how much the classes are further apart for the better network
ABOUT = {
    "coverage": "Share of 95 % intervals that hold the truth (of those that exist). In brackets: "
    "the true value.",
    "false alarms": "Share of comparisons with p < 0.05 where both networks are equally good. In "
    "brackets: how far they are apart on a large test set.",
    "power": "Share with p < 0.05 where the first is better by the stated true difference. In "
    "brackets: that difference.",
}


def simulate_sets(rng, patients: int, per: int, shift: float, deviation: float, lead=(0.0,)):
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


def true_values(design: Design, lead=(0.0,)) -> np.ndarray:
    """Networks x metrics on a test set large enough to be called endless."""
    rng = np.random.default_rng(1)
    labels, _, probabilities = simulate_sets(rng, ENDLESS, *design[1:], lead=lead)
    ones = np.ones((1, len(labels)))
    return np.stack([weighted_metrics(labels, p, ones, METRICS)[0] for p in probabilities])


def coverage(sets: int, design: Design, resamples: int = 500) -> pd.DataFrame:
    """Share of 95 % intervals that hold the truth, of those that exist, for each metric."""
    truth = true_values(design)[0]
    rng = np.random.default_rng(2)
    held, given = np.zeros(len(METRICS)), np.zeros(len(METRICS), int)
    for seed in range(sets):
        labels, codes, (p,) = simulate_sets(rng, *design)
        if np.ptp(labels) == 0:
            continue
        table = bootstrap_interval(labels, p, codes, METRICS, resamples, seed=seed)
        held += ((table["low"] <= truth) & (truth <= table["high"])).to_numpy()
        given += table["low"].notna().to_numpy()
    return pd.DataFrame({"case": METRICS, "rate": held / given, "sets": given, "truth": truth})


def rejections(sets: int, design: Design, more: float, resamples: int = 500) -> pd.DataFrame:
    """Share of paired comparisons with p < 0.05; `more` is the lead of the first network."""
    truth = np.subtract(*true_values(design, (more, 0.0)))
    rng = np.random.default_rng(3)
    found = []
    for seed in range(sets):
        labels, codes, (first, second) = simulate_sets(rng, *design, lead=(more, 0.0))
        if np.ptp(labels) == 0:
            continue
        sides = [(labels, first, codes)], [(labels, second, codes)]
        found.append(compare_samples(*sides, METRICS, resamples, seed=seed)["p_value"] < 0.05)
    rate = np.mean(found, axis=0)
    return pd.DataFrame({"case": METRICS, "rate": rate, "sets": len(found), "truth": truth})


def write_intervals(sets: int) -> None:
    """Coverage, false alarms and power in each design; a row for each metric."""
    parts = []
    for design in track(DESIGNS, "intervals"):
        for what, nominal, rates in (
            ("coverage", 0.95, coverage(sets, design)),
            ("false alarms", 0.05, rejections(sets, design, 0.0)),
            ("power", np.nan, rejections(sets, design, BETTER)),
        ):
            name = f"{design[0]} patients x {design[1]}"
            parts.append(rates.assign(what=what, design=name, nominal=nominal))
    table = with_error(pd.concat(parts, ignore_index=True), "sets")
    columns = ["what", "design", "case", "nominal", "rate", "sets", "truth", "error"]
    table = table[columns].round({"truth": 4})
    shown = table["rate"].map("{:.3f}".format) + table["truth"].map(" ({:.3f})".format)
    sections = []
    for what, about in ABOUT.items():
        part = table.assign(shown=shown)[table["what"] == what]
        wide = part.pivot(index="design", columns="case", values="shown")
        wide = wide.loc[part["design"].unique(), list(METRICS)].reset_index()
        sections += [f"## {what.capitalize()}", about, markdown(wide)]
    write("intervals", "Intervals and tests", table, sections)


# --- maps -----------------------------------------------------------------------------------------

METHODS = ("gradcam", "scorecam", "eigencam", "dt_gradcam")
OF_MAPS, PER, SIDE, RADIUS = 20, 2, 16, 3.0  # patients, images of each; px
SKILL, DEVIATION = 0.3, 0.15  # mean and deviation of a patient's skill
COUNTED = (("own", "iou"), ("otsu", "iou"), ("area", "iou"), ("none", "auprc"))
COUNTED += (("none", "pointing_game"),)
# label: (how much better DT Grad-CAM is, seeds, deviation of a seed)
CASES = {
    "no method is better": (0.0, 1, 0.0),
    "no method is better, 5 seeds that differ": (0.0, 5, 0.05),
    "DT Grad-CAM is better": (0.2, 1, 0.0),
}
FACTS = {
    "dataset": "mini_ddsm",
    "by": "image",
    "split_seed": 0,
    "network": "dalaresnet50",
    "data": {"dataset": "mini_ddsm", "source": "real", "complete": True},
    "weights": "imagenet",
    "frozen": False,
    "dropout": PROTOCOL["dropout"],
    "settings": PROTOCOL,
    "lesion_masks": True,
    "auc_roc": {"value": 0.9, "low": 0.8},
}


def simulate_maps(rng: np.random.Generator, planted: float, seeds: int, spread: float):
    """One `CamRun` per seed, each with the maps of `METHODS` on the same images."""
    count = OF_MAPS * PER
    patients = np.repeat(np.arange(OF_MAPS), PER)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    centres = rng.uniform(RADIUS, SIDE - RADIUS, (count, 2))
    masks = np.stack([(rows - y) ** 2 + (columns - x) ** 2 < RADIUS**2 for y, x in centres])
    names = pd.DataFrame({"image": [f"{number}.png" for number in range(count)]})
    names = names.assign(group=[f"patient {p}" for p in patients], lesion=masks.mean((1, 2)))
    skill = rng.normal(SKILL, DEVIATION, (len(METHODS), OF_MAPS))
    skill[METHODS.index("dt_gradcam")] += planted
    for seed in range(seeds):
        of_seed = skill + rng.normal(0, spread, (len(METHODS), 1))
        regions, free = [], []
        for method, of_patient in zip(METHODS, of_seed, strict=True):
            maps = rng.random((count, SIDE, SIDE))
            maps = maps + of_patient[patients][:, None, None] * masks
            maps = (maps - maps.min((1, 2), keepdims=True)) / np.ptp(maps, (1, 2), keepdims=True)
            about = names.assign(method=method)
            scores = {"area": matched_area_scores(maps, masks, float(masks.mean()))}
            for rule in ("own", "otsu"):  # all are cut alike; DT Grad-CAM's own cut is another one
                scores[rule] = overlap_scores(cut_maps(maps, "gradcam", rule), masks)
            for rule, table in scores.items():
                regions.append(pd.concat([about.assign(rule=rule), table], axis=1))
            table = threshold_free_scores(maps, masks).reindex(columns=MAP_METRICS)
            free.append(pd.concat([about, table], axis=1))
        yield CamRun(FACTS | {"seed": seed}, pd.concat(regions), pd.concat(free), pd.DataFrame())


def maps_compared(families: int, case: str, resamples: int = 1000) -> pd.DataFrame:
    """For each rule and metric, share of families in which DT Grad-CAM differs from some method, is
    better than all, or worse than some."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(families):
        runs = list(simulate_maps(rng, *CASES[case]))
        rows = cam_comparison_rows(runs, scale="paper", resamples=resamples)
        rows = rows[rows["family"] == "paper"].set_index(["rule", "metric"])
        for rule, metric in COUNTED:
            # The tests themselves: with one seed, as in some cases, a table gives no verdict.
            shown = rows.loc[[(rule, metric)]]
            significant = shown["p_holm"] < LEVEL
            better = significant & (shown["difference"] > 0)
            worse = significant & (shown["difference"] < 0)
            found.append((rule, metric, (better | worse).any(), better.all(), worse.any()))
    shares_found = ["some_finding", "better_than_all", "worse_than_some"]
    table = pd.DataFrame(found, columns=["rule", "metric", *shares_found])
    return table.groupby(["rule", "metric"], sort=False, as_index=False)[shares_found].mean()


def write_maps(families: int) -> None:
    """Every case of `CASES`; a row for each rule and metric."""
    parts = [maps_compared(families, case).assign(case=case) for case in track(CASES, "maps")]
    table = pd.concat(parts, ignore_index=True)
    table.insert(0, "case", table.pop("case"))
    about = f"`python benchmarks/verdicts.py --parts maps`: {families} families per case."
    write("maps", "Comparisons of maps", table, [about, markdown(table)])


# --- the whole ------------------------------------------------------------------------------------


def with_error(table: pd.DataFrame, count: str) -> pd.DataFrame:
    """Add the Monte Carlo standard error of the column `rate` from the column `count`."""
    error = np.sqrt(table["rate"] * (1 - table["rate"]) / table[count])
    return table.assign(error=error).round({"rate": 4, "error": 4})


def write(part: str, title: str, table: pd.DataFrame, sections: list[str]) -> None:
    sections = [*sections, code_provenance_block("simulated")]
    write_table(RESULTS / f"{part}.csv", table, f"{title}, in simulation", sections)


PARTS = {"verdicts": write_verdicts, "intervals": write_intervals, "maps": write_maps}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--families", type=int, default=200, help="simulated families in each row")
    options = parser.parse_args()
    for part in options.parts:
        PARTS[part](options.families)


if __name__ == "__main__":
    main()
