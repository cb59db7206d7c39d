"""Tables VIII and XII: what four balanced and three unbalanced classes allow."""

from itertools import combinations

import numpy as np
import pandas as pd

from paper_code.audit.counts import class_sizes, part_sizes
from paper_code.audit.finding import (
    CONSISTENT,
    IMPOSSIBLE,
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

SOURCES = {"bach": "Tables IV, VI", "mini_ddsm": "Tables V, VI"}


def class_images(
    table_04: pd.DataFrame, table_05: pd.DataFrame, table_06: pd.DataFrame
) -> dict[str, np.ndarray]:
    """Test images per class of bach and mini_ddsm if the split keeps the class shares: int64."""
    parts = part_sizes(table_06)
    result = {}
    for dataset, sizes in (class_sizes(table_04) | class_sizes(table_05)).items():
        images = np.array(list(sizes.values()))
        result[dataset] = np.rint(images * parts[dataset]["test"] / images.sum()).astype(np.int64)
    return result


def recall_gmean_range(sizes: np.ndarray, correct: int) -> tuple[float, float]:
    """Smallest and largest geometric mean of the class recalls with `correct` right images.

    Args:
        sizes: test images per class, whole numbers.
        correct: right images in all classes together.

    Returns:
        The extremes over all ways to spread the right images over the classes.
    """
    grids = np.meshgrid(*(np.arange(size + 1) for size in sizes[:-1]), indexing="ij", sparse=True)
    last = correct - sum(grids)
    product = np.where((last >= 0) & (last <= sizes[-1]), last / sizes[-1], np.nan)
    for grid, size in zip(grids, sizes[:-1], strict=True):
        product = product * (grid / size)
    means = product ** (1 / len(sizes))
    return float(np.nanmin(means)), float(np.nanmax(means))


def lower_envelope(values: np.ndarray, at: float) -> float:
    """Smallest mean of values[k] over any mixture of whole k whose mean is `at`."""
    k = np.arange(len(values))
    left, right = k[k <= at], k[k >= at]
    i, j = left[:, None], right[None, :]
    weight = np.divide(at - i, j - i, out=np.zeros((len(left), len(right))), where=j > i)
    return float(((1 - weight) * values[i] + weight * values[j]).min())


def specificity_range(sizes: np.ndarray, accuracy: float) -> dict[str, tuple[float, float]]:
    """Range of the averaged one-vs-rest specificity at one accuracy, for three averages.

    A wrong image is a false positive of one class. With e = (1 - accuracy) x images, micro is
    1 - e / ((K - 1) images); macro and weighted lie between the cases in which one class collects
    all false positives.
    """
    total, classes = sizes.sum(), len(sizes)
    wrong = (1 - accuracy) * total
    micro = 1 - wrong / ((classes - 1) * total)
    ranges = {"micro": (micro, micro)}
    for name, weight in (("macro", np.full(classes, 1 / classes)), ("weighted", sizes / total)):
        cost = wrong * weight / (total - sizes)
        ranges[name] = (float(1 - cost.max()), float(1 - cost.min()))
    return ranges


def gmean_of_recalls(
    table_04: pd.DataFrame, table_05: pd.DataFrame, table_06: pd.DataFrame, table_08: pd.DataFrame
) -> list[Finding]:
    """GMean of Table VIII as the geometric mean of the class recalls, at the printed accuracy."""
    rows, half = by_row(table_08), tolerances(table_08)
    findings = []
    for dataset, sizes in class_images(table_04, table_05, table_06).items():
        total = int(sizes.sum())
        bounds = np.array([recall_gmean_range(sizes, correct) for correct in range(total + 1)])
        below, above, even_as_mean, said = [], [], [], []
        for network, row in rows.loc[dataset].iterrows():
            margin = half.loc[(dataset, network)]
            least = (row["accuracy"] - margin["accuracy"]) * total
            most = (row["accuracy"] + margin["accuracy"]) * total
            low = bounds[int(np.floor(least)), 0]
            high = bounds[int(np.ceil(most)), 1]
            gmean, unit = row["gmean"], 2 * margin["gmean"]
            if gmean + unit < low:
                below.append(network)
            if gmean - unit > high:
                above.append(network)
            mean_low = lower_envelope(bounds[:, 0], least)
            mean_high = -lower_envelope(-bounds[:, 1], most)
            if not overlaps(mean_low, mean_high, gmean, unit):
                even_as_mean.append(network)
            said.append(f"{network} {gmean:.3f} against {low:.3f} to {high:.3f}")
        outside = bool(below or above)
        findings.append(
            Finding(
                id=f"multiclass/gmean-of-recalls-{dataset}",
                where=f"Table VIII, {dataset}; {SOURCES[dataset]}",
                printed="accuracy and GMean; test images per class " + ", ".join(map(str, sizes)),
                computation="smallest and largest (product of the K class recalls)^(1/K) over all "
                "ways to spread the right images over the classes",
                result=f"below the smallest: {listed(below)}; above the largest: {listed(above)}; "
                "outside even as means over runs of any accuracies: "
                f"{listed(even_as_mean)} ({', '.join(said)})",
                tolerance="accuracy widened to whole images both ways; GMean by one unit",
                verdict=IMPOSSIBLE if outside else CONSISTENT,
                reconciles="a GMean of another definition, a test part with other class sizes, "
                "or (where the mean over runs allows it) runs that differ much"
                if outside
                else "",
            )
        )
    return findings


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
    images = class_images(table_04, table_05, table_06)
    possible: dict[str, list[bool]] = {}
    for (dataset, network), row in rows.iterrows():
        sizes, margin = images[dataset], 2 * half.loc[(dataset, network)]
        low = row["accuracy"] - margin["accuracy"]
        high = min(1, row["accuracy"] + margin["accuracy"])
        ranges = {
            "class recalls": (
                recall_gmean_range(sizes, int(np.floor(low * sizes.sum())))[0],
                recall_gmean_range(sizes, int(np.ceil(high * sizes.sum())))[1],
            ),
            "Table XII's sensitivity and specificity": product_range(
                row["sensitivity"],
                row["specificity"],
                margin["sensitivity"],
                margin["specificity"],
            ),
        }
        for average in ("weighted", "micro"):  # either sensitivity is the accuracy
            least = low * specificity_range(sizes, low)[average][0]
            most = high * specificity_range(sizes, high)[average][1]
            ranges[f"{average} sensitivity and specificity"] = (np.sqrt(least), np.sqrt(most))
        for name, (least, most) in ranges.items():
            fits = overlaps(least, most, row["gmean"], margin["gmean"])
            possible.setdefault(name, []).append(bool(fits))
    table = pd.DataFrame(possible, index=rows.index)
    per_set = table.groupby(level="dataset", sort=False).sum()
    best = table.sum().idxmax()
    failures = (~table[best]).sum()
    return [
        Finding(
            id="multiclass/gmean-definitions",
            where="Tables VIII, XII; Tables IV, V, VI",
            printed="accuracy and GMean; sensitivity and specificity",
            computation="range of the geometric mean of each pair or set at the printed numbers",
            result="rows in which it is possible: "
            + "; ".join(
                f"of {name}, " + ", ".join(f"{per_set.at[d, name]} {d}" for d in per_set.index)
                for name in table.columns
            ),
            tolerance="each number by one unit",
            verdict=IMPOSSIBLE if failures else CONSISTENT,
            reconciles="a definition of its own for each data set, or different runs; the best "
            f"single definition ({best}) leaves out {failures} of {len(table)} rows"
            if failures
            else "",
        )
    ]


def specificity_of_averages(
    table_04: pd.DataFrame,
    table_05: pd.DataFrame,
    table_06: pd.DataFrame,
    table_08: pd.DataFrame,
    table_12: pd.DataFrame,
) -> list[Finding]:
    """Specificity of Table XII as a one-vs-rest average at the accuracy of Table VIII."""
    rows = by_row(table_08)[["accuracy"]].join(by_row(table_12))
    half = tolerances(table_08)[["accuracy"]].join(tolerances(table_12))
    images = class_images(table_04, table_05, table_06)
    fits = _specificity_fits(rows, half, images)
    findings = []
    for dataset, sizes in images.items():
        subset = rows.loc[[dataset]]
        possible = fits.loc[[dataset]]
        least = {
            name: min(specificity_range(sizes, a)[name][0] for a in subset["accuracy"])
            for name in ("micro", "macro", "weighted")
        }
        failures = (~possible).sum()
        findings.append(
            Finding(
                id=f"multiclass/specificity-{dataset}",
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
                f"{(subset['specificity'] - subset['accuracy']).abs().max():.4f}",
                tolerance="accuracy and specificity by one unit",
                verdict=IMPOSSIBLE if failures else CONSISTENT,
                reconciles="a specificity that is not one-vs-rest of the printed classes"
                if failures
                else "",
            )
        )
    return findings


def _specificity_fits(
    rows: pd.DataFrame, half: pd.DataFrame, images: dict[str, np.ndarray]
) -> pd.Series:
    """Whether some average of the one-vs-rest specificities can be the printed one: bool a row."""
    fits = []
    for (dataset, network), row in rows.iterrows():
        margin = 2 * half.loc[(dataset, network)]
        low = specificity_range(images[dataset], row["accuracy"] - margin["accuracy"])
        high = specificity_range(images[dataset], min(1, row["accuracy"] + margin["accuracy"]))
        fits.append(
            any(
                overlaps(low[name][0], high[name][1], row["specificity"], margin["specificity"])
                for name in low
            )
        )
    return pd.Series(fits, index=rows.index)


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
    rows = by_row(table_08)[["accuracy"]].join(by_row(table_12))
    half = tolerances(table_08)[["accuracy"]].join(tolerances(table_12))
    images = class_images(table_04, table_05, table_06)
    two_class = ~_specificity_fits(rows, half, images)
    findings = []
    for dataset, sizes in images.items():
        pick = two_class.loc[[dataset]]
        subset = rows.loc[[dataset]][pick]
        implied = {
            unit: prevalence_range(subset, half.loc[[dataset]][pick], unit) for unit in (1, 2)
        }
        low, high = implied[1]["low"].max(), implied[1]["high"].min()
        shares = sorted(
            {
                sum(group) / sizes.sum()
                for size in range(1, len(sizes))
                for group in combinations(sizes.tolist(), size)
            }
        )
        loose_low, loose_high = implied[2]["low"].max(), implied[2]["high"].min()
        rounded = [share for share in shares if low <= share <= high]
        cut = [share for share in shares if loose_low <= share <= loose_high]
        if subset.empty:
            verdict, reconciles = CONSISTENT, ""
        elif rounded or cut:
            verdict = UNEXPLAINED
            reconciles = (
                f"Table XII as a two-class table with {(rounded or cut)[0]:.4g} of the images "
                "positive, which its caption does not say"
            )
        else:
            verdict = IMPOSSIBLE
            reconciles = "positive images that are no group of the published classes"
        findings.append(
            Finding(
                id=f"multiclass/prevalence-{dataset}",
                where=f"Table XII, {dataset}; {SOURCES[dataset]}",
                printed="sensitivity, specificity, PPV, NPV; images per class",
                computation="odds of positive = PPV (1 - specificity) / (sensitivity (1 - PPV)) "
                "= specificity (1 - NPV) / (NPV (1 - sensitivity)); shares of all groups of "
                "classes: " + ", ".join(f"{share:.4g}" for share in shares),
                result="no row needs this reading"
                if subset.empty
                else f"all {len(subset)} rows agree on a positive share from {low:.4f} to "
                f"{high:.4f} (rounded), {loose_low:.4f} to {loose_high:.4f} (one unit)"
                if low <= high
                else f"no share in common ({low:.4f} > {high:.4f})",
                tolerance=ROUNDING_OR_CUT,
                verdict=verdict,
                reconciles=reconciles,
            )
        )
    return findings


def accuracy_as_macro_recall(
    table_04: pd.DataFrame, table_08: pd.DataFrame, table_12: pd.DataFrame
) -> list[Finding]:
    """On BACH's equal classes the macro recall is the accuracy."""
    rows = by_row(table_08)[["accuracy"]].join(by_row(table_12)).loc[["bach"]]
    half = tolerances(table_08)[["accuracy"]].join(tolerances(table_12)).loc[["bach"]]
    equal_classes = len(set(class_sizes(table_04)["bach"].values())) == 1
    margin = half["accuracy"] + half["sensitivity"]
    rounded = agrees(rows["accuracy"], rows["sensitivity"], margin)
    cut = agrees(rows["accuracy"], rows["sensitivity"], 2 * margin)
    verdict = judge((~rounded).sum(), (~cut).sum()) if equal_classes else CONSISTENT
    return [
        Finding(
            id="multiclass/macro-recall-bach",
            where="Tables VIII, XII, IV; BACH",
            printed="accuracy; sensitivity",
            computation="with equal classes, mean of the class recalls = accuracy",
            result=f"{rounded.sum()} of {len(rows)} rows agree; not: "
            + (
                ", ".join(
                    f"{network} {row['accuracy']:.3f} / {row['sensitivity']:.3f}"
                    for (_, network), row in rows[~rounded].iterrows()
                )
                or "none"
            ),
            tolerance=ROUNDING_OR_CUT,
            verdict=verdict,
            reconciles=""
            if verdict == CONSISTENT
            else "different runs, or test classes of unequal size",
        )
    ]


def f1_on_equal_classes(table_04: pd.DataFrame, table_08: pd.DataFrame) -> list[Finding]:
    """BACH's F1 pairs: macro and weighted F1 are equal, and at most 2 a / (1 + a)."""
    rows = by_row(table_08).loc[["bach"]]
    half = tolerances(table_08).loc[["bach"]]
    equal_classes = len(set(class_sizes(table_04)["bach"].values())) == 1
    same = agrees(rows["f1_first"], rows["f1_second"], 2 * (half["f1_first"] + half["f1_second"]))
    micro = agrees(rows["f1_second"], rows["accuracy"], 2 * (half["f1_second"] + half["accuracy"]))
    # F1 = 2 r / (1 + r + FP / images) <= 2 r / (1 + r), concave in the recall r
    accuracy = rows["accuracy"] + 2 * half["accuracy"]
    bound = 2 * accuracy / (1 + accuracy)
    over = {
        column: rows.index[rows[column] - 2 * half[column] > bound]
        for column in ("f1_first", "f1_second")
    }
    pairs_fail = equal_classes and not (same | micro).all()
    over_bound = equal_classes and any(map(len, over.values()))
    return [
        Finding(
            id="multiclass/f1-pair-bach",
            where="Tables VIII, IV; BACH",
            printed="F1 a/b; accuracy",
            computation="with equal classes macro F1 = weighted F1, so a = b unless b is micro F1 "
            "= accuracy",
            result=f"a = b in {same.sum()} of {len(rows)} rows; b = accuracy in {micro.sum()}; "
            f"neither: {listed(rows.index[~(same | micro)])}",
            tolerance="each number by one unit",
            verdict=IMPOSSIBLE if pairs_fail else CONSISTENT,
            reconciles="test classes of unequal size, or different runs" if pairs_fail else "",
        ),
        Finding(
            id="multiclass/f1-bound-bach",
            where="Tables VIII, IV; BACH",
            printed="F1 a/b; accuracy",
            computation="with equal classes macro, weighted and micro F1 <= 2 accuracy / "
            "(1 + accuracy)",
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
            ),
            tolerance="each number by one unit",
            verdict=IMPOSSIBLE if over_bound else CONSISTENT,
            reconciles="test classes of unequal size, or different runs" if over_bound else "",
        ),
    ]
