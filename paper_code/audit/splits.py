"""Class splits of a test set: in which of them printed numbers fit, and how likely those are.

The paper gives the size of each test set, not its classes, and does not say that its split keeps
the class shares. So every class split is tried. Those in which numbers fit are weighed by how many
test images must be of another class than in exact proportions, and by how often a random draw of
that many images has such a split (multivariate hypergeometric). Table VI's parts are 6:1:3 of the
images to less than one image, as a draw of images gives them.
"""

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import gammaln

from paper_code.audit.finding import IMPOSSIBLE, UNEXPLAINED, Judgement, judge

RARE = 1e-4  # class splits less likely than this together do not rescue a number


class TestSet(NamedTuple):
    """The test images of one data set, with every class split (S of K classes) they may have."""

    images: int
    sizes: np.ndarray  # images per class in the whole data set, int64 K
    counts: np.ndarray  # test images per class, int64 S x K
    rising: np.ndarray  # the same, in rising order in each split
    probability: np.ndarray  # of each split if the images were drawn at random, float64 S
    moved: np.ndarray  # test images of another class than in exact proportions, float64 S

    @property
    def exact(self) -> np.ndarray:
        """The splits in exact proportions, rounded either way: bool S."""
        return self.moved < 1 - 1e-9

    def having(self, matrices: pd.DataFrame) -> np.ndarray:
        """The splits with as many images of the second class as one of the matrices: bool S."""
        return np.isin(self.counts[:, 1], matrices["positives"].unique())


@lru_cache(maxsize=64)
def test_set(sizes: tuple[int, ...], images: int) -> TestSet:
    """Every way to draw `images` from classes of `sizes` images.

    If all classes are equal, splits that differ only in the order of the classes are given once,
    in rising order.
    """
    whole = np.array(sizes, dtype=np.int64)
    axes = np.meshgrid(*(np.arange(min(size, images) + 1) for size in sizes[:-1]), indexing="ij")
    drawn = np.stack([axis.ravel() for axis in axes], axis=1)
    last = images - drawn.sum(axis=1)
    keep = (last >= 0) & (last <= sizes[-1])
    counts = np.column_stack([drawn[keep], last[keep]])
    orders = np.ones(len(counts))
    if len(set(sizes)) == 1:
        counts = counts[(np.diff(counts, axis=1) >= 0).all(axis=1)]
        orders, run = np.full(len(counts), float(math.factorial(len(sizes)))), 1
        for left, right in zip(counts.T[:-1], counts.T[1:], strict=True):
            run = np.where(left == right, run + 1, 1)
            orders /= run
    ways = _log_choose(whole, counts).sum(axis=1) - _log_choose(whole.sum(), images)
    moved = np.abs(counts - images * whole / whole.sum()).sum(axis=1) / 2
    return TestSet(images, whole, counts, np.sort(counts), orders * np.exp(ways), moved)


def _log_choose(n, k):
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


class Escape(NamedTuple):
    """What it takes to make numbers fit: images moved (inf if no split does), probability."""

    moved: float
    probability: float

    def describe(self, images: int) -> str:
        """The escape in words."""
        if math.isinf(self.moved):
            return "no class split of the test set makes them fit"
        moved = math.ceil(self.moved - 0.5)
        need = f"to fit, {moved} of the {images} test images must be of another class than in exact"
        need = f"{need} proportions" if moved else "exact proportions fit"
        return f"{need}; probability {chance(self.probability)} if images are drawn at random"


def escape(test: TestSet, fits: np.ndarray) -> Escape:
    """The nearest of the splits in which numbers fit (bool S), and the probability of all."""
    if not fits.any():
        return Escape(math.inf, 0.0)
    return Escape(float(test.moved[fits].min()), float(min(1, test.probability[fits].sum())))


def chance(probability: float) -> str:
    """A probability for reading: three digits, or a power of ten."""
    if probability == 0:
        return "0"
    return f"{probability:.3f}" if probability >= 1e-3 else f"{probability:.0e}"


def weigh(probability: float, values: dict[str, object] | None = None) -> Judgement:
    """Numbers that fit no exact class proportions, but other class splits of some probability."""
    reason = f"they fit only class splits of probability {chance(probability)}"
    if probability >= RARE:
        return Judgement(UNEXPLAINED, reason, values or {})
    return Judgement(IMPOSSIBLE, reason if probability else "no class split fits", values or {})


class Fits:
    """In which class splits printed rows fit what is asked of them.

    `found` is {unit: {(data set, network): bool S}}, `unit` half units of the last digit.
    """

    def __init__(self, tests: dict[str, TestSet]):
        self.tests = tests
        self.found: dict[int, dict[tuple[str, str], np.ndarray]] = {1: {}, 2: {}}

    @classmethod
    def of(cls, tests: dict[str, TestSet], rows: Iterable, inside: Callable) -> "Fits":
        """Rows of which `inside(row, test set, unit)` tells in which splits they fit: bool S."""
        fits = cls(tests)
        for row in rows:
            test = tests[row.key[0]]
            for unit, found in fits.found.items():
                found[row.key] = inside(row, test, unit) & np.ones(len(test.counts), bool)
        return fits

    def rows(self, unit: int, *, exact: bool = False) -> pd.Series:
        """Which rows fit in some split of their own, or in exact proportions: bool."""
        found = {
            row: bool((fits[self.tests[row[0]].exact] if exact else fits).any())
            for row, fits in self.found[unit].items()
        }
        return pd.Series(found, dtype=bool)

    def common(self, dataset: str) -> np.ndarray:
        """The splits in which all rows of a data set fit within one whole unit: bool S."""
        return np.all([fits for row, fits in self.found[2].items() if row[0] == dataset], axis=0)

    def escapes(self) -> dict[str, Escape]:
        """What it takes to make all rows fit in one split, for data sets with a row that does not
        fit exact proportions."""
        fits = self.rows(2, exact=True)
        outside = dict.fromkeys(row[0] for row in fits.index[~fits])
        return {d: escape(self.tests[d], self.common(d)) for d in outside}

    def probability(self) -> float:
        """Probability of splits in which all rows fit; 1 where exact proportions do."""
        return math.prod(escaped.probability for escaped in self.escapes().values())

    def judge(self) -> Judgement:
        """The verdict if each row may have a split of its own."""
        return judge(self.rows(1), self.rows(2))

    def weigh(self) -> Judgement:
        """The verdict if all rows of a data set share one class split."""
        exact = judge(self.rows(1, exact=True), self.rows(2, exact=True))
        several = len({row[0] for row in self.found[2]}) > 1
        words = [
            f"; {f'{dataset}: ' if several else ''}{escaped.describe(self.tests[dataset].images)}"
            for dataset, escaped in self.escapes().items()
        ]
        values = exact.values | {"escape": "".join(words)}
        if exact.verdict == IMPOSSIBLE:
            return weigh(self.probability(), values)
        return Judgement(exact.verdict, exact.reason, values)

    def counts(self) -> dict[tuple[str, int], int]:
        """Rows that fit, with a split of their "own" or in "exact" proportions, by unit."""
        return {
            (how, unit): int(self.rows(unit, exact=how == "exact").sum())
            for how in ("exact", "own")
            for unit in (2, 1)
        }

    def __str__(self) -> str:
        count = self.counts()
        return (
            f"{count['own', 1]} of {len(self.found[1])} rows (rounded) or {count['own', 2]} (one "
            f"unit) with any class split; {count['exact', 1]} or {count['exact', 2]} with exact "
            "proportions"
        )
