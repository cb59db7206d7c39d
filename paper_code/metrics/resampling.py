"""Patients drawn with replacement: a resample is a row of image weights, how often each image's
patient was drawn. `weighted_metrics` takes many such rows at once.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd

from paper_code.errors import UserError

# Weights that are drawn at once, 32 MB of float64; the AUC holds about six arrays of this size.
_CHUNK = 4_000_000

Statistic = Callable[[np.ndarray], np.ndarray]


def group_codes(groups: Iterable | None, size: int) -> np.ndarray:
    """Code 0..G-1 of each image's patient; an image with no group (None, NaN, "") is its own."""
    if groups is None:
        return np.arange(size)
    groups = pd.Series(list(groups), dtype=object)
    if len(groups) != size:
        raise UserError(
            f"groups must name one patient for each image: {len(groups)} for {size} images."
        )
    unknown = groups.isna() | (groups == "")
    own = [("image", row) for row in range(size)]
    return pd.factorize(groups.map(lambda group: ("group", group)).where(~unknown, own))[0]


def bootstrap_values(
    statistic: Statistic, codes: np.ndarray, resamples: int, seed: int, images: int = 0
) -> np.ndarray:
    """`resamples` x M values of a statistic, each on a draw of whole patients.

    `statistic` maps R x N image weights to R x M values; `codes` is the patient of each image.
    Each draw takes as many patients as there are, with replacement; the seed alone decides them.
    A statistic of patients that weighs their images itself says how many it weighs at once
    (`images`), so that no more draws are made together than fit.
    """
    if resamples < 1:
        raise UserError(f"resamples must be at least 1, not {resamples}.")
    patients = num_patients(codes)
    rng = np.random.default_rng(seed)

    def draw(rows: int) -> np.ndarray:
        drawn = rng.integers(patients, size=(rows, patients))
        drawn += patients * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * patients)
        return counts.reshape(rows, patients)[:, codes].astype(np.float64)

    chunks = _chunks(resamples, max(len(codes), images))
    return np.concatenate([statistic(draw(len(rows))) for rows in chunks])


def left_out_values(statistic: Statistic, codes: np.ndarray, images: int = 0) -> np.ndarray:
    """G x M values of the statistic, each without the images of one patient (the jackknife).

    `images`: as in `bootstrap_values`.
    """
    patients = _chunks(num_patients(codes), max(len(codes), images))
    return np.concatenate([statistic((rows[:, None] != codes).astype(float)) for rows in patients])


def num_patients(codes: np.ndarray) -> int:
    """How many patients the codes tell apart."""
    return int(codes.max()) + 1


def _chunks(total: int, weights: int) -> Iterator[np.ndarray]:
    """Rows 0 to `total`, so many at a time that `weights` numbers for each are a chunk."""
    step = max(1, _CHUNK // weights)
    for start in range(0, total, step):
        yield np.arange(start, min(start + step, total))
