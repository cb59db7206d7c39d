"""How often intervals, tests and verdicts are wrong, and how often they find what is true.

    python benchmarks/verdicts.py [--parts verdicts intervals maps] [--families 200]

Everything is run as the tables run it, on simulated data sets whose truth is known: patients of
several images, who share a deviation. Results go to benchmarks/results/<part>.{csv,md}.

verdicts: a network also has a lasting way with each patient, and a run (a split by image and a
seed) shifts a network as a whole and patient by patient, and is tested on its own 30 % of the
images. So images, patients, splits and seeds vary.
- cells: one metric of 9 networks on 4 data sets, the printed values being one more run of the same
  experiment. The networks of a data set are tested on the same images.
- order: the best two of the cells, printed with a lead, measured in the other order.
- claims: "more accurate than each of 8 networks on each of 6 data sets", 48 comparisons. With a
  shift, networks that are equal on average differ for good on the training patients of a data set.
- leads: two equal networks, one run of each, by the exact McNemar test.
- comparisons: one of them; leads of the margin must not be called equivalent.
- leakage: split by image against split by patient, where it makes no difference.
- imbalance: the lead on five sets against that on a sixth.
- times: "the shortest time of nine".

intervals: of one run. Share of 95 % intervals that hold the value of an endless test set; share of
paired comparisons with p < 0.05 where both networks are equally good, and where one is better.

maps: a map is noise plus the lesion (a disc) times a skill, which varies between patients, methods
and seeds. A family is DT Grad-CAM against the paper's three other methods, for one rule and metric,
with Holm's correction; where no method is better, at most 5 % are to have a finding.
"""

import argparse
import functools
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.cam.localization import (
    matched_area_scores,
    overlap_scores,
    regions,
    threshold_free_scores,
)
from paper_code.metrics import bootstrap_interval, compare_samples
from paper_code.metrics.classification import weighted_metrics
from paper_code.metrics.comparisons import difference_bootstrap, holm
from paper_code.metrics.power import lead_p_values, mcnemar_p
from paper_code.metrics.replication import replication
from paper_code.progress import track
from paper_code.reporting.claims.measured import BASELINES, measured_imbalance, measured_times
from paper_code.reporting.claims.printed import BALANCED, IMBALANCED
from paper_code.reporting.markdown import code_provenance_block, markdown, write_table
from paper_code.reporting.tables.cam.paired import cam_comparison_rows
from paper_code.reporting.tables.cam.scores import MAP_METRICS, CamRun
from paper_code.reporting.verdicts import (
    LEVEL,
    MARGIN,
    PROTOCOL,
    compared,
    everywhere,
    order_margin,
    replicated,
    replicates,
    shortfall,
)

RESULTS = Path(__file__).parent / "results"
# Rule, truth, runs, how many are simulated, and the simulation: {outcome: share}.
Job = tuple[str, str, int, int, Callable[[], dict[str, float]]]

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


def true_lead(first: float, second: float) -> float:
    """Difference of accuracy between two distances of the classes, on many patients and runs."""
    rng = np.random.default_rng(9)
    sides = simulate_runs(rng, [first, second], 20, patients=LARGE)
    return float(np.subtract(*[accuracies(side).mean() for side in sides]))


