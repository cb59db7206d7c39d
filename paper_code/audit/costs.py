"""Tables IX and X: parameter totals against the networks named, times against their work."""

from functools import cache
from itertools import permutations

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from paper_code.audit.finding import (
    CONSISTENT,
    Judgement,
    check,
    doubt,
    exclude,
    finding,
    listed,
    pattern,
    texts,
)
from paper_code.audit.identities import span
from paper_code.audit.printed import OURS, Printed

CLASSES = {"breakhis": 2, "mini_ddsm": 3, "bach": 4}
REDUCTIONS = (1, 2, 4, 8, 16, 32, 64)
GATED = "ResNet50 + gate of reduction {} after layer 4 + Linear(2048, n)"
HEADS_ONLY = ("vgg16", "vit", "swin")  # their totals differ from their names' on BACH alone
EXTRA_LAYER = 2048 * 4 + 4  # Linear(2048, 4)
EPOCHS = 50
SPREAD = 1.10  # largest accepted ratio of times per image between equal workloads
UNKNOWN = "vgg16_inception"  # its printed total is not that of the cited network


# --- parameters -----------------------------------------------------------------------------------


@cache
def count_parameters(
    name: str, classes: int, reading: str = "named", reduction: int | None = None
) -> int:
    """All parameters of one network, trainable or not."""
    from paper_code.networks import structure  # imports torch, which reading an audit does not need

    gate = {} if reduction is None else {"reduction": reduction}
    return structure.count_parameters(structure.meta_network(name, classes, reading, **gate))


def readings_of(name: str) -> tuple[dict[str, np.ndarray], int]:
    """Networks that may have been counted: what they are, and their totals for 2, 3, 4 classes.

    The first is what the name says; the number is that of the first ones that the name covers.
    """

    def totals(**options) -> np.ndarray:
        return np.array([count_parameters(name, n, **options) for n in CLASSES.values()])

    if name == OURS:
        gated = {GATED.format(reduction): totals(reduction=reduction) for reduction in REDUCTIONS}
        return gated, len(gated)
    words = texts()["networks"][name]
    readings = {words["named"]: totals()}
    if "counted" in words:
        readings[words["counted"]] = totals(reading="counted")
    says, counted = list(readings.items())[-1]
    readings |= {
        f"{says}, plus a Linear(2048, 4)": counted + EXTRA_LAYER,
        f"{says} for n = 2, plus a Linear(2048, 4)": np.full(3, counted[0] + EXTRA_LAYER),
    }
    return readings, 2 if words.get("covered") else 1


@check
def identified_networks(printed: Printed):
    """Which network has each printed total."""
    for name, totals in printed.totals[list(CLASSES)].iterrows():
        readings, covered = readings_of(name)
        equal = {says: counted == totals.to_numpy() for says, counted in readings.items()}
        shared = [says for says in list(readings)[:covered] if equal[says].all()]
        found = [
            f"{dataset}: "
            + next((says for says in readings if equal[says][i]), "no reading tried has this total")
            for i, dataset in enumerate(CLASSES)
        ]
        judgement = Judgement(CONSISTENT, "one network of this name has all three totals")
        if not shared:
            rule = exclude if any(fit.any() for fit in equal.values()) else doubt
            judgement = rule(True, "no network of this name has all three totals")
        named, by_name = next(iter(readings.items()))
        yield finding(
            "parameters/{name}",
            judgement,
            name=name,
            theme="bach-heads" if name in HEADS_ONLY else "named-networks",
            totals=", ".join(f"{d} ({n} classes) {totals[d]}" for d, n in CLASSES.items()),
            by_name="" if name == OURS else f"; by name ({named}) {listed(by_name)}",
            found=f"all three: {shared[0]}" if shared else "; ".join(found),
        )


@check
def head_growth(printed: Printed):
    """Growth of each total from 2 to 3 and from 3 to 4 classes: equal, and above zero.

    BACH totals may be another total plus exactly one Linear(2048, 4).
    """
    two, three, four = (printed.totals[dataset] for dataset in CLASSES)
    first, second = three - two, four - three
    wrong = two.index[(first != second) | (first <= 0)]
    growth = [f"{name}: {first[name]:+d}, then {second[name]:+d}" for name in two.index]
    yield finding(
        "parameters/head-growth",
        exclude(len(wrong) > 0, "the totals cannot differ in the number of outputs alone"),
        growth="; ".join(growth),
        wrong=listed(wrong),
    )
    from_two, from_four = four - two == EXTRA_LAYER, second - first == EXTRA_LAYER
    yield finding(
        "parameters/bach-linear-2048-4",
        pattern(from_two | from_four),
        layer=EXTRA_LAYER,
        two=listed(two.index[from_two]),
        four=listed(two.index[from_four]),
    )


# --- times ----------------------------------------------------------------------------------------


