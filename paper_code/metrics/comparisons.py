"""Paired tests between networks that predicted the same images.

A difference is always the first network (the reference) minus the other: positive means that the
first is better.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata, t

from paper_code.errors import UserError
from paper_code.metrics.classification import (
    METRICS,
    check_metrics,
    check_predictions,
    weighted_metrics,
)
from paper_code.metrics.intervals import (
    Sample,
    check_level,
    percentile_interval,
    percentile_p_value,
    tells_spread,
)
from paper_code.metrics.power import mcnemar_p
from paper_code.metrics.resampling import bootstrap_values


def delong_p(y_true: np.ndarray, score_first: np.ndarray, score_second: np.ndarray) -> float:
    """p-value of DeLong's test of equal area under two ROC curves; assumes independent images.

    `y_true` is N labels of 0 and 1, the scores are N values of P(class 1). DeLong et al. (1988) by
    the mid-ranks of Sun and Xu (2014); neither scikit-learn, scipy nor statsmodels has it. NaN
    where a class has fewer than two images, 1 where the scores rank alike.
    """
    positive = np.asarray(y_true) == 1
    m, n = int(positive.sum()), int((~positive).sum())
    if min(m, n) < 2:
        return float("nan")
    above, below = [], []
    for score in (score_first, score_second):
        rank, inner = rankdata(score), np.empty(len(score))
        inner[positive], inner[~positive] = rankdata(score[positive]), rankdata(score[~positive])
        # Share of the other class that each image is on the right side of.
        above.append((rank - inner)[positive] / n)
        below.append(1 - (rank - inner)[~positive] / m)
    difference = above[0].mean() - above[1].mean()
    variance = np.var(above[0] - above[1], ddof=1) / m + np.var(below[0] - below[1], ddof=1) / n
    if variance == 0:
        return float(difference == 0)
    return float(2 * norm.sf(abs(difference) / np.sqrt(variance)))


def difference_bootstrap(
    first: Sequence[Sample],
    second: Sequence[Sample],
    metrics: Sequence[str] = METRICS,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    *,
    paired: bool = True,
) -> pd.DataFrame:
    """Difference of mean metrics between two sets of runs, over patients and runs.

    `first` and `second` hold one sample for each run: N class indices, N x K probabilities and the
    code of each image's patient, who may occur in many samples. A draw weighs a patient alike
    wherever they occur, so that networks on the same images are compared pair by pair, and networks
    on other images of the same patients as far as they share them.

    With one run on each side, the interval is that of percentiles and the p-value 1 less the level
    at which it would end at zero: they speak of these two trained networks on other patients. With
    more, the squared standard error is the variance over draws of patients plus that of the mean
    over the runs, and interval and p-value are Student's t with the degrees of freedom of Welch and
    Satterthwaite: they speak of other patients and other runs. With `paired`, the k-th run of
    either side has the same split and seed, so the spread is that of the runs' differences. An
    interval is NaN where a value is undefined, and where all resamples give the same difference.

    Returns metric, first and second (means over the runs), difference, low, high, p_value, se, df,
    se_patients, se_runs (NaN for one run on each side) and runs.
    """
    metrics, level = check_metrics(metrics), check_level(level)
    if paired and len(first) != len(second):
        raise UserError(f"Paired runs: {len(first)} on one side, {len(second)} on the other.")
    sides = []
    for samples in (first, second):
        checked = [(*check_predictions(y, prob), np.asarray(codes)) for y, prob, codes in samples]
        sides.append(checked)
    patients_of = np.unique(np.concatenate([codes for side in sides for _, _, codes in side]))
    sides = [
        [(y, prob, np.searchsorted(patients_of, codes)) for y, prob, codes in side]
        for side in sides
    ]
    patients = len(patients_of)
    if patients == 0:
        raise UserError("There is no image to compare the networks on.")

    def means(weights: np.ndarray) -> list[np.ndarray]:
        """R x M means over the runs of each side, for R x G weights of the patients."""
        return [
            np.mean([weighted_metrics(y, p, weights[:, codes], metrics) for y, p, codes in side], 0)
            for side in sides
        ]

    (first_mean,), (second_mean,) = means(np.ones((1, patients)))
    values = bootstrap_values(
        lambda weights: np.subtract(*means(weights)),
        np.arange(patients),
        resamples,
        seed,
        images=max(len(codes) for side in sides for _, _, codes in side),
    )
    table = pd.DataFrame({"metric": metrics, "first": first_mean, "second": second_mean})
    table["difference"] = first_mean - second_mean
    of_runs = [
        np.stack([weighted_metrics(y, p, np.ones((1, len(y))), metrics)[0] for y, p, _ in side])
        for side in sides
    ]
    # Variances of the mean over the runs with their degrees of freedom, by independent source.
    sources = [of_runs[0] - of_runs[1]] if paired else of_runs
    sources = sources if min(map(len, sources)) > 1 else []
    spreads = [(side.var(axis=0, ddof=1) / len(side), len(side) - 1) for side in sources]
    rows = [
        weigh_difference(
            table.loc[i, "difference"],
            values[:, i],
            patients,
            [(v[i], df) for v, df in spreads],
            level,
        )
        for i in range(len(metrics))
    ]
    table[list(rows[0])] = pd.DataFrame(rows)
    table["runs"] = min(map(len, of_runs))
    undefined = table["difference"].isna()
    table.loc[undefined, ["low", "high", "p_value", "se"]] = np.nan
    return table


def weigh_difference(
    difference: float,
    draws: np.ndarray,
    patients: int,
    of_runs: Sequence[tuple[float, float]] = (),
    level: float = 0.95,
) -> dict[str, float]:
    """Interval, p-value and standard error of a difference, over patients and runs.

    `draws` are R values of it, each on a draw of whole patients; `of_runs` the variance of the mean
    over the runs, with its degrees of freedom, of each source. With one run there is none, and the
    interval is that of percentiles. Returns low, high, p_value, se, df, se_patients and se_runs;
    NaN where the draws tell nothing.
    """
    found = dict.fromkeys(("low", "high", "p_value", "se", "df", "se_patients", "se_runs"), np.nan)
    if tells_spread(draws) and patients > 1:
        variance = float(np.nanvar(draws, ddof=1) * patients / (patients - 1))
    elif np.isnan(draws).all() or np.any(draws[~np.isnan(draws)]) or patients < 2:
        return found
    else:  # the same in every draw: no difference anywhere
        variance = 0.0
    se, df = welch_satterthwaite([(variance, patients - 1), *of_runs])
    found |= {"se": se, "df": df, "se_patients": float(np.sqrt(variance))}
    if not of_runs:
        low, high = percentile_interval(draws, patients, level)
        return found | {"low": low, "high": high, "p_value": percentile_p_value(draws, patients)}
    found["se_runs"] = float(np.sqrt(sum(variance for variance, _ in of_runs)))
    if se == 0:
        return found | {"p_value": 1.0 if difference == 0 else np.nan}
    reach = t.ppf((1 + level) / 2, df) * se
    return found | {
        "low": difference - reach,
        "high": difference + reach,
        "p_value": float(2 * t.sf(abs(difference) / se, df)),
    }


def welch_satterthwaite(parts: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Standard error and degrees of freedom of a sum from its (variance, degrees of freedom)."""
    parts = [(float(variance), df) for variance, df in parts if variance > 0]
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return 0.0, float("nan")
    return float(np.sqrt(total)), total**2 / sum(v**2 / df for v, df in parts)