def cells(families: int, runs: int, ours: float = DISTANCE) -> dict[str, float]:
    """Shares of families with a false or true verdict on a table, and of its cells.

    The printed values are one more run, of classes at `DISTANCE`; our runs have them at `ours`.
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
            for network, of_theirs in zip(mine, theirs, strict=True):
                printed = round(float(accuracies(of_theirs[-1:])[0]), 3)
                rows.append(cell(network[:-1], printed, MARGIN) | {"dataset": dataset})
        table = replicated(pd.DataFrame(rows))
        agrees, differs = (table["verdict"] == name for name in ("agrees", "differs"))
        found.append(
            {
                "table as a whole 'contradicted'": replicates(table).verdict == "contradicted",
                "family with a 'differs'": differs.any(),
                "cells outside the 95 % prediction interval": (table["p_value"] < 0.05).mean(),
                "cells 'agrees'": agrees.mean(),
                "cells 'differs'": differs.mean(),
            }
        )
    return pd.DataFrame(found).mean().to_dict()


def cell(samples: list[tuple], printed: float, margin: float) -> dict:
    """A cell of a table of scores: the accuracies of some runs beside a printed value."""
    tested = replication(accuracies(samples), printed, 1 / len(samples[0][0]), margin)
    names = {"metric": "accuracy", "obstacles": "", "shortfall": ""}
    return tested | names | {"printed": printed, "margin": margin}


def exchanged(families: int, runs: int, behind: float, run: float) -> dict[str, float]:
    """How often the best two agree with their printed values though their order is exchanged.

    Printed: classes at `DISTANCE` and at `behind`, by accuracies in the long run. `run` is the
    deviation between our runs. Test sets are large, so that cells can agree at all.
    """
    rng = np.random.default_rng(7)
    far = np.random.default_rng(9)
    printed = [
        accuracies(side).mean()
        for side in simulate_runs(far, [DISTANCE, behind], 20, patients=LARGE)
    ]
    found = {"margin of 0.02": MARGIN, "margin that follows the lead": order_margin(printed)}
    both = dict.fromkeys(found, 0)
    for _ in range(families):
        ours = simulate_runs(rng, [behind, DISTANCE], runs, run=run, patients=LARGE)
        for name, margin in found.items():
            rows = [cell(side, p, margin) for side, p in zip(ours, printed, strict=True)]
            both[name] += (replicated(pd.DataFrame(rows))["verdict"] == "agrees").all()
    return {f"both agree, {name}": count / families for name, count in both.items()}


def one_run_each(sets: int) -> dict[str, float]:
    """How often the lead of one of two equal networks is significant, with one run of each."""
    rng = np.random.default_rng(8)
    found = []
    for _ in range(sets):
        (first,), (second,) = simulate_runs(rng, [DISTANCE, DISTANCE], 1, patients=FULL)
        right = [p.argmax(axis=1) == labels for labels, p, _ in (first, second)]
        only = (right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()
        ends = lead_p_values(right[0].mean(), right[1].mean(), len(right[0]))
        stands = ends.disjoint <= LEVEL
        significant = mcnemar_p(*only) < LEVEL
        found.append({"p < 0.05": significant, "'stands' whichever errors are shared": stands})
    return pd.DataFrame(found).mean().to_dict()


def shares_of(verdicts: Iterable[str], names: Iterable[str] = ON_CLAIMS) -> dict[str, float]:
    """The share of each of these verdicts."""
    shares = pd.Series(list(verdicts)).value_counts(normalize=True)
    return {name: float(shares.get(name, 0)) for name in names}


def guards(runs: int, patients: int = PATIENTS) -> dict[str, str]:
    """Columns of comparisons of real runs, each with a split, a seed and these patients."""
    repeats = [(run, run) for run in range(runs)]
    return {"obstacles": "", "shortfall": shortfall(repeats, [patients] * runs)}


def claim(
    families: int,
    runs: int,
    ours: float,
    others: list[float],
    *,
    one_set: float | None = None,
    shift: float = 0.0,
    patients: int = PATIENTS,
) -> dict[str, float]:
    """Verdicts on "better than each other network on each data set".

    `ours` and `others` are distances of the classes; `one_set` replaces that of the first other
    network on the first data set alone. `shift`: standard deviation of what a network owes to the
    training patients of a data set, as a distance.
    """
    rng = np.random.default_rng(2)
    verdicts, without = [], []
    for seed in range(families):
        rows = []
        for number in range(SETS):
            distances = [ours, *others]
            if one_set is not None and number == 0:
                distances[1] = one_set
            if shift:
                distances = [distance + rng.normal(0, shift) for distance in distances]
            reference, *rest = simulate_runs(rng, distances, runs, patients=patients)
            rows += [compare_samples(reference, o, ACCURACY, RESAMPLES, seed=seed) for o in rest]
        table = pd.concat(rows, ignore_index=True).assign(**guards(runs))
        table["p_holm"] = holm(table["p_value"])
        verdicts.append(everywhere(table, len(table)).verdict)
        # The rule that looks at the patients alone and asks for no number of seeds.
        without.append(everywhere(table.assign(shortfall=""), len(table)).verdict)
    alone = shares_of(without, ("contradicted",))
    return shares_of(verdicts) | {"contradicted if one seed were enough": alone["contradicted"]}


def comparison(sets: int, runs: int, ours: float, other: float) -> dict[str, float]:
    """Verdicts on "ours is better" from single comparisons."""
    rng = np.random.default_rng(3)
    rows = [
        compare_samples(*simulate_runs(rng, [ours, other], runs), ACCURACY, RESAMPLES, seed=seed)
        for seed in range(sets)
    ]
    table = pd.concat(rows, ignore_index=True)
    table = table.assign(p_holm=table["p_value"], **guards(runs))
    return shares_of(compared(table)["verdict"], ("agrees", *ON_CLAIMS))


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
    return shares_of(verdicts)


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
    return shares_of(verdicts)


def job(rule: str, truth: str, runs: int, count: int, work: Callable, *given, **options) -> Job:
    """A simulation of `count` families (or sets), whose number is the first argument of `work`."""
    return rule, truth, runs, count, functools.partial(work, count, *given, **options)


def verdict_jobs(families: int) -> list[Job]:
    """All simulations of this part, in the order of the table."""
    half, few, many = families // 2, max(1, families // 8), 5 * families
    at_margin, at_shift = _distance_of_lead(MARGIN), _distance_of_lead(SHIFT)
    behind = [_distance_of_lead(BEST_LEAD)] * NETWORKS
    small, large = true_lead(STRONGER, DISTANCE), true_lead(DISTANCE, WEAKER)
    equal, weaker = [DISTANCE] * NETWORKS, [WEAKER] * NETWORKS
    all_but_one = [DISTANCE, *[WEAKER] * (NETWORKS - 1)]
    shift = (DISTANCE - at_shift) / np.sqrt(2)  # of each of two networks
    sized = "600 test images"

    def claims(truth: str, count: int, others: list[float], runs: int = 5, **options) -> Job:
        return job("claims", truth, runs, count, claim, runs, DISTANCE, others, **options)

    jobs = [
        job("cells", "the same experiment", 5, many, cells, 5),
        job("cells", "the same experiment", 10, many, cells, 10),
        job("cells", f"printed: {large:.3f} more", 5, few, cells, 5, ours=WEAKER),
        claims("no network is better", families, equal, runs=1),
        claims("no network is better", families, equal),
        claims(f"ours is better by {large:.3f}", half, weaker),
        claims(f"ours is better by {large:.3f}, but equal to one", half, all_but_one),
        claims(f"one other is better by {small:.3f}, on one set", half, equal, one_set=STRONGER),
        claims(
            f"equal but for training patients, {SHIFT:.3f}; {sized}",
            families,
            equal,
            shift=shift,
            patients=FULL,
        ),
        claims(f"ours is better by {BEST_LEAD:.3f}; {sized}", half, behind, patients=FULL),
        job(
            "order",
            f"best two exchanged, lead {SHIFT:.3f}, large test sets",
            5,
            many,
            exchanged,
            5,
            at_shift,
            RUN / 10,
        ),
        job("leads", f"equal networks; {sized}", 1, many, one_run_each),
    ]
    leads = {
        "equal": (DISTANCE, DISTANCE),
        f"better by the margin, {MARGIN:.3f}": (DISTANCE, at_margin),
        f"better by {small:.3f}": (STRONGER, DISTANCE),
    }
    jobs += [
        job("comparisons", truth, 5, many, comparison, 5, *pair) for truth, pair in leads.items()
    ]
    jobs += [
        job("leakage", f"none, {patients} patients", runs, many, leakage, runs, patients)
        for patients in (24, PATIENTS)
        for runs in (1, 5)
    ]
    return [
        *jobs,
        job("imbalance", "equal leads", 5, families, imbalance, 5),
        job("times", "equal times", 5, families, times, 0.0),
        job("times", "ours is 10 % faster", 5, families, times, 0.1),
    ]


def _distance_of_lead(lead: float) -> float:
    """The distance that is behind `DISTANCE` by `lead` in accuracy, by bisection."""
    low, high = 0.0, DISTANCE
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if true_lead(DISTANCE, middle) > lead else (low, middle)
    return (low + high) / 2


# --- intervals ------------------------------------------------------------------------------------

METRICS = ("accuracy", "gmean", "auc_roc", "mcc")
# Patients, images a patient, distance of the classes, deviation of a patient.
Design = tuple[int, int, float, float]
DESIGNS = ((12, 6, 1.0, 0.6), (24, 6, 1.0, 0.6), (82, 8, 1.5, 0.5), (120, 1, 1.0, 0.0))
ENDLESS = 20_000  # patients of a test set that tells the truth


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
    labels, _, probabilities = simulate_sets(
        np.random.default_rng(1), ENDLESS, *design[1:], lead=lead
    )
    ones = np.ones((1, len(labels)))
    return np.stack([weighted_metrics(labels, p, ones, METRICS)[0] for p in probabilities])


def coverage(sets: int, design: Design, resamples: int = 500) -> dict[str, float]:
    """Share of 95 % intervals that hold the truth, of those that exist."""
    truth = true_values(design)[0]
    rng = np.random.default_rng(2)
    held, given = np.zeros(len(METRICS)), np.zeros(len(METRICS))
    for seed in range(sets):
        labels, codes, (p,) = simulate_sets(rng, *design)
        if np.ptp(labels) == 0:
            continue
        table = bootstrap_interval(labels, p, codes, METRICS, resamples, seed=seed)
        held += ((table["low"] <= truth) & (truth <= table["high"])).to_numpy()
        given += table["low"].notna().to_numpy()
    return dict(zip(METRICS, (held / given).tolist(), strict=True))


def rejections(sets: int, design: Design, more: float, resamples: int = 500) -> dict[str, float]:
    """Share of paired comparisons with p < 0.05; `more` is the lead of the first network."""
    rng = np.random.default_rng(3)
    p_values = []
    for seed in range(sets):
        labels, codes, (first, second) = simulate_sets(rng, *design, lead=(more, 0.0))
        if np.ptp(labels) == 0:
            continue
        sides = [(labels, first, codes)], [(labels, second, codes)]
        p_values.append(compare_samples(*sides, METRICS, resamples, seed=seed)["p_value"])
    found = np.array(p_values) < 0.05
    return dict(zip(METRICS, found.mean(axis=0).tolist(), strict=True))


def interval_jobs(families: int) -> list[Job]:
    """All simulations of this part, in the order of the table."""
    jobs = []
    for design in DESIGNS:
        what = f"{design[0]} patients x {design[1]}"
        leads = np.subtract(*true_values(design, (0.5, 0.0)))
        truth = ", ".join(f"{m} {v:+.3f}" for m, v in zip(METRICS, leads, strict=True))
        jobs += [
            job("interval holds the truth", what, 1, families, coverage, design),
            job("p < 0.05", f"{what}, no lead", 1, families, rejections, design, 0.0),
            job("p < 0.05", f"{what}, leads of {truth}", 1, families, rejections, design, 0.5),
        ]
    return jobs


# --- maps -----------------------------------------------------------------------------------------

METHODS = ("gradcam", "scorecam", "eigencam", "dt_gradcam")
OF_MAPS, PER, SIDE, RADIUS = 20, 2, 16, 3.0  # patients, images of each; px
SKILL, DEVIATION = 0.3, 0.15  # mean and deviation of a patient's skill
COUNTED = (("own", "iou"), ("otsu", "iou"), ("area", "iou"), ("none", "auprc"))
COUNTED += (("none", "pointing_game"),)
# label: (how much better DT Grad-CAM is, seeds, deviation of a seed)
CASES = {
    "no method is better": (0.0, 1, 0.0),
    "no method is better, seeds differ": (0.0, 5, 0.05),
    "DT Grad-CAM is better": (0.2, 1, 0.0),
}


def simulate_maps(
    rng: np.random.Generator, planted: float, seeds: int = 1, spread: float = 0.0
) -> list[CamRun]:
    """One run per seed, each with the maps of `METHODS` on the same images."""
    count = OF_MAPS * PER
    patients = np.repeat(np.arange(OF_MAPS), PER)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    centres = rng.uniform(RADIUS, SIDE - RADIUS, (count, 2))
    masks = np.stack([(rows - y) ** 2 + (columns - x) ** 2 < RADIUS**2 for y, x in centres])
    names = pd.DataFrame(
        {
            "image": [f"{number}.png" for number in range(count)],
            "group": [f"patient {number}" for number in patients],
            "lesion": masks.mean((1, 2)),
        }
    )
    skill = rng.normal(SKILL, DEVIATION, (len(METHODS), OF_MAPS))
    skill[METHODS.index("dt_gradcam")] += planted
    runs = []
    for seed in range(seeds):
        of_seed = skill + rng.normal(0, spread, (len(METHODS), 1))
        tables = {"regions": [], "maps": []}
        for method, of_patient in zip(METHODS, of_seed, strict=True):
            maps = rng.random((count, SIDE, SIDE))
            maps = maps + of_patient[patients][:, None, None] * masks
            maps = (maps - maps.min((1, 2), keepdims=True)) / np.ptp(maps, (1, 2), keepdims=True)
            about = names.assign(method=method)
            scores = {
                # Under each rule all methods are cut alike; DT Grad-CAM's own cut is another one.
                "own": overlap_scores(regions(maps, "gradcam", "own"), masks),
                "otsu": overlap_scores(regions(maps, "gradcam", "otsu"), masks),
                "area": matched_area_scores(maps, masks, float(masks.mean())),
            }
            tables["regions"] += [
                pd.concat([about.assign(rule=rule), table], axis=1)
                for rule, table in scores.items()
            ]
            free = threshold_free_scores(maps, masks)
            unmeasured = dict.fromkeys(MAP_METRICS[len(free.columns) :], np.nan)
            tables["maps"].append(pd.concat([about, free.assign(**unmeasured)], axis=1))
        regions_, maps_ = (pd.concat(parts) for parts in tables.values())
        runs.append(CamRun(_facts(seed), regions_, maps_, tuning=pd.DataFrame()))
    return runs


def _facts(seed: int) -> dict:
    return {
        "dataset": "mini_ddsm",
        "by": "image",
        "split_seed": 0,
        "seed": seed,
        "network": "dalaresnet50",
        "data": {"dataset": "mini_ddsm", "source": "real", "complete": True},
        "weights": "imagenet",
        "frozen": False,
        "dropout": PROTOCOL["dropout"],
        "settings": PROTOCOL,
        "lesion_masks": True,
        "auc_roc": {"value": 0.9, "low": 0.8},
    }


def maps_compared(families: int, label: str, resamples: int = 1000) -> dict[str, float]:
    """Share of families of a case of `CASES` in which some control is found worse or better than
    DT Grad-CAM, every one worse, and some better, for each rule and metric."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(families):
        rows = cam_comparison_rows(
            simulate_maps(rng, *CASES[label]), scale="paper", resamples=resamples
        )
        rows = rows[rows["family"] == "paper"].set_index(["rule", "metric"])
        counted: dict[str, bool] = {}
        for rule, metric in COUNTED:
            # The tests themselves: with one seed, as in some cases, a table gives no verdict.
            shown = rows.loc[[(rule, metric)]]
            better = (shown["p_holm"] < LEVEL) & (shown["difference"] > 0)
            worse = (shown["p_holm"] < LEVEL) & (shown["difference"] < 0)
            counted[f"{rule}, {metric}: some finding"] = (better | worse).any()
            counted[f"{rule}, {metric}: better than all"] = better.all()
            counted[f"{rule}, {metric}: worse than some"] = worse.any()
        found.append(counted)
    return pd.DataFrame(found).mean().to_dict()


