"""Which 2 x 2 confusion matrices of whole images give the numbers of Tables II, VII and XI."""

import math
from itertools import permutations, product

import numpy as np
import pandas as pd

from paper_code.audit.counts import class_sizes, part_sizes
from paper_code.audit.finding import (
    CONSISTENT,
    ROUNDING_OR_CUT,
    Finding,
    agrees,
    by_row,
    judge,
    listed,
    tolerances,
)
from paper_code.audit.splits import Escape, Splits, chance, class_splits, escape, weigh

# Scores of arrays of matrices: true positives, false negatives, false positives, true negatives.
SCORES = {
    "accuracy": lambda tp, fn, fp, tn: (tp + tn) / (tp + fn + fp + tn),
    "sensitivity": lambda tp, fn, fp, tn: tp / (tp + fn),
    "specificity": lambda tp, fn, fp, tn: tn / (tn + fp),
    "ppv": lambda tp, fn, fp, tn: tp / (tp + fp),
    "npv": lambda tp, fn, fp, tn: tn / (tn + fn),
    "balanced_accuracy": lambda tp, fn, fp, tn: (tp / (tp + fn) + tn / (tn + fp)) / 2,
    "gmean": lambda tp, fn, fp, tn: np.sqrt(tp / (tp + fn) * tn / (tn + fp)),
    "gmean_weighted": lambda *m: np.sqrt(SCORES["accuracy"](*m) * _weighted_specificity(*m)),
    "iba": lambda tp, fn, fp, tn: (
        (1 + 0.1 * (tp / (tp + fn) - tn / (tn + fp))) * tp / (tp + fn) * tn / (tn + fp)
    ),
    "f1_malignant": lambda tp, fn, fp, tn: 2 * tp / (2 * tp + fp + fn),
    "f1_benign": lambda tp, fn, fp, tn: 2 * tn / (2 * tn + fp + fn),
    "f1_macro": lambda *m: (SCORES["f1_malignant"](*m) + SCORES["f1_benign"](*m)) / 2,
    "f1_weighted": lambda tp, fn, fp, tn: (
        (
            (tp + fn) * SCORES["f1_malignant"](tp, fn, fp, tn)
            + (fp + tn) * SCORES["f1_benign"](tp, fn, fp, tn)
        )
        / (tp + fn + fp + tn)
    ),
}
F1_READINGS = ("f1_benign", "f1_malignant", "f1_macro", "f1_weighted", "accuracy")


def _weighted_specificity(tp, fn, fp, tn):
    """Specificity of each class weighted by its images: imbalanced-learn's average="weighted"."""
    return ((tp + fn) * tn / (tn + fp) + (fp + tn) * tp / (tp + fn)) / (tp + fn + fp + tn)


def confusion_matrices(
    total: int, low: float, high: float, positives: tuple[int, ...] = ()
) -> np.ndarray:
    """All matrices of `total` images with an accuracy in [low, high] and both classes present.

    Args:
        total: images.
        low: smallest accuracy.
        high: largest accuracy.
        positives: allowed numbers of positive images; all from 1 to total - 1 if empty.

    Returns:
        int64, 4 x M: true positives, false negatives, false positives, true negatives.
    """
    p = np.array(positives or range(1, total))[:, None]
    tp = np.arange(total)[None, :]
    found = []
    for correct in range(math.ceil(low * total - 1e-6), math.floor(high * total + 1e-6) + 1):
        tn = correct - tp
        row, column = np.nonzero((tp <= p) & (tn >= 0) & (tn <= total - p))
        positive, true = p[row, 0], tp[0, column]
        negative = total - positive
        found.append([true, positive - true, negative - (correct - true), correct - true])
    return np.concatenate(found, axis=1) if found else np.empty((4, 0), dtype=np.int64)


def matrices_with_rates(
    total: int, sensitivity: tuple[float, float], specificity: tuple[float, float]
) -> np.ndarray:
    """All matrices of `total` images whose two rates lie in the given ranges, both classes present.

    Returns int64, 4 x M, like `confusion_matrices`.
    """
    found = [np.empty((4, 0), dtype=np.int64)]
    for positive in range(1, total):
        negative = total - positive
        tp, tn = (
            np.arange(math.ceil(low * size - 1e-6), min(size, math.floor(high * size + 1e-6)) + 1)
            for size, (low, high) in ((positive, sensitivity), (negative, specificity))
        )
        tp, tn = np.repeat(tp, len(tn)), np.tile(tn, len(tp))
        found.append(np.array([tp, positive - tp, negative - tn, tn]))
    return np.concatenate(found, axis=1)