def holm(p_values: Iterable[float]) -> np.ndarray:
    """Holm-adjusted p-values of one family; NaN stays NaN and is not counted in the family.

    Equal to statsmodels' multipletests (tested), which collects garbage at every call: 0.3 s here.
    """
    p_values = np.asarray(list(p_values), dtype=np.float64)
    adjusted = np.full(len(p_values), np.nan)
    order = np.argsort(p_values)[: np.count_nonzero(~np.isnan(p_values))]  # NaN sorts last
    steps = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.maximum.accumulate(steps).clip(max=1)
    return adjusted


def compare_samples(
    first: Sequence[Sample],
    second: Sequence[Sample],
    metrics: Sequence[str] = METRICS,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare two networks on the same images, one sample for each run, in one order.

    Columns metric, reference_value, value, difference, low, high, p_value, se, df, se_patients,
    se_runs, runs, test: those of `difference_bootstrap`, but with one run on each side and no
    patient with two images the p-value of accuracy is that of the exact McNemar test and of the
    two-class AUC DeLong's.
    """
    table = difference_bootstrap(first, second, metrics, resamples, level, seed)
    table = table.rename(columns={"first": "reference_value", "second": "value"})
    test = "paired bootstrap" if len(first) == 1 else "t over patients and runs"
    table = table.set_index("metric").assign(test=test)
    (y_true, prob_first, codes), (_, prob_second, _) = first[0], second[0]
    if len(first) == 1 and len(np.unique(codes)) == len(codes):
        if "accuracy" in table.index:
            right = [np.argmax(prob, axis=1) == y_true for prob in (prob_first, prob_second)]
            only = [(one & ~other).sum() for one, other in (right, right[::-1])]
            table.loc["accuracy", ["test", "p_value"]] = "exact McNemar", mcnemar_p(*only)
        if "auc_roc" in table.index and np.shape(prob_first)[1] == 2:
            scores = (np.asarray(prob)[:, 1] for prob in (prob_first, prob_second))
            table.loc["auc_roc", ["test", "p_value"]] = "DeLong", delong_p(y_true, *scores)
    return table.reset_index()
