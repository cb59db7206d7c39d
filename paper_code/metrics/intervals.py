"""Intervals for metrics, by a bootstrap that resamples patients, and over several runs.

The interval of a metric is BCa (Efron 1987), as the metrics are bounded and skewed near 1; that of
a difference is the percentile interval. Both have their normal quantiles widened to Student's t
for the number of patients (Hesterberg 2015). These choices kept the level best in simulations;
`docs/results/statistics.md` has the coverage. scipy.stats.bootstrap has both intervals without the
widening, but gives NaN as soon as one resample lacks a class, as happens with few patients.

Of several runs (seeds, splits) the mean is taken. Its interval adds the spread between the runs to
that between patients, by the method of variance estimates recovery (Zou and Donner 2008), so it
speaks of other patients and of other runs.
"""

import functools
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm, t
from statsmodels.stats.proportion import proportion_confint

from paper_code.errors import UserError
from paper_code.metrics.classification import (
    METRICS,
    check_metrics,
    check_predictions,
    weighted_metrics,
)
from paper_code.metrics.resampling import (
    Statistic,
    bootstrap_values,
    group_codes,
    left_out_values,
)

# Class indices (N), probabilities (N x K) and patient codes (N) of one run's test images.
Sample = tuple[np.ndarray, np.ndarray, np.ndarray]


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
    counts as a patient of its own. Resamples in which a metric is undefined are left out. Where no
    resample differs because every image is right, the bound is that of `perfect_interval`. An
    interval is NaN where the value is, where fewer than half of the resamples define it, and where
    all resamples agree otherwise (one patient only). The seed decides the result.
    """
    y_true, y_prob = check_predictions(y_true, y_prob)
    sample = (y_true, y_prob, group_codes(groups, len(y_true)))
    return runs_interval([sample], metrics, resamples, level, seed).drop(
        columns=["spread", "run_values"]
    )


def runs_interval(
    samples: Sequence[Sample],
    metrics: Sequence[str] = METRICS,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Mean of each metric over the runs of one experiment, with an interval for other runs.

    `samples` holds, for each run, N class indices, N x K probabilities and the code of each image's
    patient; a patient has the same code in every run. Returns metric, value, low, high, spread (the
    standard deviation between the runs) and run_values (a tuple). With one run `spread` is NaN, and
    the interval speaks of this trained network alone.
    """
    metrics = check_metrics(metrics)
    checked = [(*check_predictions(y, p), np.asarray(codes)) for y, p, codes in samples]
    table = statistics_interval(
        [functools.partial(weighted_metrics, y, p, metrics=metrics) for y, p, _ in checked],
        metrics,
        [codes for _, _, codes in checked],
        resamples,
        level,
        seed,
    )
    for row in np.flatnonzero(table["low"].isna()):
        metric, value = table.loc[row, ["metric", "value"]]
        if value == 1 or (value == 0 and metric in ("accuracy", "sensitivity", "specificity")):
            low, high = perfect_interval(checked, metric, level)
            table.loc[row, ["low", "high"]] = (low, high) if value == 1 else (1 - high, 1 - low)
    return table


def statistics_interval(
    statistics: Sequence[Statistic],
    names: Sequence[str],
    codes: Sequence[np.ndarray],
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    images: int = 0,
) -> pd.DataFrame:
    """`runs_interval` of any statistic.

    Each of `statistics` maps R x N image weights of its run to R x M values, called `names`;
    `codes` is the patient of each image, for each run; `images` as in `bootstrap_values`.
    """
    level = check_level(level)
    columns = ["value", "low", "high", "spread"]
    table = pd.DataFrame({"metric": list(names)} | dict.fromkeys(columns, np.nan))
    table["run_values"] = [()] * len(table)
    if any(len(of_run) == 0 for of_run in codes):
        return table
    known, inverse = np.unique(np.concatenate(codes), return_inverse=True)
    codes = np.split(inverse, np.cumsum([len(of_run) for of_run in codes])[:-1])
    patients = np.arange(len(known))

    def mean(weights: np.ndarray) -> np.ndarray:
        """R x M means over the runs for R x G weights of the patients."""
        pairs = zip(statistics, codes, strict=True)
        return np.mean([statistic(weights[:, of_run]) for statistic, of_run in pairs], axis=0)

    of_runs = np.stack(
        [s(np.ones((1, len(c))))[0] for s, c in zip(statistics, codes, strict=True)]
    )  # runs x M
    table["value"] = of_runs.mean(axis=0)
    table["run_values"] = list(map(tuple, of_runs.T))
    images = max(images, *map(len, codes))
    values = bootstrap_values(mean, patients, resamples, seed, images)
    left_out = left_out_values(mean, patients, images)
    rows = zip(table["value"], values.T, left_out.T, strict=True)
    table[["low", "high"]] = [bca_interval(*row, level) for row in rows]
    if len(of_runs) > 1:
        table["spread"] = of_runs.std(axis=0, ddof=1)
        columns = (table[name] for name in ("value", "low", "high", "spread"))
        table["low"], table["high"] = widen_for_runs(*columns, len(of_runs), level)
        lowest = np.where(table["metric"] == "mcc", -1.0, 0.0)
        table["low"], table["high"] = table["low"].clip(lower=lowest), table["high"].clip(upper=1)
    return table


def widen_for_runs(value, low, high, spread, runs: int, level: float = 0.95):
    """The interval [low, high] of a mean over runs, widened by the error of the runs (arrays).

    The method of variance estimates recovery (Zou and Donner 2008): the distances of the ends from
    the value and Student's interval of the runs add in squares.
    """
    reach = t.ppf((1 + level) / 2, runs - 1) * spread / np.sqrt(runs)
    return value - np.hypot(value - low, reach), value + np.hypot(high - value, reach)


def perfect_interval(
    samples: Sequence[Sample], metric: str, level: float = 0.95
) -> tuple[float, float]:
    """Interval of a metric that is 1 because no image is wrong; a patient counts as one trial.

    Turned round, also that of a share that is 0.

    Clopper-Pearson for n right of n, so about 1 - 3.7 / n from below at 95 % (the two-sided "rule
    of three"): n is the number of patients for accuracy, else that of the rarer class, as a
    perfect recall is known no better than by its patients. Patients whose images all come out the
    same are the least favourable case, so the bound holds for any likeness within patients.
    """
    codes = np.concatenate([codes for _, _, codes in samples])
    labels = np.concatenate([y for y, _, _ in samples])
    patients = len(np.unique(codes))
    if metric not in ("accuracy", "f1_weighted"):
        patients = min(len(np.unique(codes[labels == c])) for c in np.unique(labels))
    low, _ = proportion_confint(patients, patients, alpha=1 - check_level(level), method="beta")
    return float(low), 1.0


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
