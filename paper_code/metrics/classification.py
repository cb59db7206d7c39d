"""Classification metrics from class probabilities, by scikit-learn and imbalanced-learn.

Two classes: class 1 (malignant) is the positive one. More classes: one against the rest, then the
unweighted mean over the classes ("macro"). The names are those of every table and file.
"""

import warnings

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
    """All metrics of `METRICS`, in that order.

    `y_true` is N class indices (int), `y_prob` N x K probabilities (float). The predicted class is
    the most probable one, the lowest index on a tie. With TP, FP, FN, TN of a class against the
    rest and recall = TP / (TP + FN):

    - accuracy: images predicted right / N.
    - f1_macro, f1_weighted: mean of 2 TP / (2 TP + FP + FN) over the classes; weighted: by the
      number of true images of each class. f1_binary: that of class 1; NaN for K > 2.
    - gmean: the K-th root of the product of the K recalls (imbalanced-learn's "multiclass"
      variant; for two classes the root of sensitivity x specificity).
    - iba: (1 + 0.1 (sensitivity - specificity)) gmean^2, García et al. (2012), with the
      sensitivity and specificity given here. imbalanced-learn's default averaging would make the
      bracket 1 for two classes, so they are asked for with average="binary".
    - auc_roc: area under the ROC curve of P(class 1); K > 2: mean over the classes of the area
      under that of P(class) against the rest.
    - sensitivity TP / (TP + FN), specificity TN / (TN + FP), ppv TP / (TP + FP),
      npv TN / (TN + FN): of class 1; K > 2: mean over the classes.
    - mcc: Matthews' correlation (K classes: Gorodkin's R_K); 0 where all predictions are of one
      class, as in scikit-learn, but NaN where all true images are.
    - balanced_accuracy: mean of the K recalls.

    One rule for the others: a metric is NaN where it contains a ratio 0 / 0. So if a class has no
    true image, every metric with its recall is NaN; if a class is never predicted, ppv is; with no
    image at all, everything is. No class is left out of a mean, which would flatter a network that
    ignores it.

    Raises UserError for shapes that do not fit, labels outside 0..K-1, probabilities outside
    [0, 1] or not finite.
    """
    # Imported here: they take seconds, and many tables need only the names in this module.
    from imblearn.metrics import geometric_mean_score, make_index_balanced_accuracy
    from sklearn.metrics import (
        accuracy_score,
        balanced_accuracy_score,
        f1_score,
        matthews_corrcoef,
        multilabel_confusion_matrix,
    )

    y_true, y_prob = check_predictions(y_true, y_prob)
    if len(y_true) == 0:
        return dict.fromkeys(METRICS, float("nan"))
    num_classes = y_prob.shape[1]
    classes = np.arange(num_classes)
    y_pred = y_prob.argmax(axis=1)
    all_present = len(np.unique(y_true)) == num_classes

    counts = multilabel_confusion_matrix(y_true, y_pred, labels=classes)  # K x 2 x 2
    tn, fp, fn, tp = (counts[1:] if num_classes == 2 else counts).reshape(-1, 4).T

    f1 = f1_score(y_true, y_pred, labels=classes, average=None, zero_division=np.nan)
    two_class = {"average": "binary"} if num_classes == 2 else {"average": "multiclass"}
    index_balanced = make_index_balanced_accuracy(alpha=0.1, squared=True)
    index_balanced_gmean = index_balanced(geometric_mean_score)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one class only: the values are as documented
        values = {
            "accuracy": accuracy_score(y_true, y_pred),
            "f1_macro": f1.mean(),
            "f1_weighted": f1_score(
                y_true, y_pred, labels=classes, average="weighted", zero_division=0
            ),
            "f1_binary": f1[1] if num_classes == 2 else np.nan,
            "iba": index_balanced_gmean(y_true, y_pred, labels=classes, **two_class)
            if all_present
            else np.nan,
            "gmean": geometric_mean_score(y_true, y_pred, labels=classes)
            if all_present
            else np.nan,
            "auc_roc": _auc(y_true, y_prob) if all_present else np.nan,
            "sensitivity": _mean_ratio(tp, tp + fn),
            "specificity": _mean_ratio(tn, tn + fp),
            "ppv": _mean_ratio(tp, tp + fp),
            "npv": _mean_ratio(tn, tn + fn),
            "mcc": matthews_corrcoef(y_true, y_pred) if np.ptp(y_true) else np.nan,
            "balanced_accuracy": balanced_accuracy_score(y_true, y_pred) if all_present else np.nan,
        }
    return {name: float(values[name]) for name in METRICS}


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


def _auc(y_true: np.ndarray, y_prob: np.ndarray) -> float:
    """scikit-learn's AUC, one class against the rest and macro for K > 2.

    Called class by class, as its multi-class form rejects rows that rounding kept from summing to
    one.
    """
    from sklearn.metrics import roc_auc_score

    classes = range(1, 2) if y_prob.shape[1] == 2 else range(y_prob.shape[1])
    return float(np.mean([roc_auc_score(y_true == c, y_prob[:, c]) for c in classes]))


def _mean_ratio(part: np.ndarray, whole: np.ndarray) -> float:
    """Mean over the classes of part / whole; NaN if any is 0 / 0."""
    with np.errstate(invalid="ignore"):
        return float(np.mean(part / whole))
