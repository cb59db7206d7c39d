"""Design effects against statsmodels and simulation; intervals against their definitions."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from paper_code.errors import UserError
from paper_code.metrics.clusters import (
    DesignEffect,
    design_effects,
    proportion_interval,
    ratio_interval,
)
from paper_code.metrics.resampling import left_out_values


def design_effect(right, codes) -> DesignEffect:
    weights = np.ones((1, len(codes)))
    return DesignEffect(
        *map(float, design_effects(np.asarray(right, float)[None], codes, weights)[0])
    )


def patients(rng, sizes, correlation, accuracy=0.9):
    """0/1 of images whose patients have beta-distributed accuracies, and their codes."""
    if correlation:
        total = 1 / correlation - 1
        means = rng.beta(accuracy * total, (1 - accuracy) * total, len(sizes))
    else:
        means = np.full(len(sizes), accuracy)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    return (rng.random(len(codes)) < means[codes]).astype(float), codes


def test_the_error_over_patients_is_the_cluster_robust_one_of_statsmodels():
    rng = np.random.default_rng(0)
    right, codes = patients(rng, rng.integers(2, 40, 30), 0.3)
    found = design_effect(right, codes)
    model = sm.OLS(right, np.ones(len(right)))
    robust = model.fit(cov_type="cluster", cov_kwds={"groups": codes}).bse[0]
    size = len(right)
    assert found.error_patients == pytest.approx(robust, rel=1e-9)
    assert found.accuracy == right.mean()
    assert found.error_images == pytest.approx(np.sqrt(right.var() / size))
    assert found.effective_images == pytest.approx(size / found.effect)


@pytest.mark.parametrize("correlation", [0.0, 0.3])
def test_the_effect_is_that_of_the_formula_on_average(correlation):
    rng = np.random.default_rng(2)
    sizes = np.full(60, 20)
    found = np.array([design_effect(*patients(rng, sizes, correlation)) for _ in range(300)])
    expected = 1 + 19 * correlation
    place = DesignEffect._fields.index("effect")
    assert found[:, place].mean() == pytest.approx(expected, rel=0.08)
    place = DesignEffect._fields.index("correlation")
    assert found[:, place].mean() == pytest.approx(correlation, abs=0.03)


def test_a_drawn_patient_counts_as_often_as_drawn():
    rng = np.random.default_rng(3)
    right, codes = patients(rng, rng.integers(3, 9, 12), 0.4, 0.7)
    drawn = rng.integers(0, 12, 12)
    counts = np.bincount(drawn, minlength=12)
    pieces = [np.flatnonzero(codes == patient) for patient in drawn]
    again = np.concatenate(pieces)
    labels = np.repeat(np.arange(12), [len(piece) for piece in pieces])
    (weighted,) = design_effects(right[None], codes, counts[codes][None].astype(float))
    assert weighted == pytest.approx(design_effect(right[again], labels))


def test_what_cannot_be_told_is_nan():
    all_right = design_effect(np.ones(6), np.repeat([0, 1, 2], 2))
    assert all_right.accuracy == 1 and np.isnan(all_right.effect)
    assert np.isnan(design_effect(np.array([1.0, 0.0]), np.zeros(2, int)).effect)


def test_the_coverage_of_the_interval_of_a_design_effect():
    """70 patients of 10 to 40 images, correlation 0.45: the share that the docstring gives."""
    rng = np.random.default_rng(5)
    sizes = np.repeat([10, 20, 30, 40], [18, 18, 17, 17])
    codes, place = np.repeat(np.arange(70), sizes), DesignEffect._fields.index("effect")
    drawn = [patients(rng, sizes, 0.45, 0.88)[0] for _ in range(1500)]
    truth = np.mean([design_effect(right, codes).effect for right in drawn])
    covered = 0
    for right in drawn[:400]:
        left_out = left_out_values(
            lambda weights, right=right: design_effects(right[None], codes, weights)[:, [place]],
            codes,
        )
        low, high = ratio_interval(design_effect(right, codes).effect, left_out[:, 0])
        covered += low <= truth <= high
    assert covered / 400 == pytest.approx(0.91, abs=0.03)


def test_a_ratio_that_cannot_be_told_has_no_interval():
    assert np.isnan(ratio_interval(float("nan"), np.ones(5))).all()
    assert np.isnan(ratio_interval(2.0, np.array([2.0, np.nan]))).all()
    assert ratio_interval(2.0, np.full(5, 2.0)) == (2.0, 2.0)


def test_independent_images_have_the_clopper_pearson_interval():
    low, high = proportion_interval(590 / 599, 599)
    assert (low, high) == pytest.approx(stats.binomtest(590, 599).proportion_ci(0.95, "exact"))
    low, high = proportion_interval(1.0, 30)
    assert high == 1 and low == pytest.approx(0.025 ** (1 / 30))


def test_the_interval_with_clusters_is_that_of_korn_and_graubard():
    low, high = proportion_interval(0.95, 600, 40, 21)
    size = 40 * (stats.t.ppf(0.975, 599) / stats.t.ppf(0.975, 20)) ** 2
    right = 0.95 * size
    assert low == pytest.approx(stats.beta.ppf(0.025, right, size - right + 1))
    assert high == pytest.approx(stats.beta.ppf(0.975, right + 1, size - right))
    with pytest.raises(UserError, match="two or more"):
        proportion_interval(0.95, 600, 40, 1)
    with pytest.raises(UserError, match="between 0 and 1"):
        proportion_interval(1.2, 600)
