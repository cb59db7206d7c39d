"""Every whole 2 x 2 confusion matrix that can stand behind printed numbers, and its scores."""

import math
from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd

from paper_code.audit.printed import Row, Rows
from paper_code.audit.splits import Fits, TestSet

EPSILON = 1e-9  # absorbs binary fractions at the very edge of an interval
UNITS = (1, 2)  # half units of the last digit: rounded, and rounded or cut either way
DIAGNOSTICS = ("sensitivity", "specificity", "ppv", "npv")
RATES = {name: name for name in DIAGNOSTICS}  # a reading: printed column -> score
Reading = Mapping[str, str]


def meets(one: tuple, other: tuple):
    """Whether two intervals (low, high) have a value in common; works on arrays."""
    return (one[0] <= other[1] + EPSILON) & (one[1] >= other[0] - EPSILON)


def scored(tp: np.ndarray, fn: np.ndarray, fp: np.ndarray, tn: np.ndarray) -> pd.DataFrame:
    """Confusion matrices, int64 M each, malignant is positive, and all their scores: a row each.

    A score is NaN or inf where it divides by no image.
    """
    positives, negatives = tp + fn, fp + tn
    images = positives + negatives
    with np.errstate(divide="ignore", invalid="ignore"):
        accuracy, sensitivity, specificity = (tp + tn) / images, tp / positives, tn / negatives
        # Specificity of each class weighted by its images: imbalanced-learn's average="weighted".
        specificity_weighted = (positives * specificity + negatives * sensitivity) / images
        gmean, dominance = np.sqrt(sensitivity * specificity), sensitivity - specificity
        malignant, benign = 2 * tp / (2 * tp + fp + fn), 2 * tn / (2 * tn + fp + fn)
        scores = {
            "accuracy": accuracy,
            "sensitivity": sensitivity,
            "specificity": specificity,
            "ppv": tp / (tp + fp),
            "npv": tn / (tn + fn),
            "balanced_accuracy": (sensitivity + specificity) / 2,
            "gmean": gmean,
            "gmean_weighted": np.sqrt(accuracy * specificity_weighted),
            "dominance": dominance,
            "iba": (1 + 0.1 * dominance) * gmean**2,
            "f1_malignant": malignant,
            "f1_benign": benign,
            "f1_macro": (malignant + benign) / 2,
            "f1_weighted": (positives * malignant + negatives * benign) / images,
            # Smallest and largest area under an ROC curve through the matrix: pairs of a positive
            # and a negative image that are both right are ranked right, pairs that are both wrong
            # are ranked wrong, the others are free, and ties lie between.
            "auc_least": tp * tn / (positives * negatives),
            "auc_most": 1 - fn * fp / (positives * negatives),
        }
    cells = {"tp": tp, "fn": fn, "fp": fp, "tn": tn, "positives": positives}
    return pd.DataFrame(cells | scores)


def fitting(tried: pd.DataFrame, reading: Reading, row: Row, unit: int) -> pd.DataFrame:
    """The matrices that give the printed numbers of a reading (column: score)."""
    keep = np.ones(len(tried), dtype=bool)
    for column, name in reading.items():
        score = tried[name].to_numpy()
        keep &= meets((score, score), row.bounds(column, unit))
    return tried[keep]


def names(found: pd.DataFrame) -> list[str]:
    """Each matrix as TP/FN/FP/TN."""
    return ["/".join(map(str, row)) for row in found[["tp", "fn", "fp", "tn"]].to_numpy()]


def matrices(images: int, bounds: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    """All matrices of `images` images, both classes present, within bounds of some scores.

    `bounds` are (low, high) of the sensitivity and the specificity, or else of the accuracy.
    """
    if "sensitivity" in bounds:
        return _with_rates(images, bounds["sensitivity"], bounds["specificity"])
    found = [np.empty((4, 0), dtype=np.int64)]
    least, most = (round(side, 6) for side in (images * np.array(bounds["accuracy"])))
    for right in range(max(0, math.ceil(least)), min(images, math.floor(most)) + 1):
        tp, fn = np.indices((right + 1, images - right + 1)).reshape(2, -1)
        found.append(np.stack([tp, fn, images - right - fn, right - tp]))
    cells = np.concatenate(found, axis=1)
    both = (cells[:2].sum(axis=0) > 0) & (cells[2:].sum(axis=0) > 0)
    return scored(*cells[:, both])


def _with_rates(images: int, sensitivity: tuple, specificity: tuple) -> pd.DataFrame:
    positive = np.arange(1, images)[:, None, None]
    tp, right = _rights(positive, *sensitivity)
    tn, left = _rights(images - positive, *specificity)
    tp, right = tp.swapaxes(1, 2), right.swapaxes(1, 2)  # positive x tp x tn
    cells = np.broadcast_arrays(tp, positive - tp, images - positive - tn, tn)
    return scored(*(cell[right & left] for cell in cells))


def _rights(size: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Right images of classes of `size` that may give a rate in [low, high], and which do."""
    more = np.arange(math.floor((high - low) * size.max()) + 2)
    right = np.ceil(low * size - 1e-6).astype(np.int64) + more
    return right, (right >= 0) & (right <= np.minimum(size, high * size + 1e-6))


def candidates(test: TestSet, row: Row) -> pd.DataFrame:
    """The matrices with a row's sensitivity and specificity, or accuracy, within one unit."""
    return matrices(test.images, {column: row.bounds(column, 2) for column in row.value})


def with_rates(test: TestSet, row: Row, unit: int = 2) -> pd.DataFrame:
    """The matrices that give the four diagnostic numbers of a row, any class split."""
    return fitting(candidates(test, row), RATES, row, unit)


def search(
    tests: dict[str, TestSet],
    rows: Rows,
    readings: Mapping[Hashable, Reading],
    given: Reading | None = None,
) -> dict[Hashable, Fits]:
    """Which class splits give a row a matrix with all of its printed numbers, by reading.

    The search runs over all matrices with the printed sensitivity and specificity, or without these
    the printed accuracy. A reading is {printed column: score of `scored`}; `given` is one that
    holds within one unit throughout.
    """
    found = {name: Fits(tests) for name in readings}
    for row in rows:
        test = tests[row.key[0]]
        tried = candidates(test, row)
        if given:
            tried = fitting(tried, given, row, 2)
        for name, reading in readings.items():
            for unit in UNITS:
                found[name].found[unit][row.key] = test.having(fitting(tried, reading, row, unit))
    return found
