"""Tables VIII and XII: what four balanced and three unbalanced classes allow.

`counts` are class splits of a test part, int64 S x K; their functions give one value per split.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from paper_code.audit.confusion import admitted, rate_matrices
from paper_code.audit.counts import class_sizes, part_sizes
from paper_code.audit.finding import (
    CONSISTENT,
    ROUNDING_OR_CUT,
    UNEXPLAINED,
    Finding,
    agrees,
    by_row,
    judge,
    listed,
    overlaps,
    tolerances,
)
from paper_code.audit.metrics import prevalence_range, product_range
from paper_code.audit.splits import Escape, Splits, chance, class_splits, describe, escape, weigh

SOURCES = {"bach": "Tables IV, VI", "mini_ddsm": "Tables V, VI"}
ONE_UNIT = "each number by one unit; any class split of the test part, weighed by its probability"


class TestPart(NamedTuple):
    """The test images of one data set: their number, and every class split they may have."""

    images: int
    sizes: np.ndarray  # whole data set, int64 K
    proportional: np.ndarray  # test images per class in the proportions of the data set, int64 K
    splits: Splits

    @property
    def published(self) -> np.ndarray:
        """Which splits are those nearest to exact proportions: bool, S."""
        return self.splits.moved <= self.splits.moved.min() + 1e-9


def test_parts(
    table_04: pd.DataFrame, table_05: pd.DataFrame, table_06: pd.DataFrame
) -> dict[str, TestPart]:
    """The test parts of bach and mini_ddsm."""
    parts = part_sizes(table_06)
    result = {}
    for dataset, sizes in (class_sizes(table_04) | class_sizes(table_05)).items():
        images, test = np.array(list(sizes.values())), parts[dataset]["test"]
        even = np.rint(images * test / images.sum()).astype(np.int64)
        result[dataset] = TestPart(test, images, even, class_splits(images, test))
    return result


def recall_gmean_range(counts: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the geometric mean of the class recalls with `low` to `high` right images.

    The product of the recalls is least when all wrong images are of the smallest class, and
    greatest when the right images are as even over the classes as their sizes allow (here without
    the demand for whole images, so the upper bound may lie a little high).
    """
    total, classes = counts[0].sum(), counts.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        least = np.clip(1 - (total - low) / counts.min(axis=1), 0, None)
        left, most = np.full(len(counts), float(high)), np.ones(len(counts))
        for i, size in enumerate(np.sort(counts, axis=1).T):
            right = np.minimum(size, left / (classes - i))
            left = left - right
            most = most * np.where(size > 0, right / size, 1)
    return np.nan_to_num(least) ** (1 / classes), most ** (1 / classes)


def macro_recall_range(counts: np.ndarray, low: float, high: float) -> tuple:
    """Bounds of the mean class recall with accuracies `low` to `high`.

    The mean is greatest when the right images fill the smallest classes first, least when they
    fill the largest.
    """
    total = counts[0].sum()

    def filled(order, right):
        left, mean = np.full(len(counts), float(right)), np.zeros(len(counts))
        for size in order.T:
            share = np.minimum(size, left)
            mean += np.divide(share, size, out=np.ones(len(counts)), where=size > 0)
            left = left - share
        return mean / counts.shape[1]

    ordered = np.sort(counts, axis=1)
    return filled(ordered[:, ::-1], low * total), filled(ordered, high * total)


def specificity_range(counts: np.ndarray, accuracy: float) -> dict[str, tuple]:
    """Bounds of the averaged one-vs-rest specificity at one accuracy, for three averages.

    A wrong image is a false positive of one class. With e = (1 - accuracy) x images, micro is
    1 - e / ((K - 1) images); macro and weighted lie between the cases in which one class collects
    all false positives.
    """
    total, classes = counts[0].sum(), counts.shape[1]
    wrong = (1 - accuracy) * total
    micro = np.full(len(counts), 1 - wrong / ((classes - 1) * total))
    ranges = {"micro": (micro, micro)}
    with np.errstate(divide="ignore"):
        for name, weight in (("macro", np.full(counts.shape, 1 / classes)), ("weighted", None)):
            weight = counts / total if weight is None else weight
            cost = wrong * weight / (total - counts)
            ranges[name] = (1 - cost.max(axis=1), 1 - cost.min(axis=1))
    return ranges


