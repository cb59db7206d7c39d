"""Class splits of a test part: how far one must be from proportional to make numbers fit.

The paper does not say that its split keeps the class shares. A contradiction that assumes so is
weighed against every other split: how many test images must be of another class, and how often a
random draw of that many images has such a split (multivariate hypergeometric). Table VI's parts
are 6:1:3 of the images to less than one image, as a draw of images gives them.
"""

import math
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from paper_code.audit.finding import CONSISTENT, IMPOSSIBLE, UNEXPLAINED

RARE = 1e-4  # a split less likely than this does not rescue a number


class Splits(NamedTuple):
    """All class splits of a test part.

    Attributes:
        counts: test images per class, int64, S x K.
        probability: of each split if the images were drawn at random, float64, S.
        moved: test images that are of another class than in exact proportions, float64, S.
    """

    counts: np.ndarray
    probability: np.ndarray
    moved: np.ndarray


class Escape(NamedTuple):
    """What it takes to make numbers fit: images moved (inf if no split does), probability."""

    moved: float
    probability: float


def class_splits(sizes: Iterable[int], test: int) -> Splits:
    """Every way to draw `test` images from classes of `sizes` images.

    Args:
        sizes: images per class in the whole data set, two or more classes. If all are equal,
            splits that differ only in the order of the classes are given once, in rising order.
        test: images in the test part.
    """
    return _class_splits(tuple(map(int, sizes)), int(test))


@cache
def _class_splits(sizes: tuple[int, ...], test: int) -> Splits:
    sizes = np.array(sizes, dtype=np.int64)
    axes = np.meshgrid(*(np.arange(min(size, test) + 1) for size in sizes[:-1]), indexing="ij")
    drawn = np.stack([axis.ravel() for axis in axes], axis=1)
    last = test - drawn.sum(axis=1)
    keep = (last >= 0) & (last <= sizes[-1])
    counts = np.column_stack([drawn[keep], last[keep]])
    ways = _log_choose(sizes, counts).sum(axis=1) - _log_choose(sizes.sum(), test)
    probability = np.exp(ways)
    if len(set(sizes.tolist())) == 1:
        counts, same = np.unique(np.sort(counts, axis=1), axis=0, return_inverse=True)
        probability = np.bincount(same.ravel(), probability)
    moved = np.abs(counts - test * sizes / sizes.sum()).sum(axis=1) / 2
    return Splits(counts, probability, moved)


def _log_choose(n, k):
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def escape(splits: Splits, fits: np.ndarray) -> Escape:
    """The nearest of the splits in which numbers fit, and the probability of all of them.

    Args:
        splits: those of `class_splits`.
        fits: in which of them the numbers fit, bool, S.
    """
    if not fits.any():
        return Escape(math.inf, 0.0)
    return Escape(float(splits.moved[fits].min()), float(min(1, splits.probability[fits].sum())))


def weigh(as_published: bool, escaped: Escape) -> str:
    """Verdict on numbers that do or do not fit exact class proportions."""
    if as_published:
        return CONSISTENT
    return UNEXPLAINED if escaped.probability >= RARE else IMPOSSIBLE


def describe(escaped: Escape, test: int) -> str:
    """The escape in words."""
    if math.isinf(escaped.moved):
        return "no class split of the test part makes them fit"
    moved = math.ceil(escaped.moved - 0.5)
    need = (
        f"to fit, {moved} of the {test} test images must be of another class than in exact "
        "proportions"
        if moved
        else "exact proportions fit"
    )
    return f"{need}; probability {chance(escaped.probability)} if images are drawn at random"


def chance(probability: float) -> str:
    """A probability for reading: three digits, or a power of ten."""
    if probability == 0:
        return "0"
    return f"{probability:.3f}" if probability >= 1e-3 else f"{probability:.0e}"
