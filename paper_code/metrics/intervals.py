"""Intervals for metrics, by a bootstrap that resamples patients.

The interval of a metric is BCa (Efron 1987), as the metrics are bounded and skewed near 1; that of
a difference is the percentile interval. Both have their normal quantiles widened to Student's t
for the number of patients (Hesterberg 2015). These choices kept the level best in simulations;
`docs/results/statistics.md` has the numbers. scipy.stats.bootstrap has both intervals without the
widening, but gives NaN as soon as one resample lacks a class, as happens with few patients.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm, t
from statsmodels.stats.proportion import proportion_confint

from paper_code.errors import UserError
from paper_code.metrics.classification import METRICS, check_predictions
from paper_code.metrics.resampling import (
    Statistic,
    bootstrap_values,
    check_metrics,
    group_codes,
    left_out_values,
    weighted_metrics,
)


def bootstrap_interval(
    y_true: np.ndarray,
    y_prob: np.ndarray,
    groups: Iterable | None = None,
    metrics: Sequence[str] = METRICS,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Value and interval of each metric: columns metric, value, low, high.

    `y_true` is N class indices, `y_prob` N x K probabilities, `groups` the patient of each image.
    Whole patients are drawn; an image without one (`groups` None, or the entry None, NaN or "")
    counts as a patient of its own. Resamples in which a metric is undefined are left out. An
    interval is NaN where the value is, where fewer than half of the resamples define it, and
    where all resamples agree (one patient only, or no image wrong): such data say nothing about
    spread, so see `accuracy_interval`. The seed decides the result.
    """
    y_true, y_prob = check_predictions(y_true, y_prob)
    metrics = check_metrics(metrics)
    codes = group_codes(groups, len(y_true))

    def statistic(weights: np.ndarray) -> np.ndarray:
        return weighted_metrics(y_true, y_prob, weights, metrics)

    return statistic_interval(statistic, metrics, codes, resamples, level, seed)


def statistic_interval(
    statistic: Statistic,
    names: Sequence[str],
    codes: np.ndarray,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """`bootstrap_interval` of any statistic.

    `statistic` maps R x N image weights to R x M values, called `names`; `codes` is the patient of
    each image (`group_codes`).
    """
    level = check_level(level)
    table = pd.DataFrame({"metric": list(names), "value": np.nan, "low": np.nan, "high": np.nan})
    if len(codes) == 0:
        return table
    table["value"] = statistic(np.ones((1, len(codes))))[0]
    values = bootstrap_values(statistic, codes, resamples, seed)
    left_out = left_out_values(statistic, codes)
    columns = zip(table["value"], values.T, left_out.T, strict=True)
    table[["low", "high"]] = [bca_interval(*column, level) for column in columns]
    return table


def accuracy_interval(
    y_true: np.ndarray, y_prob: np.ndarray, level: float = 0.95
) -> tuple[float, float]:
    """Exact (Clopper-Pearson) interval of accuracy; assumes independent images.

    Covers at least `level` for any number of images, also where all or none are right. Not for
    several images of one patient: their errors come together, so it would be too narrow.
    """
    y_true, y_prob = check_predictions(y_true, y_prob)
    alpha = 1 - check_level(level)
    if len(y_true) == 0:
        return float("nan"), float("nan")
    right = int((y_prob.argmax(axis=1) == y_true).sum())
    low, high = proportion_confint(right, len(y_true), alpha=alpha, method="beta")
    return float(low), float(high)


def check_level(level: float) -> float:
    """Return a confidence level between 0 and 1, or raise UserError."""
    if not 0 < level < 1:
        raise UserError(f"level must lie between 0 and 1, as 0.95 does; it is {level}.")
    return level


def bca_interval(
    estimate: float, values: np.ndarray, left_out: np.ndarray, level: float
) -> tuple[float, float]:
    """Interval of one metric from R resampled values and its G values less one patient each.

    NaN where the data say nothing about spread (see `bootstrap_interval`).
    """
    if np.isnan(estimate) or not tells_spread(values):
        return float("nan"), float("nan")
    patients = len(left_out)
    values, left_out = values[~np.isnan(values)], left_out[~np.isnan(left_out)]
    if len(left_out) < 2:
        return float("nan"), float("nan")
    share_below = np.mean(values < estimate) + np.mean(values == estimate) / 2
    edge = 1 / (len(values) + 1)
    bias = norm.ppf(np.clip(share_below, edge, 1 - edge))
    influence = left_out.mean() - left_out
    cubes, squares = (influence**3).sum(), (influence**2).sum()
    acceleration = cubes / (6 * squares**1.5) if squares > 0 else 0.0

    quantiles = widened_quantiles(level, patients)
    shifted = bias + quantiles
    stretch = 1 - acceleration * shifted
    # Beyond the pole of the BCa transform lies the end of the distribution.
    within = bias + shifted / np.where(stretch > 0, stretch, 1)
    position = np.where(stretch > 0, within, np.sign(quantiles) * np.inf)
    low, high = np.quantile(values, norm.cdf(position))
    return float(low), float(high)


def percentile_interval(values: np.ndarray, patients: int, level: float) -> tuple[float, float]:
    """Interval of one difference from its R resampled values; NaN as in `bca_interval`."""
    if not tells_spread(values):
        return float("nan"), float("nan")
    positions = norm.cdf(widened_quantiles(level, patients))
    low, high = np.nanquantile(values, positions)
    return float(low), float(high)


def percentile_p_value(values: np.ndarray, patients: int) -> float:
    """Two-sided p-value of "the difference is 0": 1 less the level whose interval ends at 0.

    Where no resample lies beyond 0 the level is too high for so few resamples to tell. Then the
    mean over the standard deviation of the resamples stands for the quantile, as in a t-test, so
    that a clear difference can survive a correction for many comparisons. 1 where every resample
    gives 0, else NaN as the interval is.
    """
    if not np.any(values):
        return 1.0
    if not tells_spread(values):
        return float("nan")
    values = values[~np.isnan(values)]
    on_far_side = min((values <= 0).sum(), (values >= 0).sum())
    quantile = norm.isf(min(0.5, (on_far_side + 1) / (len(values) + 1)))
    if on_far_side == 0:
        quantile = max(quantile, abs(values.mean()) / values.std(ddof=1))
    return float(2 * t.sf(quantile / _widening(patients), patients - 1))


def tells_spread(values: np.ndarray) -> bool:
    """Whether at least half of the resampled values are defined and they differ."""
    defined = values[~np.isnan(values)]
    return 2 * len(defined) >= len(values) and np.ptp(defined) > 0


def widened_quantiles(level: float, patients: int) -> np.ndarray:
    """Lower and upper quantile, on the normal scale, of an interval from so many patients."""
    tail = (1 - level) / 2
    return _widening(patients) * t.ppf([tail, 1 - tail], patients - 1)


def _widening(patients: int) -> float:
    return float(np.sqrt(patients / (patients - 1)))