def map_jobs(families: int) -> list[Job]:
    """All simulations of this part, in the order of the table."""
    return [
        job("maps", label, seeds, families, maps_compared, label)
        for label, (_, seeds, _) in CASES.items()
    ]


# --- the whole ------------------------------------------------------------------------------------

PARTS = {
    "verdicts": ("Error rates of the verdicts", verdict_jobs),
    "intervals": ("Intervals and tests of one run", interval_jobs),
    "maps": ("Comparisons of maps", map_jobs),
}


def run_part(part: str, families: int) -> None:
    """Run a part's simulations and write its table."""
    title, jobs = PARTS[part]
    rows = []
    for rule, truth, runs, count, work in track(jobs(families), part):
        names = {"rule": rule, "truth": truth, "runs": runs, "simulated": count}
        rows += [names | {"outcome": name, "rate": rate} for name, rate in work().items()]
    table = pd.DataFrame(rows)
    table["error"] = np.sqrt(table["rate"] * (1 - table["rate"]) / table["simulated"])
    table = table.round({"rate": 4, "error": 4})
    rate = table["rate"].map("{:.3f}".format) + " ± " + table["error"].map("{:.3f}".format)
    shown = table.assign(rate=rate)[["rule", "truth", "runs", "outcome", "rate", "simulated"]]
    sections = [
        "± is the Monte Carlo standard error. The rules are the functions that the tables call; "
        "benchmarks/verdicts.py says how data are simulated.",
        markdown(shown.rename(columns=str.capitalize)),
        code_provenance_block("simulated"),
    ]
    write_table(RESULTS / f"{part}.csv", table, f"{title}, in simulation", sections)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--families", type=int, default=200, help="simulated families in each row")
    options = parser.parse_args()
    for part in options.parts:
        run_part(part, options.families)


if __name__ == "__main__":
    main()
