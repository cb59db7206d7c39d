"""Patients drawn with replacement, and the metrics of many such resamples at once.

A resample is a row of image weights: how often the image's patient was drawn. From weights,
everything but the AUC follows from K x K confusion counts, and the AUC from one sort, so a
thousand resamples cost about as much as ten calls of `classification_metrics`. The definitions
are those of that function; the tests hold the two equal.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from paper_code.errors import UserError
from paper_code.metrics.classification import METRICS

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


def weighted_metrics(
    y_true: np.ndarray, y_prob: np.ndarray, weights: np.ndarray, metrics: Sequence[str] = METRICS
) -> np.ndarray:
    """R x M values of `metrics` for N images under R x N non-negative weights.

    A weight of 2 counts an image twice. NaN by the rule of `classification_metrics`.
    """
    num_classes = y_prob.shape[1]
    cell = y_true * num_classes + y_prob.argmax(axis=1)
    confusion = weights @ np.eye(num_classes**2)[cell]
    values = _confusion_metrics(confusion.reshape(-1, num_classes, num_classes))
    if "auc_roc" in metrics:
        classes = range(1, 2) if num_classes == 2 else range(num_classes)
        areas = [_weighted_auc(y_true == c, y_prob[:, c], weights) for c in classes]
        values["auc_roc"] = np.mean(areas, axis=0)
    return np.stack([values[name] for name in metrics], axis=1)


def _chunks(total: int, weights: int) -> Iterator[np.ndarray]:
    """Rows 0 to `total`, so many at a time that `weights` numbers for each are a chunk."""
    step = max(1, _CHUNK // weights)
    for start in range(0, total, step):
        yield np.arange(start, min(start + step, total))


def check_metrics(metrics: Sequence[str]) -> tuple[str, ...]:
    """Return the names as a tuple, or raise UserError for an unknown one."""
    unknown = [name for name in metrics if name not in METRICS]
    if unknown or isinstance(metrics, str):
        raise UserError(
            f"metrics must be a list of names from {', '.join(METRICS)}; got {metrics}."
        )
    return tuple(metrics)


def _confusion_metrics(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """All metrics but the AUC of R x K x K confusion counts (row: truth, column: prediction)."""
    num_classes = confusion.shape[1]
    total = confusion.sum(axis=(1, 2))
    true, predicted = confusion.sum(axis=2), confusion.sum(axis=1)  # R x K
    tp = np.diagonal(confusion, axis1=1, axis2=2)
    fn, fp = true - tp, predicted - tp
    tn = total[:, None] - tp - fn - fp

    with np.errstate(invalid="ignore", divide="ignore"):
        recall, f1 = tp / true, 2 * tp / (2 * tp + fp + fn)
        ratios = {
            "sensitivity": recall,
            "specificity": tn / (tn + fp),
            "ppv": tp / predicted,
            "npv": tn / (tn + fn),
        }
        of_class_1 = num_classes == 2
        values = {
            name: ratio[:, 1] if of_class_1 else ratio.mean(axis=1)
            for name, ratio in ratios.items()
        }
        gmean_squared = recall.prod(axis=1) ** (2 / num_classes)
        dominance = values["sensitivity"] - values["specificity"]
        covariance = tp.sum(axis=1) * total - (true * predicted).sum(axis=1)
        spread_true = total**2 - (true**2).sum(axis=1)
        spread_predicted = total**2 - (predicted**2).sum(axis=1)
        mcc = covariance / np.sqrt(spread_true * spread_predicted)
        mcc = np.where((spread_true > 0) & (spread_predicted == 0), 0.0, mcc)
        values |= {
            "accuracy": tp.sum(axis=1) / total,
            "f1_macro": f1.mean(axis=1),
            "f1_weighted": (true * np.nan_to_num(f1)).sum(axis=1) / total,
            "f1_binary": f1[:, 1] if of_class_1 else np.full(len(f1), np.nan),
            "gmean": np.sqrt(gmean_squared),
            "iba": (1 + 0.1 * dominance) * gmean_squared,
            "mcc": mcc,
            "balanced_accuracy": recall.mean(axis=1),
        }
    return values


def _weighted_auc(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """R areas: the weighted share of pairs with the positive above the negative, ties half."""
    order = np.argsort(score, kind="stable")
    score, positive, weights = score[order], positive[order], weights[:, order]
    first_of_tie = np.flatnonzero(np.diff(score, prepend=-np.inf))
    above = np.add.reduceat(weights * positive, first_of_tie, axis=1)
    below = np.add.reduceat(weights * ~positive, first_of_tie, axis=1)
    wins = (above * (below.cumsum(axis=1) - below / 2)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return wins / (above.sum(axis=1) * below.sum(axis=1))
