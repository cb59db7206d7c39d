"""Tables VIII and XII: what four balanced and three unbalanced classes allow.

`counts` are class splits of a test set, int64 S x K, and `rising` the same with the images of each
split in rising order; functions of them give one value per split.
"""

from collections.abc import Callable
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd

from paper_code.audit.finding import (
    CONSISTENT,
    Finding,
    Judgement,
    check,
    closest,
    finding,
    judge,
    listed,
    undefined,
)
from paper_code.audit.identities import geometric, prevalence_range, span
from paper_code.audit.matrices import UNITS, meets, with_rates
from paper_code.audit.printed import Printed, Row, Rows
from paper_code.audit.splits import Escape, Fits, TestSet, chance, escape, test_set, weigh
from paper_code.audit.two_classes import index_fits

SOURCES = {"bach": "Tables IV, VI", "mini_ddsm": "Tables V, VI"}
AVERAGES = ("micro", "macro", "weighted")
# The least and greatest value of a number, per class split, at what a row prints within `unit`.
Bounds = Callable[[Row, TestSet, int], tuple]


def ranged(printed: Printed, rows: Rows, column: str, *bounds: Bounds) -> Fits:
    """In which class splits a printed column can be one of the numbers that `bounds` bound."""

    def inside(row: Row, test: TestSet, unit: int) -> np.ndarray:
        printed_as = row.bounds(column, unit)
        return np.any([meets(bound(row, test, unit), printed_as) for bound in bounds], axis=0)

    return Fits.of(printed.tests, rows, inside)


# --- what an accuracy allows ----------------------------------------------------------------------


