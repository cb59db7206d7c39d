"""Differences between two conditions of the same patients: mean, interval, two tests."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import permutation_test, t, ttest_1samp

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
    column = {
        "log_loss": rows["log_loss"] / rows["images"],
        "accuracy": rows["correct"] / rows["images"],
        "auc_roc": rows["auc"],
    }[metric]
    return column.groupby(rows["patient"]).mean()


def compare(
    first: pd.DataFrame, second: pd.DataFrame, metric: str, level: float = 0.95
) -> Compared:
    """Compare two sets of rows of `by_patient`, of the same patients, in one of `METRICS`.

    A patient is the unit, its own control, and its value the mean over its repeats of the mean over
    its images; all patients weigh the same. Log loss and accuracy: t interval and t test of the
    patients' differences, and a sign-flip test. AUC: the mean of the two classes' mean placements
    (`by_patient`); the variance of the difference is the sum of those of the two classes' means
    (DeLong et al. 1988, with patients in place of images as in Obuchowski 1997), the degrees of
    freedom are Welch's.
    """
    values = pd.concat(
        [patient_values(first, metric), patient_values(second, metric)], axis=1, join="inner"
    ).to_numpy()
    label = first.groupby("patient")["label"].first()
    label = label[label.index.isin(second["patient"])].to_numpy()
    apart = values[:, 0] - values[:, 1]
    if metric == "auc_roc":
        of_class = [np.flatnonzero(label == value) for value in (0, 1)]
        means = np.mean([values[rows].mean(axis=0) for rows in of_class], axis=0)
        spreads = [(apart[rows].var(ddof=1) / len(rows), len(rows) - 1) for rows in of_class]
        difference, (se, df) = means[0] - means[1], welch_satterthwaite(spreads)
        reach = t.ppf((1 + level) / 2, df) * se
        low, high = difference - reach, difference + reach
        p_value, flipped = 2 * t.sf(abs(difference) / se, df), np.nan
    else:
        means, difference = values.mean(axis=0), apart.mean()
        tested = ttest_1samp(apart, 0)
        low, high = tested.confidence_interval(level)
        p_value, se, df = tested.pvalue, apart.std(ddof=1) / np.sqrt(len(apart)), len(apart) - 1
        flipped = permutation_test(
            (apart,),
            np.mean,
            permutation_type="samples",
            vectorized=True,
            n_resamples=SIGN_FLIPS,
            rng=np.random.default_rng(0),
        ).pvalue
    return Compared(
        *map(float, (*means, difference, low, high, p_value, flipped, se, df)),
        up=int((apart > 0).sum()),
        down=int((apart < 0).sum()),
        patients=len(apart),
    )