def largest_macro_f1(counts: np.ndarray, accuracy: float) -> np.ndarray:
    """Upper bound of the macro F1 at one accuracy.

    F1 of a class is 2 x / (x + images + FP) with x its right images: convex in FP, so that all
    false positives belong to one class at best, and then concave in x, so that equal slopes
    2 c / (x + c)^2, c = images + FP, are best. The bound ignores that a class cannot be the false
    positive of its own images.
    """
    n = counts.astype(float)
    total = n[0].sum()
    right, best = accuracy * total, np.zeros(len(n))
    for collector in range(n.shape[1]):
        c = n.copy()
        c[:, collector] += total - right
        low, high = np.full(len(n), 1e-9), np.full(len(n), 1e3)
        for _ in range(50):  # bisection on the common slope
            slope = np.sqrt(low * high)[:, None]
            x = np.clip(np.sqrt(2 * c / slope) - c, 0, n)
            steep = x.sum(axis=1) > right
            low, high = np.where(steep, slope[:, 0], low), np.where(steep, high, slope[:, 0])
        # a class without images has F1 = 0 at most
        best = np.maximum(best, np.divide(2 * x, x + c, out=0 * x, where=n > 0).mean(axis=1))
    return best


def gmean_of_recalls(
    table_04: pd.DataFrame, table_05: pd.DataFrame, table_06: pd.DataFrame, table_08: pd.DataFrame
) -> list[Finding]:
    """GMean of Table VIII as the geometric mean of the class recalls, at the printed accuracy."""
    rows, half = by_row(table_08), tolerances(table_08)
    findings = []
    for dataset, part in test_parts(table_04, table_05, table_06).items():
        fits = np.ones(len(part.splits.counts), dtype=bool)
        below, above, said = [], [], []
        for network, row in rows.loc[dataset].iterrows():
            unit = 2 * half.loc[(dataset, network)]
            low, high = recall_gmean_range(part.splits.counts, *_right_images(row, unit, part))
            fits &= overlaps(low, high, row["gmean"], unit["gmean"])
            least, most = low[part.published].min(), high[part.published].max()
            if row["gmean"] + unit["gmean"] < least:
                below.append(network)
            if row["gmean"] - unit["gmean"] > most:
                above.append(network)
            said.append(f"{network} {row['gmean']:.3f} against {least:.3f} to {most:.3f}")
        escaped = escape(part.splits, fits)
        verdict = weigh(not (below or above), escaped)
        findings.append(
            Finding(
                id=f"multiclass/gmean-of-recalls-{dataset}",
                theme="gmean-multiclass",
                tables="08",
                columns="gmean",
                where=f"Table VIII, {dataset}; {SOURCES[dataset]}; Section IV-D",
                printed="accuracy and GMean, the geometric mean of class accuracies (IV-D); test "
                "images per class " + ", ".join(map(str, part.proportional)),
                computation="smallest and largest (product of the K class recalls)^(1/K) over all "
                "ways to spread the right images over the classes",
                result=f"below the smallest: {listed(below)}; above the largest: {listed(above)} "
                f"({', '.join(said)})"
                + ("" if verdict == CONSISTENT else "; " + describe(escaped, part.images)),
                tolerance="accuracy widened to whole images both ways; GMean by one unit; any "
                "class split of the test part, weighed by its probability",
                verdict=verdict,
                reconciles=""
                if verdict == CONSISTENT
                else "a GMean of another definition, or a test part with other class sizes; means "
                "over runs of one split can be below the smallest, never above the largest (the "
                "geometric mean is concave in the recalls)",
            )
        )
    return findings


def _right_images(row: pd.Series, unit: pd.Series, part: TestPart) -> tuple[int, int]:
    """Fewest and most right images at the printed accuracy, widened to whole images."""
    low = np.floor((row["accuracy"] - unit["accuracy"]) * part.images)
    high = np.ceil((row["accuracy"] + unit["accuracy"]) * part.images)
    return max(0, int(low)), min(part.images, int(high))


