"""Differences between two conditions of the same patients: mean, interval, two tests."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import permutation_test, t

from paper_code.metrics.comparisons import welch_satterthwaite

METRICS = ("log_loss", "accuracy", "auc_roc")
SIGN_FLIPS = 100_000  # at least; all of them where there are no more


class Compared(NamedTuple):
    """Two conditions over patients, and their difference, first minus second.

    `se` is the standard error of the difference, `df` its degrees of freedom; `sign_flip_p` is NaN
    for the AUC, whose value of one patient depends on the others.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    p_value: float
    sign_flip_p: float
    se: float
    df: float
    up: int
    down: int
    patients: int


def patient_values(rows: pd.DataFrame, metric: str) -> pd.Series:
    """The value of each patient: the mean over the rows of `by_patient` that it has."""
    return _values(rows, metric).groupby(rows["patient"]).mean()


def training_values(rows: pd.DataFrame, metric: str) -> pd.Series:
    """The value of each training, by repeat and arm: the mean over its patients; of the AUC, over
    the means of the classes."""
    of_class = [rows["label"]] if metric == "auc_roc" else []
    keys = [rows["repeat"], rows["arm"], *of_class]
    return _values(rows, metric).groupby(keys).mean().groupby(["repeat", "arm"]).mean()


def _values(rows: pd.DataFrame, metric: str) -> pd.Series:
    return {
        "log_loss": rows["log_loss"] / rows["images"],
        "accuracy": rows["correct"] / rows["images"],
        "auc_roc": rows["auc"],
    }[metric]


def standard_error(samples: Iterable[np.ndarray | pd.Series]) -> tuple[float, float]:
    """Standard error of a sum of the means of samples, and Welch's degrees of freedom."""
    return welch_satterthwaite((each.var(ddof=1) / len(each), len(each) - 1) for each in samples)


def compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    metric: str,
    level: float = 0.95,
    *,
    networks: bool = False,
) -> Compared:
    """Compare two sets of rows of `by_patient`, of the same patients, in one of `METRICS`.

    A patient is the unit, its own control, and its value the mean over its repeats of the mean over
    its images; all patients weigh the same. Log loss and accuracy: t interval and t test of the
    patients' differences, and a sign-flip test. AUC: the mean of the two classes' mean placements
    (`by_patient`); the variance of the difference is the sum of those of the two classes' means
    (DeLong et al. 1988, with patients in place of images as in Obuchowski 1997), the degrees of
    freedom are Welch's.

    Two `networks` differ by the chance of their trainings too, which all patients of an arm share.
    The variance of the mean over trainings is added then, and there is no sign-flip test.
    """
    values = pd.concat(
        [patient_values(first, metric), patient_values(second, metric)], axis=1, join="inner"
    ).to_numpy()
    label = first.groupby("patient")["label"].first()
    label = label[label.index.isin(second["patient"])].to_numpy()
    apart = values[:, 0] - values[:, 1]
    of_class = [np.flatnonzero(label == value) for value in (0, 1)]
    groups = of_class if metric == "auc_roc" else [np.arange(len(apart))]
    means = np.mean([values[rows].mean(axis=0) for rows in groups], axis=0)
    samples = [apart[rows] for rows in groups]
    if networks:
        samples.append(training_values(first, metric) - training_values(second, metric))
    difference, (se, df) = means[0] - means[1], standard_error(samples)
    reach = t.ppf((1 + level) / 2, df) * se
    flipped = np.nan
    if metric != "auc_roc" and not networks:
        flipped = permutation_test(
            (apart,),
            np.mean,
            permutation_type="samples",
            vectorized=True,
            n_resamples=SIGN_FLIPS,
            rng=np.random.default_rng(0),
        ).pvalue
    return Compared(
        *map(float, (*means, difference, difference - reach, difference + reach)),
        *map(float, (2 * t.sf(abs(difference) / se, df), flipped, se, df)),
        up=int((apart > 0).sum()),
        down=int((apart < 0).sum()),
        patients=len(apart),
    )
