"""Calibration of the probabilities."""

import numpy as np

from paper_code.metrics.classification import check_predictions


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