def gmean_definitions(
    table_04: pd.DataFrame,
    table_05: pd.DataFrame,
    table_06: pd.DataFrame,
    table_08: pd.DataFrame,
    table_12: pd.DataFrame,
) -> list[Finding]:
    """Which definition of GMean is possible in every row of Table VIII."""
    rows = by_row(table_08).join(by_row(table_12))
    half = tolerances(table_08).join(tolerances(table_12))
    parts = test_parts(table_04, table_05, table_06)
    possible: dict[str, list[bool]] = {}  # with exact proportions, one per row
    fits: dict[tuple[str, str], np.ndarray] = {}  # per definition and data set, one per split
    for (dataset, network), row in rows.iterrows():
        part, unit = parts[dataset], 2 * half.loc[(dataset, network)]
        for name, (low, high) in _gmean_ranges(row, unit, part).items():
            fit = overlaps(low, high, row["gmean"], unit["gmean"])
            possible.setdefault(name, []).append(bool(fit[part.published].any()))
            fits[name, dataset] = fits.get((name, dataset), True) & fit
    table = pd.DataFrame(possible, index=rows.index)
    per_set = table.groupby(level="dataset", sort=False).sum()
    escapes = {
        name: [escape(parts[dataset].splits, fits[name, dataset]) for dataset in parts]
        for name in table
    }
    joint = {name: np.prod([e.probability for e in each]) for name, each in escapes.items()}
    best = max(table.columns, key=lambda name: (joint[name], table[name].sum()))
    verdict = weigh(table.all().any(), Escape(0, joint[best]))
    return [
        Finding(
            id="multiclass/gmean-definitions",
            theme="gmean-multiclass",
            tables="08 12",
            columns="gmean",
            where="Tables VIII, XII; Tables IV, V, VI",
            printed="accuracy and GMean; sensitivity and specificity",
            computation="range of the geometric mean of each pair or set at the printed numbers",
            result="rows in which it is possible with exact class proportions: "
            + "; ".join(
                f"of {name}, "
                + ", ".join(f"{per_set.at[d, name]} {d}" for d in per_set.index)
                + f" (all rows with another class split: probability {chance(joint[name])})"
                for name in table.columns
            ),
            tolerance=ONE_UNIT,
            verdict=verdict,
            reconciles=""
            if verdict == CONSISTENT
            else "a definition of its own for each data set, or different runs; the best single "
            f"definition ({best}) leaves out {(~table[best]).sum()} of {len(table)} rows",
        )
    ]


def _gmean_ranges(row: pd.Series, unit: pd.Series, part: TestPart) -> dict[str, tuple]:
    """Range of GMean under each definition, one pair of arrays over the class splits."""
    counts = part.splits.counts
    low, high = row["accuracy"] - unit["accuracy"], min(1, row["accuracy"] + unit["accuracy"])
    printed = product_range(
        row["sensitivity"], row["specificity"], unit["sensitivity"], unit["specificity"]
    )
    macro = macro_recall_range(counts, low, high)
    sensitivity = {"macro": macro, "weighted": (low, high), "micro": (low, high)}
    least, most = specificity_range(counts, low), specificity_range(counts, high)
    return {
        "class recalls": recall_gmean_range(counts, *_right_images(row, unit, part)),
        "Table XII's sensitivity and specificity": tuple(
            np.full(len(counts), value) for value in printed
        ),
    } | {
        f"{name} sensitivity and specificity": (
            np.sqrt(pair[0] * np.clip(least[name][0], 0, 1)),
            np.sqrt(pair[1] * np.clip(most[name][1], 0, 1)),
        )
        for name, pair in sensitivity.items()
    }


