"""Every whole 2 x 2 confusion matrix that can stand behind printed numbers, and its scores."""

import math
from collections.abc import Callable, Hashable, Mapping
from functools import cached_property

import numpy as np

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


class Matrices:
    """Confusion matrices: `tp`, `fn`, `fp`, `tn`, int64 M each; malignant is positive."""

    def __init__(self, tp, fn, fp, tn):
        self.tp, self.fn, self.fp, self.tn = tp, fn, fp, tn
        self._scores: dict[str, np.ndarray] = {}
        self._within: dict[tuple, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.tp)

    @cached_property
    def positives(self) -> np.ndarray:
        """Images of the positive class."""
        return self.tp + self.fn

    def score(self, name: str) -> np.ndarray:
        """A score of `SCORES`: float64 M; NaN or inf where it divides by no image."""
        if name not in self._scores:
            with np.errstate(divide="ignore", invalid="ignore"):
                self._scores[name] = SCORES[name](self)
        return self._scores[name]

    def fits(self, reading: Reading, row: Row, unit: int) -> np.ndarray:
        """Which matrices give the printed numbers of a reading (column: score): bool M."""
        keep = np.ones(len(self), dtype=bool)
        for column, name in reading.items():
            key = name, row.bounds(column, unit)
            if key not in self._within:
                score = self.score(name)
                self._within[key] = meets((score, score), key[1])
            keep &= self._within[key]
        return keep

    def names(self) -> list[str]:
        """Each matrix as TP/FN/FP/TN."""
        cells = np.stack([self.tp, self.fn, self.fp, self.tn], axis=1)
        return ["/".join(map(str, row)) for row in cells.tolist()]

    def only(self, keep: np.ndarray) -> "Matrices":
        """The matrices that `keep` (bool M) selects."""
        return Matrices(self.tp[keep], self.fn[keep], self.fp[keep], self.tn[keep])


# Scores of matrices, by name.
SCORES: dict[str, Callable[[Matrices], np.ndarray]] = {
    "accuracy": lambda m: (m.tp + m.tn) / (m.tp + m.fn + m.fp + m.tn),
    "sensitivity": lambda m: m.tp / (m.tp + m.fn),
    "specificity": lambda m: m.tn / (m.tn + m.fp),
    "ppv": lambda m: m.tp / (m.tp + m.fp),
    "npv": lambda m: m.tn / (m.tn + m.fn),
    "balanced_accuracy": lambda m: (m.score("sensitivity") + m.score("specificity")) / 2,
    "gmean": lambda m: np.sqrt(m.score("sensitivity") * m.score("specificity")),
    # Specificity of each class weighted by its images: imbalanced-learn's average="weighted".
    "specificity_weighted": lambda m: (
        ((m.tp + m.fn) * m.score("specificity") + (m.fp + m.tn) * m.score("sensitivity"))
        / (m.tp + m.fn + m.fp + m.tn)
    ),
    "gmean_weighted": lambda m: np.sqrt(m.score("accuracy") * m.score("specificity_weighted")),
    "dominance": lambda m: m.score("sensitivity") - m.score("specificity"),
    "iba": lambda m: (1 + 0.1 * m.score("dominance")) * m.score("gmean") ** 2,
    "f1_malignant": lambda m: 2 * m.tp / (2 * m.tp + m.fp + m.fn),
    "f1_benign": lambda m: 2 * m.tn / (2 * m.tn + m.fp + m.fn),
    "f1_macro": lambda m: (m.score("f1_malignant") + m.score("f1_benign")) / 2,
    "f1_weighted": lambda m: (
        ((m.tp + m.fn) * m.score("f1_malignant") + (m.fp + m.tn) * m.score("f1_benign"))
        / (m.tp + m.fn + m.fp + m.tn)
    ),
    # Smallest and largest area under an ROC curve through the matrix: pairs of a positive and a
    # negative image that are both right are ranked right, pairs that are both wrong are ranked
    # wrong, the others are free, and ties lie between.
    "auc_least": lambda m: m.tp * m.tn / ((m.tp + m.fn) * (m.fp + m.tn)),
    "auc_most": lambda m: 1 - m.fn * m.fp / ((m.tp + m.fn) * (m.fp + m.tn)),
}


def matrices(images: int, bounds: Mapping[str, tuple[float, float]]) -> Matrices:
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
    return Matrices(*cells[:, both])


def _with_rates(images: int, sensitivity: tuple, specificity: tuple) -> Matrices:
    positive = np.arange(1, images)[:, None, None]
    tp, right = _rights(positive, *sensitivity)
    tn, left = _rights(images - positive, *specificity)
    tp, right = tp.swapaxes(1, 2), right.swapaxes(1, 2)  # positive x tp x tn
    cells = np.broadcast_arrays(tp, positive - tp, images - positive - tn, tn)
    return Matrices(*(cell[right & left] for cell in cells))


def _rights(size: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Right images of classes of `size` that may give a rate in [low, high], and which do."""
    more = np.arange(math.floor((high - low) * size.max()) + 2)
    right = np.ceil(low * size - 1e-6).astype(np.int64) + more
    return right, (right >= 0) & (right <= np.minimum(size, high * size + 1e-6))


def candidates(test: TestSet, row: Row) -> Matrices:
    """The matrices with a row's sensitivity and specificity, or accuracy, within one unit."""
    return matrices(test.images, {column: row.bounds(column, 2) for column in row.value})


def with_rates(test: TestSet, row: Row, unit: int = 2) -> Matrices:
    """The matrices that give the four diagnostic numbers of a row, any class split."""
    tried = candidates(test, row)
    return tried.only(tried.fits(RATES, row, unit))


def search(
    tests: dict[str, TestSet],
    rows: Rows,
    readings: Mapping[Hashable, Reading],
    given: Reading | None = None,
) -> dict[Hashable, Fits]:
    """Which class splits give a row a matrix with all of its printed numbers, by reading.

    The search runs over all matrices with the printed sensitivity and specificity, or without these
    the printed accuracy. A reading is {printed column: score of `SCORES`}; `given` is one that
    holds within one unit throughout.
    """
    found = {name: Fits(tests) for name in readings}
    for row in rows:
        test = tests[row.key[0]]
        tried = candidates(test, row)
        if given:
            tried = tried.only(tried.fits(given, row, 2))
        for name, reading in readings.items():
            for unit in UNITS:
                positives = tried.positives[tried.fits(reading, row, unit)]
                found[name].found[unit][row.key] = test.having(positives)
    return found