def recall_gmean_range(rising: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the geometric mean of the class recalls with `low` to `high` right images.

    The product of the recalls is least when all wrong images are of the smallest class, and
    greatest when the right images are as even over the classes as their sizes allow (here without
    the demand for whole images, so the upper bound may lie a little high).
    """
    total, classes = rising[0].sum(), rising.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        least = np.clip(1 - (total - low) / rising[:, 0], 0, None)
        left, most = float(high), 1
        for i, size in enumerate(rising.T):
            right = np.minimum(size, left / (classes - i))
            left = left - right
            most = most * np.where(size > 0, right / size, 1)
    return np.nan_to_num(least) ** (1 / classes), most ** (1 / classes)


def macro_recall_range(rising: np.ndarray, low: float, high: float) -> tuple:
    """Bounds of the mean class recall with accuracies `low` to `high`.

    The mean is greatest when the right images fill the smallest classes first, least when they
    fill the largest.
    """
    ends = []
    for order, right in ((rising[:, ::-1], low), (rising, high)):
        left, mean = right * rising[0].sum(), np.zeros(len(rising))
        for size in order.T:
            share = np.minimum(size, left)
            mean += np.divide(share, size, out=np.ones(len(rising)), where=size > 0)
            left = left - share
        ends.append(mean / rising.shape[1])
    return tuple(ends)


def specificity_range(counts: np.ndarray, average: str, low: float, high: float) -> tuple:
    """Bounds of the averaged one-vs-rest specificity with accuracies `low` to `high`.

    A wrong image is a false positive of one class. With e = (1 - accuracy) x images, micro is
    1 - e / ((K - 1) images); macro and weighted lie between the cases in which one class collects
    all false positives.
    """
    total, classes = counts[0].sum(), counts.shape[1]
    weight = {"micro": 1 / (classes - 1), "macro": 1 / classes, "weighted": counts / total}[average]
    outside = total if average == "micro" else total - counts
    with np.errstate(divide="ignore"):
        cost = total * weight / outside * np.ones(counts.shape)
    return 1 - (1 - low) * cost.max(axis=1), 1 - (1 - high) * cost.min(axis=1)


def largest_macro_f1(counts: np.ndarray, accuracy: float) -> np.ndarray:
    """Upper bound of the macro F1 at one accuracy.

    F1 of a class is 2 x / (x + images + FP) with x its right images: convex in FP, so that all
    false positives belong to one class at best, and then concave in x, so that equal slopes
    2 c / (x + c)^2, c = images + FP, are best: x = u sqrt(2 c) - c with one u. The bound ignores
    that a class cannot be the false positive of its own images.
    """
    n = counts.astype(float)
    total = n[0].sum()
    right, best = accuracy * total, np.zeros(len(n))
    for collector in range(n.shape[1]):
        c = n.copy()
        c[:, collector] += total - right
        u, step = np.full((len(n), 1), np.sqrt(total)), np.sqrt(total) / 2
        for _ in range(32):  # bisection on u, which is below 2 sqrt(total)
            x = np.clip(u * np.sqrt(2 * c) - c, 0, n)
            u += np.where(x.sum(axis=1, keepdims=True) > right, -step, step)
            step /= 2
        # a class without images has F1 = 0 at most
        best = np.maximum(best, np.divide(2 * x, x + c, out=0 * x, where=n > 0).mean(axis=1))
    return best


def accuracies(row: Row, unit: int) -> tuple[float, float]:
    """The least and the greatest accuracy of a row."""
    low, high = row.bounds("accuracy", unit)
    return low, min(1, high)


# --- what a column may be -------------------------------------------------------------------------


def gmean_of_recalls(row: Row, test: TestSet, unit: int) -> tuple:
    """The geometric mean of the class recalls; the accuracy is widened to whole images."""
    low, high = row.bounds("accuracy", unit)
    right = int(max(0, np.floor(low * test.images))), int(np.ceil(high * test.images))
    return recall_gmean_range(test.rising, right[0], min(test.images, right[1]))


def gmean_of_table_12(row: Row, test: TestSet, unit: int) -> tuple:
    """The geometric mean of Table XII's sensitivity and specificity."""
    return geometric(row.bounds("sensitivity", unit), row.bounds("specificity", unit))


def specificity(average: str, row: Row, test: TestSet, unit: int) -> tuple:
    """An average of the one-vs-rest specificities."""
    return specificity_range(test.counts, average, *accuracies(row, unit))


def sensitivity(average: str, row: Row, test: TestSet, unit: int) -> tuple:
    """An average of the class recalls: micro and weighted are the accuracy."""
    if average == "macro":
        return macro_recall_range(test.rising, *accuracies(row, unit))
    return accuracies(row, unit)


def gmean_of_averages(average: str, row: Row, test: TestSet, unit: int) -> tuple:
    """The geometric mean of averaged sensitivity and specificity."""
    low, high = specificity(average, row, test, unit)
    return geometric(sensitivity(average, row, test, unit), (low, np.clip(high, 0, 1)))


def near_weighted_f1(row: Row, test: TestSet, unit: int) -> tuple:
    """Macro F1 beside the weighted F1: |sum of (1/K - share) F1| <= total variation of shares."""
    variation = np.abs(test.counts / test.images - 1 / test.counts.shape[1]).sum(axis=1) / 2
    low, high = row.bounds("f1_second", unit)
    return low - variation, high + variation


def index_of_gmean(power: int, row: Row, test: TestSet, unit: int) -> tuple:
    """IBA as (1 + alpha dominance) GMean^power with alpha >= 0: at most GMean^power.

    A wrong image of class i taken for j costs the macro sensitivity 1 / (K n_i) and the macro
    specificity 1 / (K (N - n_j)), and n_i <= N - n_j; micro likewise; weighted where no class has
    more than half of the images. So the dominance, sensitivity - specificity, is never above zero.
    """
    half = test.counts.max(axis=1) > test.images / 2
    return 0, np.where(half, np.inf, row.bounds("gmean", unit)[1] ** power)


GMEANS: dict[str, Bounds] = {
    "class recalls": gmean_of_recalls,
    "Table XII's sensitivity and specificity": gmean_of_table_12,
} | {
    f"{average} sensitivity and specificity": partial(gmean_of_averages, average)
    for average in ("macro", "weighted", "micro")
}


# --- checks ---------------------------------------------------------------------------------------


@check
def gmean_as_class_recalls(printed: Printed):
    """GMean of Table VIII as the geometric mean of the class recalls, at the printed accuracy."""
    for dataset, source in SOURCES.items():
        rows, test = printed.rows("08").of(dataset), printed.tests[dataset]
        ranges = {row.key[1]: gmean_of_recalls(row, test, 2) for row in rows}
        low = {name: least[test.exact].min() for name, (least, _) in ranges.items()}
        high = {name: most[test.exact].max() for name, (_, most) in ranges.items()}
        value = {row.key[1]: row.value["gmean"] for row in rows}
        fits = ranged(printed, rows, "gmean", gmean_of_recalls)
        outside = [name for (_, name), inside in fits.rows(2, exact=True).items() if not inside]
        even = np.rint(test.sizes * test.images / test.sizes.sum()).astype(int)
        said = [f"{n} {value[n]:.3f} against {low[n]:.3f} to {high[n]:.3f}" for n in value]
        yield finding(
            "multiclass/gmean-of-recalls-{dataset}",
            fits.weigh(),
            dataset=dataset,
            source=source,
            classes=listed(even),
            below=listed([name for name in outside if value[name] < low[name]]),
            above=listed([name for name in outside if value[name] > high[name]]),
            said=", ".join(said),
        )


@check
def gmean_definitions(printed: Printed):
    """Which definition of GMean is possible in every row of Table VIII."""
    rows = printed.rows("08", "12")
    fits = {name: ranged(printed, rows, "gmean", bounds) for name, bounds in GMEANS.items()}
    possible = {name: fit.rows(2, exact=True) for name, fit in fits.items()}
    best = max(fits, key=lambda name: (fits[name].probability(), possible[name].sum()))
    said = [
        f"of {name}, "
        + ", ".join(f"{possible[name][dataset].sum()} {dataset}" for dataset in SOURCES)
        + f" (all rows with another class split: probability {chance(fits[name].probability())})"
        for name in fits
    ]
    yield finding(
        "multiclass/gmean-definitions",
        closest(fits[best].weigh()),
        said="; ".join(said),
        best=best,
        left_out=(~possible[best]).sum(),
    )


@check
def table_12(printed: Printed):
    """Table XII at the accuracy of Table VIII: averages of one-vs-rest numbers, or two classes.

    Rows whose specificity can be a one-vs-rest average need no reading of two groups of classes.
    """
    averages = [partial(specificity, average) for average in AVERAGES]
    for dataset, source in SOURCES.items():
        rows, test = printed.rows("12", "08").of(dataset), printed.tests[dataset]
        worst, counts = rows["accuracy"].min(), test.counts[test.exact]
        least = {a: specificity_range(counts, a, worst, worst)[0].min() for a in AVERAGES}
        fits = ranged(printed, rows, "specificity", *averages)
        yield finding(
            "multiclass/specificity-{dataset}",
            fits.weigh(),
            dataset=dataset,
            source=source,
            range=span(rows["specificity"], 3),
            least=", ".join(f"{average} {value:.3f}" for average, value in least.items()),
            gap=(rows["specificity"] - rows["accuracy"]).abs().max(),
        )
        rows = rows.only(~fits.rows(2, exact=True))
        yield _implied_prevalence(rows, test, dataset=dataset, source=source)
        found = [
            pd.Series([len(with_rates(test, row, unit)) > 0 for row in rows], dtype=bool)
            for unit in UNITS
        ]
        yield finding(
            "multiclass/two-class-matrices-{dataset}",
            judge(*found),
            dataset=dataset,
            images=test.images,
        )


def _implied_prevalence(rows: Rows, test: TestSet, **about: str) -> Finding:
    """Positive share implied by rows that describe one class group against the others."""
    (low, high), (least, most) = (
        (low.max(), high.min()) for low, high in (prevalence_range(rows, u) for u in UNITS)
    )
    groups = [
        sum(group)
        for size in range(1, len(test.sizes))
        for group in combinations(test.sizes.tolist(), size)
    ]
    escapes = {
        round(inside / test.sizes.sum(), 9): _group_escape(test, inside, (least, most))
        for inside in groups
    }
    nearest = min(escapes, key=lambda share: (escapes[share].moved, share))
    # Never consistent with such rows: the caption promises three or four classes.
    judgement = weigh(escapes[nearest].probability)
    return finding(
        "multiclass/prevalence-{dataset}",
        judgement if len(rows) else Judgement(CONSISTENT, "no row needs this reading"),
        shares=", ".join(f"{share:.4g}" for share in sorted(escapes)),
        rows=len(rows),
        rounded=f"{low:.4f} to {high:.4f}",
        cut=f"{least:.4f} to {most:.4f}",
        nearest=nearest,
        escape=escapes[nearest].describe(test.images),
        **about,
    )


def _group_escape(test: TestSet, inside: int, shares: tuple[float, float]) -> Escape:
    """What it takes for a group of classes of `inside` images to have a share within bounds."""
    outside = int(test.sizes.sum()) - inside
    split = test_set((inside, outside), test.images)
    share = split.counts / test.images
    fits = meets((share, share), shares)
    # two equal groups stand in rising order
    return escape(split, fits.any(axis=1) if inside == outside else fits[:, 0])


@check
def accuracy_as_macro_recall(printed: Printed):
    """On BACH's equal classes the macro recall is the accuracy."""
    rows = printed.rows("12", "08").of("bach")
    fits = ranged(printed, rows, "sensitivity", partial(sensitivity, "macro"))
    differ = [
        f"{row.key[1]} {row.value['accuracy']:.3f} / {row.value['sensitivity']:.3f}"
        for row in rows.only(~fits.rows(1, exact=True))
    ]
    yield finding("multiclass/macro-recall-bach", fits.weigh(), differ=listed(differ))


@check
def f1_pair(printed: Printed):
    """BACH's F1 pairs: macro and weighted F1 are equal, micro F1 is the accuracy."""
    rows = printed.rows("08").of("bach")
    gap = (rows["f1_first"] - rows["f1_second"]).abs()
    micro = meets(rows.bounds("f1_second", 2), rows.bounds("accuracy", 2))
    fits = ranged(printed, rows, "f1_first", near_weighted_f1)
    judgement = fits.weigh()
    if micro.all():
        judgement = Judgement(CONSISTENT, "b is micro F1", judgement.values | {"escape": ""})
    yield finding(
        "multiclass/f1-pair-bach",
        judgement,
        micro=micro.sum(),
        neither=listed(gap.index[~(fits.rows(2, exact=True) | micro)]),
        gap=gap.max(),
        widest=gap.idxmax()[1],
    )


@check
def f1_bound(printed: Printed):
    """BACH's F1 is bounded by the accuracy."""
    over = {"f1_first": [], "f1_second": []}

    def inside(row: Row, test: TestSet, unit: int) -> np.ndarray:
        bound = largest_macro_f1(test.counts, accuracies(row, unit)[1])
        most = bound[test.exact].max()
        for column, words in over.items():
            if unit == 2 and row.bounds(column, unit)[0] > most:
                words.append(f"{row.key[1]} {row.value[column]:.3f} > {most:.3f}")
        return bound >= max(row.bounds(column, unit)[0] for column in over)

    fits = Fits.of(printed.tests, printed.rows("08").of("bach"), inside)
    words = {column: listed(names) for column, names in over.items()}
    yield finding("multiclass/f1-bound-bach", fits.weigh(), **words)


@check
def iba_of_both_tables(printed: Printed):
    """Which reading of IBA is possible in every row of Tables VII and VIII.

    With more than two classes the dominance is never above zero, so that an index is <= GMean.
    """
    rows, more = printed.rows("07"), printed.rows("08")
    judgement = undefined(ranged(printed, more, "iba", partial(index_of_gmean, 1)).weigh())
    gap = (more["iba"] - more["gmean"]).max()
    yield finding("metrics/iba-table-VIII", judgement, gap=gap)

    def index(power: int, row: Row, test: TestSet, unit: int) -> np.ndarray:
        if len(test.sizes) == 2:
            return index_fits(test, row, power, unit).any(axis=1)
        return meets(index_of_gmean(power, row, test, unit), row.bounds("iba", unit))

    def mean(row: Row, _: TestSet, unit: int) -> bool:
        """The mean of two numbers is at least their geometric mean."""
        return row.bounds("iba", unit)[1] >= row.bounds("gmean", unit)[0]

    readings = {"the mean of two numbers whose geometric mean is GMean": mean} | {
        f"(1 + alpha (sensitivity - specificity)) x {name}, any alpha >= 0": partial(index, power)
        for name, power in (("GMean^2", 2), ("GMean", 1))
    }
    fits = {
        name: Fits.of(printed.tests, [*rows, *more], inside) for name, inside in readings.items()
    }
    count = {name: fit.rows(2, exact=True) for name, fit in fits.items()}
    said = [
        f"{name}: {sum(fit[row.key] for row in rows)} and {sum(fit[row.key] for row in more)}"
        for name, fit in count.items()
    ]
    below = more.of("mini_ddsm")
    yield finding(
        "metrics/iba-tables-VII-VIII",
        closest(max(fits.values(), key=lambda fit: tuple(fit.counts().values())).weigh()),
        seven=len(rows),
        eight=len(more),
        said="; ".join(said),
        above=(rows["iba"] >= rows["gmean"]).sum(),
        below=(below["iba"] < below["gmean"]).sum(),
        mini=len(below),
    )