def specificity_of_averages(
    table_04: pd.DataFrame,
    table_05: pd.DataFrame,
    table_06: pd.DataFrame,
    table_08: pd.DataFrame,
    table_12: pd.DataFrame,
) -> list[Finding]:
    """Specificity of Table XII as a one-vs-rest average at the accuracy of Table VIII."""
    rows, half = _tables_08_12(table_08, table_12)
    findings = []
    for dataset, part in test_parts(table_04, table_05, table_06).items():
        subset = rows.loc[[dataset]]
        fits = _specificity_fits(subset, half, part)
        possible = fits[:, part.published].any(axis=1)
        exact = part.splits.counts[part.published]
        least = {
            name: min(specificity_range(exact, a)[name][0].min() for a in subset["accuracy"])
            for name in ("micro", "macro", "weighted")
        }
        escaped = escape(part.splits, fits.all(axis=0))
        verdict = weigh(possible.all(), escaped)
        findings.append(
            Finding(
                id=f"multiclass/specificity-{dataset}",
                theme="multiclass-diagnostics",
                tables="08 12",
                columns="specificity",
                where=f"Table XII, {dataset}; Table VIII; {SOURCES[dataset]}",
                printed="specificity; accuracy",
                computation="e wrong images are e false positives: micro = 1 - e / ((K - 1) "
                "images); macro = mean over classes of 1 - FP / (images outside the class), "
                "= 1 - (1 - accuracy) / (K - 1) for equal classes; weighted likewise",
                result=f"{possible.sum()} of {len(subset)} rows possible under any of the three; "
                f"printed {subset['specificity'].min():.3f} to {subset['specificity'].max():.3f}, "
                "smallest possible for the worst row "
                + ", ".join(f"{name} {value:.3f}" for name, value in least.items())
                + "; |specificity - accuracy| at most "
                f"{(subset['specificity'] - subset['accuracy']).abs().max():.4f}"
                + ("" if verdict == CONSISTENT else "; " + describe(escaped, part.images)),
                tolerance=ONE_UNIT,
                verdict=verdict,
                reconciles=""
                if verdict == CONSISTENT
                else "a specificity that is not one-vs-rest of the printed classes; the relation "
                "is linear, so means over runs do not help",
            )
        )
    return findings


def _tables_08_12(table_08: pd.DataFrame, table_12: pd.DataFrame) -> tuple:
    """Accuracy of Table VIII beside Table XII: values, half units."""
    return (
        by_row(table_08)[["accuracy"]].join(by_row(table_12)),
        tolerances(table_08)[["accuracy"]].join(tolerances(table_12)),
    )


def _specificity_fits(rows: pd.DataFrame, half: pd.DataFrame, part: TestPart) -> np.ndarray:
    """Whether some average of the one-vs-rest specificities can be the printed one: rows x S."""
    fits = []
    for key, row in rows.iterrows():
        unit = 2 * half.loc[key]
        low = specificity_range(part.splits.counts, row["accuracy"] - unit["accuracy"])
        high = specificity_range(part.splits.counts, min(1, row["accuracy"] + unit["accuracy"]))
        printed = row["specificity"], unit["specificity"]
        fits.append(np.any([overlaps(low[n][0], high[n][1], *printed) for n in low], axis=0))
    return np.array(fits)


def _not_one_vs_rest(rows: pd.DataFrame, half: pd.DataFrame, part: TestPart) -> pd.DataFrame:
    """Rows of one data set whose specificity cannot be a one-vs-rest average."""
    return rows[~_specificity_fits(rows, half, part)[:, part.published].any(axis=1)]


def implied_prevalence(
    table_04: pd.DataFrame,
    table_05: pd.DataFrame,
    table_06: pd.DataFrame,
    table_08: pd.DataFrame,
    table_12: pd.DataFrame,
) -> list[Finding]:
    """Positive share implied by Table XII if it describes one class group against the others.

    Rows whose specificity can be a one-vs-rest average are left out: they need no such reading.
    """
    rows, half = _tables_08_12(table_08, table_12)
    findings = []
    for dataset, part in test_parts(table_04, table_05, table_06).items():
        subset = _not_one_vs_rest(rows.loc[[dataset]], half, part)
        implied = {unit: prevalence_range(subset, half.loc[subset.index], unit) for unit in (1, 2)}
        low, high = implied[1]["low"].max(), implied[1]["high"].min()
        loose_low, loose_high = implied[2]["low"].max(), implied[2]["high"].min()
        groups = [
            list(group)
            for size in range(1, len(part.sizes))
            for group in combinations(range(len(part.sizes)), size)
        ]
        escapes = {
            round(part.sizes[group].sum() / part.sizes.sum(), 9): escape(
                *_group(part, group, loose_low, loose_high)
            )
            for group in groups
        }
        nearest = min(escapes, key=lambda share: (escapes[share].moved, share))
        if subset.empty:
            verdict, reconciles = CONSISTENT, ""
        else:
            # Never consistent: the caption promises three or four classes.
            verdict = weigh(False, escapes[nearest])
            reconciles = (
                f"Table XII as a two-class table with the classes that hold {nearest:.4g} of the "
                f"images as positive, which its caption does not say; "
                f"{describe(escapes[nearest], part.images)}"
                if verdict == UNEXPLAINED
                else "positive images that are no group of the published classes"
            )
        findings.append(
            Finding(
                id=f"multiclass/prevalence-{dataset}",
                theme="multiclass-diagnostics",
                tables="12",
                columns="sensitivity specificity ppv npv",
                where=f"Table XII, {dataset}; {SOURCES[dataset]}",
                printed="sensitivity, specificity, PPV, NPV; images per class",
                computation="odds of positive = PPV (1 - specificity) / (sensitivity (1 - PPV)) "
                "= specificity (1 - NPV) / (NPV (1 - sensitivity)); shares of all groups of "
                "classes: " + ", ".join(f"{share:.4g}" for share in sorted(escapes)),
                result="no row needs this reading"
                if subset.empty
                else f"all {len(subset)} rows agree on a positive share from {low:.4f} to "
                f"{high:.4f} (rounded), {loose_low:.4f} to {loose_high:.4f} (one unit)"
                if low <= high
                else f"no share in common ({low:.4f} > {high:.4f})",
                tolerance=ROUNDING_OR_CUT + "; any class split, weighed by its probability",
                verdict=verdict,
                reconciles=reconciles,
            )
        )
    return findings