@check
def averages(printed: Printed):
    """Average time of Table IX against the mean of its four times."""
    said = printed.times["breakhis"]
    mean = printed.times.filter(like="breakhis_").mean(axis=1)
    wrong = said.index[(said - mean).abs() > 0.01 + 1e-9]
    words = [f"{name}: printed {said[name]:.2f}, mean {mean[name]:.2f}; " for name in wrong]
    changes = [*mean.sort_values().index] != [*said.sort_values().index]
    yield finding(
        "timing/averages",
        exclude(len(wrong) > 0, "the average is not that of the four printed times"),
        wrong="".join(words),
        others=len(mean) - len(wrong),
        order="changes" if changes else "stays",
    )


@check
def times_against_work(printed: Printed):
    """Printed times against the multiply-adds of the networks, with and without the gate."""
    from paper_code.networks.structure import gmacs  # imports torch

    times, resnet34 = printed.times.drop(index=UNKNOWN), gmacs("resnet50", "counted")
    work, said, inverted = pd.Series({name: gmacs(name) for name in times.index}), [], 0
    for dataset in ("breakhis", "bach", "mini_ddsm"):
        seconds = times[dataset]
        heavy = [(a, b) for a, b in permutations(work.index, 2) if work[a] >= 2 * work[b]]
        count = sum(seconds[a] < seconds[b] for a, b in heavy)
        rank = spearmanr(work, seconds).statistic
        inverted += count
        said.append(f"{dataset}: rank correlation {rank:.2f}, {count} inversions")
    yield finding(
        "timing/work",
        doubt(inverted > 0, "heavy networks take less time than light ones"),
        unknown=UNKNOWN,
        work=", ".join(f"{name} {value:.2f} G" for name, value in work.items()),
        resnet34=resnet34,
        said="; ".join(said),
    )
    # DALAResNet50 does all the work of a ResNet50 and more.
    ratio = printed.times.loc[OURS] / printed.times.loc["resnet50"]
    yield finding(
        "timing/gate",
        doubt((ratio < 1).any(), "more work takes less time"),
        own=gmacs(OURS),
        other=gmacs("resnet50"),
        resnet34=resnet34,
        ratios=", ".join(f"{dataset} {value:.3f}" for dataset, value in ratio.items()),
        faster=(ratio < 1).sum(),
        columns_=len(ratio),
    )


@check
def times_across_magnifications(printed: Printed):
    """Time per training image of one network at the four magnifications."""
    times = printed.times.filter(like="breakhis_")
    train = pd.Series({dataset: printed.parts[dataset]["train"] for dataset in times})
    spread = (times / train).max(axis=1) / (times / train).min(axis=1)
    more = [
        f"{name} {small} to {large}"
        for name in times.index
        for small, large in permutations(times, 2)
        if train[large] > train[small] and times.at[name, large] < times.at[name, small]
    ]
    yield finding(
        "timing/magnifications",
        doubt(spread.max() > SPREAD or bool(more), "equal work per image takes unequal time"),
        epochs=EPOCHS,
        limit=SPREAD,
        spread=", ".join(f"{name} {value:.2f}" for name, value in spread.items()),
        more=listed(more),
    )


@check
def times_across_datasets(printed: Printed):
    """Time per training image on BACH and Mini-DDSM against BreakHis; all are fed at 224 px."""
    times = printed.times
    train = {dataset: sizes["train"] for dataset, sizes in printed.parts.items()}
    images = train | {"breakhis": np.mean([n for d, n in train.items() if "breakhis" in d])}
    each = {d: 1000 * times[d] / (EPOCHS * images[d]) for d in ("breakhis", "bach", "mini_ddsm")}
    said, far = [f"breakhis: {span(each['breakhis'], 0)} ms"], False
    for dataset in ("bach", "mini_ddsm"):
        ratio = each[dataset] / each["breakhis"]
        said.append(f"{dataset}: {span(each[dataset], 0)} ms, {span(ratio, 1)} times BreakHis")
        far |= ratio.max() > 2 or ratio.min() < 0.5
    yield finding(
        "timing/datasets",
        doubt(far, "equal images take unequal time"),
        epochs=EPOCHS,
        said="; ".join(said),
        train=train,
        longer=(times["bach"] > times["breakhis_40x"]).sum(),
        networks=len(times),
    )


@check
def shortest_time(printed: Printed):
    """The text: DALAResNet50 has the shortest convergence time, DenseNet-121 fewest parameters."""
    times, fewest = printed.times, set(printed.totals.idxmin())
    ahead = [(n, d) for d in times for n in times.index if times.at[n, d] < times.at[OURS, d]]
    words = [
        f"{n} on {d} ({times.at[n, d]:.2f} against {times.at[OURS, d]:.2f} s)" for n, d in ahead
    ]
    averages_too = fewest != {"densenet121"} or any(d in CLASSES for _, d in ahead)
    rule = exclude if averages_too else doubt
    yield finding(
        "timing/shortest",
        rule(averages_too or bool(ahead), "another network is printed with a shorter time"),
        fewest=listed(sorted(fewest)),
        faster=", ".join(words) or "none",
    )