def admitted(
    matrices: np.ndarray, printed: dict[str, float], tolerance: dict[str, float], unit: float
) -> np.ndarray:
    """Which matrices give all of `printed` (score: value) within unit x tolerance: bool, M."""
    keep = np.ones(matrices.shape[1], dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        for score, value in printed.items():
            keep &= agrees(SCORES[score](*matrices), value, unit * tolerance[score])
    return keep


def malignant_in_test(table_03: pd.DataFrame, table_06: pd.DataFrame) -> dict[str, tuple[int, ...]]:
    """Malignant test images if the split keeps Table III's class shares, rounded either way."""
    parts = part_sizes(table_06)
    result = {}
    for dataset, sizes in class_sizes(table_03).items():
        expected = parts[dataset]["test"] * sizes["malignant"] / sum(sizes.values())
        result[dataset] = tuple(sorted({math.floor(expected), math.ceil(expected)}))
    return result


def rows_admitted(
    printed: pd.DataFrame,
    half: pd.DataFrame,
    totals: dict[str, int],
    positives: dict[str, tuple[int, ...]],
    readings: dict[str, dict[str, str]],
) -> pd.DataFrame:
    """Whether each row has a matrix, for each reading of its columns.

    Args:
        printed: one row per printed row, index (dataset, ...). The search runs over all matrices
            with the printed sensitivity and specificity, or without these the printed accuracy.
        half: half a unit of each printed number, same shape.
        totals: test images per data set.
        positives: positive test images of the published split per data set.
        readings: name of the reading: {score of `SCORES`: printed column}.

    Returns:
        bool; same rows; columns (reading, "free" or "published" split, 1 or 2 half units).
    """
    result = {}
    for row, values in printed.iterrows():
        ranges = {
            column: (value - 2 * half.at[row, column], value + 2 * half.at[row, column])
            for column, value in values.items()
        }
        if "sensitivity" in ranges:
            rates = ranges["sensitivity"], ranges["specificity"]
            matrices = matrices_with_rates(totals[row[0]], *rates)
        else:
            matrices = confusion_matrices(totals[row[0]], *ranges["accuracy"])
        published = np.isin(matrices[0] + matrices[1], positives[row[0]])
        for name, columns in readings.items():
            wanted = {score: values[column] for score, column in columns.items()}
            halves = {score: half.at[row, column] for score, column in columns.items()}
            for unit in (1, 2):
                keep = admitted(matrices, wanted, halves, unit)
                result.setdefault((name, "free", unit), []).append(keep.any())
                result.setdefault((name, "published", unit), []).append((keep & published).any())
    return pd.DataFrame(result, index=printed.index)


def _count(rows: pd.DataFrame, name: str) -> str:
    count = rows[name].sum()
    return (
        f"{count['free', 1]} of {len(rows)} rows (rounded) or {count['free', 2]} (one unit) with "
        f"any class split; {count['published', 1]} or {count['published', 2]} with exact "
        "proportions"
    )


def _rank(rows: pd.DataFrame, name: str) -> tuple[int, ...]:
    """Sort key of a reading: rows explained with the published split first."""
    count = rows[name].sum()
    order = (("published", 2), ("published", 1), ("free", 2), ("free", 1))
    return tuple(int(count[key]) for key in order)


def tables_07_and_11(
    table_03: pd.DataFrame, table_06: pd.DataFrame, table_07: pd.DataFrame, table_11: pd.DataFrame
) -> list[Finding]:
    """Common matrices of Table VII (accuracy, GMean) and Table XI (four numbers)."""
    totals = {dataset: sizes["test"] for dataset, sizes in part_sizes(table_06).items()}
    own = {score: score for score in ("sensitivity", "specificity", "ppv", "npv")}
    rows = rows_admitted(
        by_row(table_07).join(by_row(table_11)),
        tolerances(table_07).join(tolerances(table_11)),
        totals,
        malignant_in_test(table_03, table_06),
        {
            "GMean = sqrt(sensitivity x specificity)": {"accuracy": "accuracy", "gmean": "gmean"}
            | own,
            "GMean of class-weighted averages": {"accuracy": "accuracy", "gmean_weighted": "gmean"}
            | own,
            "without GMean": {"accuracy": "accuracy"} | own,
        },
    )
    alone = rows_admitted(
        by_row(table_11),
        tolerances(table_11),
        totals,
        malignant_in_test(table_03, table_06),
        {"alone": own},
    )
    names = list(rows.columns.unique(0))
    best = max(names[:2], key=lambda name: _rank(rows, name))
    verdict = judge((~rows[best, "free", 1]).sum(), (~rows[best, "free", 2]).sum())
    verdict_alone = judge((~alone["alone", "free", 1]).sum(), (~alone["alone", "free", 2]).sum())
    search = "all whole TP, FN, FP, TN that add up to the test images of Table VI"
    return [
        Finding(
            id="confusion/tables-VII-XI",
            theme="gmean-breakhis",
            tables="07 11",
            columns="gmean sensitivity specificity",
            where="Tables VII, XI, VI; 9 networks x 4 magnifications",
            printed="accuracy and GMean (VII); sensitivity, specificity, PPV, NPV (XI)",
            computation=f"{search}; a row counts if one matrix gives all six numbers",
            result="; ".join(f"{name}: {_count(rows, name)}" for name in names),
            tolerance=ROUNDING_OR_CUT,
            verdict=verdict,
            reconciles=""
            if verdict == CONSISTENT
            else "GMean and Table XI from different runs or test images, a GMean of another "
            "definition, or means over runs that differ much; rounding and another class split do "
            "not",
        ),
        Finding(
            id="confusion/table-XI-alone",
            theme="whole-images",
            tables="11",
            columns="sensitivity specificity ppv npv",
            where="Tables XI, VI",
            printed="sensitivity, specificity, PPV, NPV",
            computation=f"{search}; a row counts if one matrix gives all four numbers",
            result=_count(alone, "alone"),
            tolerance=ROUNDING_OR_CUT,
            verdict=verdict_alone,
            reconciles=""
            if verdict_alone == CONSISTENT
            else "another number of test images; no matrix: if rounded, "
            + listed(alone.index[~alone["alone", "free", 1]])
            + "; with one unit, "
            + listed(alone.index[~alone["alone", "free", 2]]),
        ),
    ]


def table_07_alone(
    table_03: pd.DataFrame, table_06: pd.DataFrame, table_07: pd.DataFrame
) -> list[Finding]:
    """Which reading of IBA and GMean lets Table VII come from a matrix with its accuracy."""
    readings = {
        "IBA = index balanced accuracy, GMean = sqrt(sens x spec)": ("iba", "gmean"),
        "IBA = (sens + spec) / 2, GMean = sqrt(sens x spec)": ("balanced_accuracy", "gmean"),
        "IBA = (sens + spec) / 2, GMean = sqrt(accuracy x class-weighted specificity)": (
            "balanced_accuracy",
            "gmean_weighted",
        ),
    }
    rows = rows_admitted(
        by_row(table_07),
        tolerances(table_07),
        {dataset: sizes["test"] for dataset, sizes in part_sizes(table_06).items()},
        malignant_in_test(table_03, table_06),
        {
            name: {"accuracy": "accuracy", iba: "iba", gmean: "gmean"}
            for name, (iba, gmean) in readings.items()
        },
    )
    best = max(readings, key=lambda name: _rank(rows, name))
    verdict = judge((~rows[best, "free", 1]).sum(), (~rows[best, "free", 2]).sum())
    if best != next(iter(readings)) and verdict == CONSISTENT:
        reconciles = f"the reading {best}"
    else:
        reconciles = "" if verdict == CONSISTENT else f"closest: {best}"
    return [
        Finding(
            id="confusion/table-VII-alone",
            theme="iba",
            tables="07",
            columns="iba gmean",
            where="Tables VII, VI",
            printed="accuracy, IBA, GMean",
            computation="all whole TP, FN, FP, TN that add up to the test images of Table VI; a "
            "row counts if one matrix gives all three numbers",
            result="; ".join(f"{name}: {_count(rows, name)}" for name in readings),
            tolerance=ROUNDING_OR_CUT,
            verdict=verdict,
            reconciles=reconciles,
        )
    ]


def f1_of_table_11(
    table_06: pd.DataFrame, table_07: pd.DataFrame, table_11: pd.DataFrame
) -> list[Finding]:
    """F1 of the matrices that Table XI leaves, against the two numbers of Table VII."""
    totals = {dataset: sizes["test"] for dataset, sizes in part_sizes(table_06).items()}
    rates, rate_half = by_row(table_11), tolerances(table_11)
    printed, half = by_row(table_07), tolerances(table_07)
    columns = ("f1_first", "f1_second")
    count = dict.fromkeys(((c, r, u) for c in columns for r in F1_READINGS for u in (1, 2)), 0)
    few = []
    for row in printed.index:
        matrices = rate_matrices(rates.loc[row], rate_half.loc[row], totals[row[0]])
        if not matrices.size:  # confusion/table-XI-alone says so
            continue
        few.append(matrices.shape[1])
        for column, reading in product(columns, F1_READINGS):
            for unit in (1, 2):
                keep = admitted(
                    matrices,
                    {reading: printed.at[row, column]},
                    {reading: half.at[row, column]},
                    unit,
                )
                count[column, reading, unit] += bool(keep.any())
    rows = len(few)
    best = {c: max(F1_READINGS, key=lambda r: (count[c, r, 2], count[c, r, 1])) for c in columns}
    strict, loose = (sum(rows - count[c, best[c], unit] for c in columns) for unit in (1, 2))
    verdict = judge(strict, loose)
    return [
        Finding(
            id="confusion/f1-tables-VII-XI",
            theme="f1-pairs",
            tables="07 11",
            columns="f1_first f1_second",
            where="Tables VII, XI, VI",
            printed="F1 a/b (VII); sensitivity, specificity, PPV, NPV (XI)",
            computation="the whole matrices that give Table XI's four numbers within one unit, any "
            "class split; F1 malignant, F1 benign, macro F1, weighted F1 and accuracy of each",
            result=f"{rows} rows have such matrices, {few.count(1)} of them exactly one; rows in "
            "which a printed number is the score (rounded, one unit): "
            + "; ".join(
                f"{name}: "
                + ", ".join(f"{r} {count[c, r, 1]}, {count[c, r, 2]}" for r in F1_READINGS)
                for name, c in (("a", "f1_first"), ("b", "f1_second"))
            ),
            tolerance=ROUNDING_OR_CUT,
            verdict=verdict,
            reconciles=""
            if verdict == CONSISTENT
            else "F1 and Table XI from different runs or test images, or numbers that are no F1",
        )
    ]


def rate_matrices(rates: pd.Series, half: pd.Series, total: int) -> np.ndarray:
    """All matrices that give the four rates of a row within one unit, any class split: 4 x M."""
    ranges = [
        (rates[name] - 2 * half[name], rates[name] + 2 * half[name])
        for name in ("sensitivity", "specificity")
    ]
    matrices = matrices_with_rates(total, *ranges)
    return matrices[:, admitted(matrices, rates, half, 2)]


def f1_pairs(
    table_02: pd.DataFrame, table_03: pd.DataFrame, table_06: pd.DataFrame, table_07: pd.DataFrame
) -> list[Finding]:
    """Whether two averages of F1 of one matrix give the printed pairs a/b.

    The rows of one magnification share a test part, so one class split must fit all of them.
    """
    totals = {dataset: sizes["test"] for dataset, sizes in part_sizes(table_06).items()}
    splits = {
        d: class_splits(sizes.values(), totals[d]) for d, sizes in class_sizes(table_03).items()
    }
    published = malignant_in_test(table_03, table_06)
    findings = []
    for name, number, table in (("II", "02", table_02), ("VII", "07", table_07)):
        fits = _pair_fits(table, totals)
        escapes = {pair: _common_splits(rows, splits) for pair, rows in fits.items()}
        joint = {
            p: float(np.prod([e.probability for e in es.values()])) for p, es in escapes.items()
        }
        explained = {
            pair: sum(bool(malignant.any()) for malignant in rows[2].values())
            for pair, rows in fits.items()
        }
        best = max(fits, key=lambda pair: (joint[pair], explained[pair]))
        exact = all(
            malignant[list(published[row[0]])].any() for row, malignant in fits[best][1].items()
        )
        verdict = weigh(exact, Escape(0, joint[best]))
        findings.append(
            Finding(
                id=f"confusion/f1-pairs-table-{name}",
                theme="f1-pairs",
                tables=f"{number} 03 06",
                columns="f1_first f1_second",
                where=f"Tables {name}, III, VI",
                printed="accuracy and the F1 pair a/b; class and test images",
                computation="all whole matrices with the printed accuracy; a and b as any two of "
                "F1 malignant, F1 benign, macro F1, weighted F1, micro F1 (= accuracy); one class "
                "split for all rows of a magnification",
                result=f"closest reading {best}: {explained[best]} of {len(fits[best][2])} rows "
                "have a matrix, each with a class split of its own; one class split for all rows: "
                + "; ".join(
                    f"{dataset}, {_common(fits[best][2], dataset, totals[dataset])}"
                    + (
                        f" (in the data set {_share(splits[dataset], totals[dataset]):.3f}; "
                        f"probability {chance(escaped.probability)})"
                        if escaped.probability
                        else ""
                    )
                    for dataset, escaped in escapes[best].items()
                )
                + f"; probability of all together {chance(joint[best])}",
                tolerance=ROUNDING_OR_CUT + "; any class split, weighed by its probability",
                verdict=verdict,
                reconciles=""
                if verdict == CONSISTENT
                else "test parts with the class shares of the result, if they exist, or a first "
                "number that is not an F1 (see metrics/f1-square)",
            )
        )
    return findings


def _pair_fits(table: pd.DataFrame, totals: dict[str, int]) -> dict[str, dict]:
    """Numbers of malignant test images with which a row's accuracy and pair a/b have a matrix.

    Returns {reading "a / b": {unit: {row: bool, images + 1}}}.
    """
    printed, half = by_row(table), tolerances(table)
    fits: dict = {f"{a} / {b}": {1: {}, 2: {}} for a, b in permutations(F1_READINGS, 2)}
    for row, values in printed.iterrows():
        margin, total = half.loc[row], totals[row[0]]
        low, high = (values["accuracy"] + side * 2 * margin["accuracy"] for side in (-1, 1))
        matrices = confusion_matrices(total, low, high)
        malignant = matrices[0] + matrices[1]
        for unit in (1, 2):
            right = admitted(matrices, values[["accuracy"]], margin[["accuracy"]], unit)
            first, second = (
                {
                    reading: admitted(
                        matrices, {reading: values[column]}, {reading: margin[column]}, unit
                    )
                    for reading in F1_READINGS
                }
                for column in ("f1_first", "f1_second")
            )
            for a, b in permutations(F1_READINGS, 2):
                possible = np.zeros(total + 1, dtype=bool)
                possible[malignant[right & first[a] & second[b]]] = True
                fits[f"{a} / {b}"][unit][row] = possible
    return fits


def _common_splits(fits: dict, splits: dict[str, Splits]) -> dict[str, Escape]:
    """The class splits that fit all rows of a magnification within one unit."""
    return {
        dataset: escape(
            part,
            np.all([m for row, m in fits[2].items() if row[0] == dataset], axis=0)[
                part.counts[:, 1]
            ],
        )
        for dataset, part in splits.items()
    }


def _share(splits: Splits, total: int) -> float:
    """Malignant share of the data set."""
    return float(splits.probability @ splits.counts[:, 1] / total)


def _common(fits: dict, dataset: str, total: int) -> str:
    """Malignant shares that fit all rows of a magnification, or two rows that exclude others."""
    rows = {row[1]: np.flatnonzero(fit) / total for row, fit in fits.items() if row[0] == dataset}
    empty = [name for name, shares in rows.items() if not shares.size]
    if empty:
        return f"none for {listed(empty)}"
    shared = set.intersection(*(set(shares) for shares in rows.values()))
    if shared:
        return f"malignant share {min(shared):.3f} to {max(shared):.3f}"
    low = min(rows, key=lambda name: rows[name].max())
    high = max(rows, key=lambda name: rows[name].min())
    return (
        f"none: {low} at most {rows[low].max():.3f} malignant, "
        f"{high} at least {rows[high].min():.3f}"
    )