def _group(part: TestPart, group: list[int], low: float, high: float) -> tuple:
    """The splits of a group of classes against the others, and those with a share in the range."""
    inside = part.sizes[group].sum()
    splits = class_splits([inside, part.sizes.sum() - inside], part.images)
    # by position, not by the rising order that class_splits gives two equal groups
    share = splits.counts / part.images
    fits = (share >= low - 1e-9) & (share <= high + 1e-9)
    equal = 2 * inside == part.sizes.sum()
    return splits, fits.any(axis=1) if equal else fits[:, 0]


def two_class_matrices(
    table_04: pd.DataFrame,
    table_05: pd.DataFrame,
    table_06: pd.DataFrame,
    table_08: pd.DataFrame,
    table_12: pd.DataFrame,
) -> list[Finding]:
    """Whole 2 x 2 matrices for Table XII, the reading that its specificity leaves.

    Rows whose specificity can be a one-vs-rest average are left out: they need no such reading.
    """
    rows, half = _tables_08_12(table_08, table_12)
    findings = []
    for dataset, part in test_parts(table_04, table_05, table_06).items():
        rates = _not_one_vs_rest(rows.loc[[dataset]], half, part).drop(columns="accuracy")
        fits = {1: [], 2: []}
        for key, row in rates.iterrows():
            margin = half.loc[key, rates.columns]
            matrices = rate_matrices(row, margin, part.images)
            fits[1].append(bool(admitted(matrices, row, margin, 1).any()))
            fits[2].append(matrices.shape[1] > 0)
        strict, loose = (len(rates) - sum(fits[unit]) for unit in (1, 2))
        verdict = judge(strict, loose)
        findings.append(
            Finding(
                id=f"multiclass/two-class-matrices-{dataset}",
                theme="whole-images",
                tables="12",
                columns="sensitivity specificity ppv npv",
                where=f"Table XII, {dataset}; Table VI",
                printed=f"sensitivity, specificity, PPV, NPV; {part.images} test images",
                computation="all whole TP, FN, FP, TN that add up to the test images, any class "
                "split; a row counts if one matrix gives all four numbers",
                result=f"{sum(fits[1])} of {len(rates)} rows (rounded), {sum(fits[2])} (one unit)"
                if len(rates)
                else "no row needs this reading",
                tolerance=ROUNDING_OR_CUT,
                verdict=verdict,
                reconciles=""
                if verdict == CONSISTENT
                else "another number of test images, or means over runs: as averages over three or "
                "four classes the numbers are impossible too (multiclass/specificity)",
            )
        )
    return findings


