"""Calibration of the probabilities, and the points of ROC and precision-recall curves."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from paper_code.errors import UserError
from paper_code.metrics.classification import check_predictions


def reliability_curve(y_true: np.ndarray, y_prob: np.ndarray, bins: int = 15) -> pd.DataFrame:
    """Confidence against accuracy of the predicted class, in `bins` equal bins of [0, 1].

    `y_true` is N class indices, `y_prob` N x K probabilities; confidence is a row's largest
    probability. Returns one row per bin that holds an image: low, high (its edges; a value on an
    edge belongs to the bin below), count, confidence and accuracy (means). These are the points of
    scikit-learn's calibration_curve, which drops the counts.
    """
    y_true, y_prob = check_predictions(y_true, y_prob)
    if bins < 1:
        raise UserError(f"bins must be at least 1, not {bins}.")
    edges = np.linspace(0, 1, bins + 1)
    confidence = y_prob.max(axis=1)
    images = pd.DataFrame(
        {
            "bin": np.searchsorted(edges[1:-1], confidence),
            "confidence": confidence,
            "accuracy": (y_prob.argmax(axis=1) == y_true).astype(float),
        }
    )
    curve = images.groupby("bin").mean()
    curve.insert(0, "count", images.groupby("bin").size())
    curve.insert(0, "high", edges[curve.index + 1])
    curve.insert(0, "low", edges[curve.index])
    return curve.reset_index(drop=True)


def expected_calibration_error(y_true: np.ndarray, y_prob: np.ndarray, bins: int = 15) -> float:
    """Mean over the images of |accuracy - confidence| of their bin (Guo et al. 2017, Eq. 3).

    From 0 to 1. `bins` of equal width; 15 as in that paper.
    """
    return float(weighted_calibration(y_true, y_prob, np.ones((1, len(y_true))), bins)[0, 0])


def weighted_calibration(
    y_true: np.ndarray, y_prob: np.ndarray, weights: np.ndarray, bins: int = 15
) -> np.ndarray:
    """R x 2 values of expected calibration error and Brier score under R x N image weights.

    The Brier score is the mean squared error of the probabilities (Brier 1950): with two classes of
    P(class 1), from 0 to 1; with more, summed over the classes, from 0 to 2. A weight of 2 counts
    an image twice; for `statistics_interval`.
    """
    y_true, y_prob = check_predictions(y_true, y_prob)
    confidence = y_prob.max(axis=1)
    in_bin = np.eye(bins)[np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence)]
    surplus = (y_prob.argmax(axis=1) == y_true) - confidence
    if y_prob.shape[1] == 2:
        squares = (y_prob[:, 1] - y_true) ** 2
    else:
        squares = ((y_prob - np.eye(y_prob.shape[1])[y_true]) ** 2).sum(axis=1)
    total = weights.sum(axis=1)
    ece = np.abs((weights * surplus) @ in_bin).sum(axis=1) / total
    return np.stack([ece, weights @ squares / total], axis=1)


def roc_points(y_true: np.ndarray, y_prob: np.ndarray) -> pd.DataFrame:
    """ROC curves: columns class, threshold, fpr, tpr.

    Of class 1 for two classes, of each class against the rest for more. A class without true
    images, or without others, has no curve and no rows. The first threshold is infinite.
    """
    from sklearn.metrics import roc_curve

    def curve(positive: np.ndarray, score: np.ndarray) -> tuple:
        fpr, tpr, threshold = roc_curve(positive, score)
        return threshold, fpr, tpr

    return _points(y_true, y_prob, curve, ["threshold", "fpr", "tpr"])


def precision_recall_points(y_true: np.ndarray, y_prob: np.ndarray) -> pd.DataFrame:
    """Precision-recall curves: columns class, threshold, recall, precision, for the same classes.

    Each ends at recall 0, precision 1 and an infinite threshold, as scikit-learn draws it.
    """
    from sklearn.metrics import precision_recall_curve

    def curve(positive: np.ndarray, score: np.ndarray) -> tuple:
        precision, recall, threshold = precision_recall_curve(positive, score)
        return np.append(threshold, np.inf), recall, precision

    return _points(y_true, y_prob, curve, ["threshold", "recall", "precision"])


def _points(y_true, y_prob, curve: Callable, columns: list[str]) -> pd.DataFrame:
    """One class after another, where there are images of it and others."""
    y_true, y_prob = check_predictions(y_true, y_prob)
    parts = [pd.DataFrame(columns=["class", *columns])]
    for index in [1] if y_prob.shape[1] == 2 else range(y_prob.shape[1]):
        positive = y_true == index
        if positive.any() and not positive.all():
            values = dict(zip(columns, curve(positive, y_prob[:, index]), strict=True))
            parts.append(pd.DataFrame({"class": index} | values))
    return pd.concat(parts[1:] or parts, ignore_index=True)
