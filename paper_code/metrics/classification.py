"""Classification metrics from class probabilities, of one set of image weights or of many at once.

Two classes: class 1 (malignant) is the positive one. More classes: one against the rest, then the
unweighted mean over the classes ("macro"). The names are those of every table and file.

Everything but the AUC follows from K x K confusion counts, and the AUC from one sort, so a thousand
bootstrap resamples take one call. scikit-learn and imbalanced-learn, which take one sample at a
time, are what the tests compare the values with.
"""

from collections.abc import Sequence

import numpy as np

from paper_code.errors import UserError

METRICS = (
    "accuracy",
    "f1_macro",
    "f1_weighted",
    "f1_binary",
    "iba",
    "gmean",
    "auc_roc",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "mcc",
    "balanced_accuracy",
)


def classification_metrics(y_true: np.ndarray, y_prob: np.ndarray) -> dict[str, float]:
    """All metrics of `METRICS`, in that order, as docs/reference/metrics.md defines them.

    `y_true` is N class indices (int), `y_prob` N x K probabilities (float). The predicted class is
    the most probable one, the lowest index on a tie. iba is that of García et al. (2012), in which
    imbalanced-learn agrees with average="binary" for two classes; mcc is Gorodkin's R_K.

    A metric is NaN where it contains a ratio 0 / 0, as with no true image of a class, but mcc is 0
    where all predictions are of one class. No class is left out of a mean, which would flatter a
    network that ignores it. UserError for shapes that do not fit, labels outside 0..K-1,
    probabilities outside [0, 1] or not finite.
    """
    y_true, y_prob = check_predictions(y_true, y_prob)
    if len(y_true) == 0:
        return dict.fromkeys(METRICS, float("nan"))
    values = weighted_metrics(y_true, y_prob, np.ones((1, len(y_true))))[0]
    return dict(zip(METRICS, values.tolist(), strict=True))


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


def check_metrics(metrics: Sequence[str]) -> tuple[str, ...]:
    """Return the names as a tuple, or raise UserError for an unknown one."""
    unknown = [name for name in metrics if name not in METRICS]
    if unknown or isinstance(metrics, str):
        raise UserError(
            f"metrics must be a list of names from {', '.join(METRICS)}; got {metrics}."
        )
    return tuple(metrics)


def check_predictions(y_true: np.ndarray, y_prob: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return int64 labels (N) and float64 probabilities (N x K), or raise UserError."""
    y_true, y_prob = np.asarray(y_true), np.asarray(y_prob, dtype=np.float64)
    if y_prob.ndim != 2 or y_prob.shape[1] < 2:
        raise UserError(
            f"y_prob must be N x K with K >= 2 classes, its shape is {y_prob.shape}. Give both "
            "columns for two classes."
        )
    if y_true.shape != y_prob.shape[:1]:
        raise UserError(
            f"y_true must be one class index for each of the {len(y_prob)} rows of y_prob, its "
            f"shape is {y_true.shape}."
        )
    if len(y_true) == 0:
        return y_true.astype(np.int64), y_prob
    if not np.issubdtype(y_true.dtype, np.integer):
        raise UserError(f"y_true must be integer class indices, its dtype is {y_true.dtype}.")
    if y_true.min() < 0 or y_true.max() >= y_prob.shape[1]:
        raise UserError(
            f"y_true has labels {y_true.min()} to {y_true.max()}, but y_prob has columns for "
            f"0 to {y_prob.shape[1] - 1}."
        )
    in_range = (y_prob >= 0) & (y_prob <= 1)  # False for NaN
    if not in_range.all():
        row = int((~in_range).any(axis=1).argmax())
        raise UserError(
            f"y_prob must hold probabilities from 0 to 1; row {row} is {y_prob[row].tolist()}."
        )
    return y_true.astype(np.int64), y_prob


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