def accuracy_as_macro_recall(
    table_04: pd.DataFrame,
    table_05: pd.DataFrame,
    table_06: pd.DataFrame,
    table_08: pd.DataFrame,
    table_12: pd.DataFrame,
) -> list[Finding]:
    """On BACH's equal classes the macro recall is the accuracy."""
    rows, half = (table.loc[["bach"]] for table in _tables_08_12(table_08, table_12))
    part = test_parts(table_04, table_05, table_06)["bach"]
    margin = half["accuracy"] + half["sensitivity"]
    rounded = agrees(rows["accuracy"], rows["sensitivity"], margin)
    fits = np.ones(len(part.splits.counts), dtype=bool)
    for key, row in rows.iterrows():
        unit = 2 * half.loc[key]
        low, high = row["accuracy"] - unit["accuracy"], row["accuracy"] + unit["accuracy"]
        bounds = macro_recall_range(part.splits.counts, low, min(1, high))
        fits &= overlaps(*bounds, row["sensitivity"], unit["sensitivity"])
    escaped = escape(part.splits, fits)
    equal = len(set(part.sizes.tolist())) == 1
    verdict = weigh(rounded.all() if equal else fits[part.published].any(), escaped)
    return [
        Finding(
            id="multiclass/macro-recall-bach",
            theme="multiclass-diagnostics",
            tables="08 12",
            columns="accuracy sensitivity",
            where="Tables VIII, XII, IV; BACH",
            printed="accuracy; sensitivity",
            computation="with equal classes, mean of the class recalls = accuracy; otherwise "
            "between the cases in which the smallest or the largest classes are right",
            result=f"{rounded.sum()} of {len(rows)} rows agree; not: "
            + (
                ", ".join(
                    f"{network} {row['accuracy']:.3f} / {row['sensitivity']:.3f}"
                    for (_, network), row in rows[~rounded].iterrows()
                )
                or "none"
            )
            + ("" if verdict == CONSISTENT else "; " + describe(escaped, part.images)),
            tolerance=ROUNDING_OR_CUT + "; any class split, weighed by its probability",
            verdict=verdict,
            reconciles=""
            if verdict == CONSISTENT
            else "different runs, or test classes of unequal size",
        )
    ]


def f1_on_equal_classes(
    table_04: pd.DataFrame, table_05: pd.DataFrame, table_06: pd.DataFrame, table_08: pd.DataFrame
) -> list[Finding]:
    """BACH's F1 pairs: macro and weighted F1 are equal, and bounded by the accuracy."""
    rows, half = by_row(table_08).loc[["bach"]], tolerances(table_08).loc[["bach"]]
    part = test_parts(table_04, table_05, table_06)["bach"]
    return [_f1_pair(rows, half, part), _f1_bound(rows, half, part)]


def _f1_pair(rows: pd.DataFrame, half: pd.DataFrame, part: TestPart) -> Finding:
    margin = 2 * (half["f1_first"] + half["f1_second"])
    gap = (rows["f1_first"] - rows["f1_second"]).abs()
    micro = agrees(rows["f1_second"], rows["accuracy"], 2 * (half["f1_second"] + half["accuracy"]))
    # |macro - weighted| = |sum of (1/K - share) F1| <= total variation of the shares
    counts = part.splits.counts
    variation = np.abs(counts / part.images - 1 / counts.shape[1]).sum(axis=1) / 2
    same = gap <= variation[part.published].max() + margin + 1e-9
    escaped = escape(part.splits, variation + 1e-9 >= (gap - margin).max())
    verdict = weigh(same.all() or micro.all(), escaped)
    widest = gap.idxmax()
    return Finding(
        id="multiclass/f1-pair-bach",
        theme="f1-pairs",
        tables="08",
        columns="f1_first f1_second",
        where="Tables VIII, IV; BACH",
        printed="F1 a/b; accuracy",
        computation="b is micro F1 = accuracy, or a and b are macro and weighted F1, which are "
        "equal for equal classes and differ by at most half the sum of |class share - 1/K|",
        result=f"a = b in {same.sum()} of {len(rows)} rows; b = accuracy in {micro.sum()}; "
        f"neither: {listed(rows.index[~(same | micro)])}; |a - b| is up to {gap[widest]:.3f} "
        f"({widest[1]})" + ("" if verdict == CONSISTENT else "; " + describe(escaped, part.images)),
        tolerance=ONE_UNIT,
        verdict=verdict,
        reconciles=""
        if verdict == CONSISTENT
        else "test classes of very unequal size, numbers that are no F1, or different runs",
    )


def _f1_bound(rows: pd.DataFrame, half: pd.DataFrame, part: TestPart) -> Finding:
    high = (rows["accuracy"] + 2 * half["accuracy"]).clip(upper=1)
    exact = part.splits.counts[part.published]
    bound = high.map(lambda accuracy: largest_macro_f1(exact, accuracy).max())
    over = {
        column: rows.index[rows[column] - 2 * half[column] > bound]
        for column in ("f1_first", "f1_second")
    }
    fits = np.ones(len(part.splits.counts), dtype=bool)
    for column, keys in over.items():
        for key in keys:
            least = rows.at[key, column] - 2 * half.at[key, column]
            fits &= largest_macro_f1(part.splits.counts, high[key]) >= least
    escaped = escape(part.splits, fits)
    verdict = weigh(not any(map(len, over.values())), escaped)
    return Finding(
        id="multiclass/f1-bound-bach",
        theme="f1-pairs",
        tables="08",
        columns="f1_first f1_second",
        where="Tables VIII, IV; BACH",
        printed="F1 a/b; accuracy",
        computation="largest macro F1 at the printed accuracy (weighted and micro F1 are not "
        "greater for equal classes): all false positives in one class, right images spread so "
        "that 2 x / (x + images + FP) has the same slope in every class",
        result="; ".join(
            f"{name} above the bound: "
            + (
                ", ".join(
                    f"{index[1]} {rows.at[index, column]:.3f} > {bound[index]:.3f}"
                    for index in over[column]
                )
                or "none"
            )
            for name, column in (("a", "f1_first"), ("b", "f1_second"))
        )
        + ("" if verdict == CONSISTENT else "; " + describe(escaped, part.images)),
        tolerance=ONE_UNIT,
        verdict=verdict,
        reconciles=""
        if verdict == CONSISTENT
        else "test classes of very unequal size, numbers that are no F1, or different runs",
    )


def index_above_gmean(
    table_04: pd.DataFrame, table_05: pd.DataFrame, table_06: pd.DataFrame, table_08: pd.DataFrame
) -> list[Finding]:
    """IBA of Table VIII: with three or four classes the dominance is never above zero.

    A wrong image of class i taken for j costs the macro sensitivity 1 / (K n_i) and the macro
    specificity 1 / (K (N - n_j)), and n_i <= N - n_j; micro likewise; weighted where no class has
    more than half of the images. So sensitivity - specificity <= 0 and IBA <= GMean, whatever
    alpha >= 0 and whether GMean is squared or not.
    """
    rows, half = by_row(table_08), tolerances(table_08)
    gap, unit = rows["iba"] - rows["gmean"], 2 * (half["iba"] + half["gmean"])
    above = gap > unit + 1e-9
    parts = test_parts(table_04, table_05, table_06)
    escapes = {
        dataset: escape(part.splits, part.splits.counts.max(axis=1) > part.images / 2)
        for dataset, part in parts.items()
        if above.loc[[dataset]].any()
    }
    joint = np.prod([escaped.probability for escaped in escapes.values()])
    verdict = weigh(not above.any(), Escape(0, joint))
    return [
        Finding(
            id="metrics/iba-table-VIII",
            theme="iba",
            tables="08",
            columns="iba",
            where="Table VIII",
            printed="IBA and GMean",
            computation="IBA = (1 + alpha (sensitivity - specificity)) x GMean or GMean^2, alpha "
            ">= 0; with K > 2 classes macro and micro sensitivity never exceed the specificity "
            "(n_i <= N - n_j), nor does weighted where no class has over half of the images: "
            "IBA <= GMean",
            result=f"IBA is above GMean in {above.sum()} of {len(rows)} rows: "
            f"{listed(rows.index[above])}; by up to {gap.max():.3f}"
            + "".join(
                f"; {dataset}: for a class with over half of the test images, "
                f"{np.ceil(escaped.moved):.0f} of {parts[dataset].images} must be of another class "
                f"than in exact proportions; probability {chance(escaped.probability)}"
                for dataset, escaped in escapes.items()
            ),
            tolerance="each number by one unit; any alpha >= 0, squared or not, any class split",
            verdict=verdict,
            reconciles=""
            if verdict == CONSISTENT
            else "another number under the name IBA (see metrics/means-of-two), or a negative "
            "alpha",
        )
    ]
