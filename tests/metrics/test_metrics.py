"""Metrics, intervals and tests against scikit-learn, imbalanced-learn, scipy and statsmodels."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.metrics import geometric_mean_score, make_index_balanced_accuracy
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    matthews_corrcoef,
    multilabel_confusion_matrix,
    roc_auc_score,
)
from statsmodels.stats.multitest import multipletests

from paper_code.errors import UserError
from paper_code.metrics import (
    METRICS,
    bootstrap_interval,
    classification_metrics,
    compare_samples,
    resampling,
    runs_interval,
)
from paper_code.metrics.calibration import expected_calibration_error, weighted_calibration
from paper_code.metrics.classification import weighted_metrics
from paper_code.metrics.comparisons import delong_p, difference_bootstrap, holm
from paper_code.metrics.resampling import group_codes

NAN = float("nan")


@st.composite
def predictions(draw, min_size=0, max_size=25):
    """Labels of 2 to 4 classes, often degenerate, and coarse probabilities with many ties."""
    k = draw(st.integers(2, 4))
    n = draw(st.integers(min_size, max_size))
    present = draw(st.lists(st.integers(0, k - 1), min_size=1, unique=True))
    labels = draw(st.lists(st.sampled_from(present), min_size=n, max_size=n))
    row = st.lists(st.integers(0, 4), min_size=k, max_size=k)
    scores = draw(st.lists(row, min_size=n, max_size=n))
    return np.array(labels, dtype=int), np.array(scores, dtype=float).reshape(n, k) / 4


def make(rng, patients=40, per_patient=1, shift=1.0, between=0.0, num_classes=2):
    """Patients of one class each, whose images share a deviation; probabilities follow a margin."""
    y = np.repeat(rng.integers(num_classes, size=patients), per_patient)
    groups = np.repeat(np.arange(patients), per_patient)
    logits = shift * np.eye(num_classes)[y] * 2 + rng.normal(size=(len(y), num_classes))
    logits += between * rng.normal(size=(patients, num_classes))[groups]
    p = np.exp(logits)
    return y, p / p.sum(axis=1, keepdims=True), groups


@settings(max_examples=60, deadline=None)
@given(predictions(min_size=1), st.integers(0, 2**32 - 1))
def test_weighted_metrics_are_those_of_repeated_images(case, seed):
    y, p = case
    weights = np.random.default_rng(seed).integers(0, 4, size=(3, len(y)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = weighted_metrics(y, p, weights.astype(float))
    for row, values in zip(weights, found, strict=True):
        expected = classification_metrics(np.repeat(y, row), np.repeat(p, row, axis=0))
        assert dict(zip(METRICS, values, strict=True)) == pytest.approx(
            expected, abs=1e-12, nan_ok=True
        )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("num_classes", [2, 3, 4])
def test_metrics_are_those_of_scikit_learn_and_imbalanced_learn(num_classes, seed):
    y, p, _ = make(np.random.default_rng(seed), patients=80, num_classes=num_classes)
    p = np.round(p, 1) if seed else p  # with ties
    y_pred = p.argmax(axis=1)
    two = num_classes == 2
    tn, fp, fn, tp = multilabel_confusion_matrix(y, y_pred).reshape(-1, 4)[int(two) :].T
    iba = make_index_balanced_accuracy(alpha=0.1, squared=True)(geometric_mean_score)
    aucs = [roc_auc_score(y == c, p[:, c]) for c in range(num_classes)]
    expected = {
        "accuracy": accuracy_score(y, y_pred),
        "f1_macro": f1_score(y, y_pred, average="macro"),
        "f1_weighted": f1_score(y, y_pred, average="weighted"),
        "f1_binary": f1_score(y, y_pred) if two else NAN,
        "iba": iba(y, y_pred, average="binary" if two else "multiclass"),
        "gmean": geometric_mean_score(y, y_pred),
        "auc_roc": aucs[1] if two else np.mean(aucs),
        "sensitivity": (tp / (tp + fn)).mean(),
        "specificity": (tn / (tn + fp)).mean(),
        "ppv": (tp / (tp + fp)).mean(),
        "npv": (tn / (tn + fn)).mean(),
        "mcc": matthews_corrcoef(y, y_pred),
        "balanced_accuracy": balanced_accuracy_score(y, y_pred),
    }
    found = classification_metrics(y, p)
    assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


def nan_names(y, p) -> set[str]:
    return {name for name, value in classification_metrics(y, p).items() if math.isnan(value)}


def test_degenerate_predictions_are_as_documented():
    both, benign = np.array([0, 0, 1]), np.array([0, 0, 0])
    all_malignant = np.tile([0.2, 0.8], (3, 1))
    recalls = {"iba", "gmean", "auc_roc", "sensitivity", "balanced_accuracy", "mcc"}
    assert nan_names(both, all_malignant) == {"npv"}
    assert classification_metrics(both, all_malignant)["mcc"] == 0
    assert nan_names(benign, all_malignant) == recalls | {"npv"}
    assert nan_names(benign, 1 - all_malignant) == recalls | {"f1_macro", "f1_binary", "ppv"}
    assert nan_names(benign[:0], all_malignant[:0]) == set(METRICS)
    never_third = np.array([[0.5, 0.3, 0.2], [0.1, 0.7, 0.2], [0.6, 0.2, 0.2]])
    assert nan_names(np.array([0, 1, 2]), never_third) == {"f1_binary", "ppv"}


@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        ([0, 1], [0.2, 0.9], "must be N x K"),
        ([0, 1], [[0.2], [0.9]], "must be N x K"),
        ([0, 1, 1], [[0.2, 0.8], [0.1, 0.9]], "one class index for each of the 2 rows"),
        ([0.0, 1.0], [[0.2, 0.8], [0.1, 0.9]], "integer class indices"),
        ([0, 2], [[0.2, 0.8], [0.1, 0.9]], "labels 0 to 2"),
        ([-1, 1], [[0.2, 0.8], [0.1, 0.9]], "labels -1 to 1"),
        ([0, 1], [[0.2, 0.8], [NAN, 0.9]], "row 1 is"),
        ([0, 1], [[-3.0, 2.0], [0.1, 0.9]], "row 0 is"),
    ],
)
def test_wrong_predictions_are_named(y, p, message):
    with pytest.raises(UserError, match=message):
        classification_metrics(np.array(y), np.array(p))


# --- patients and intervals


def test_images_without_a_patient_are_their_own():
    assert group_codes(None, 3).tolist() == [0, 1, 2]
    assert group_codes(["a", "", None, NAN, "a", "b", ""], 7).tolist() == [0, 1, 2, 3, 0, 4, 5]
    assert group_codes(pd.Series([7, 7, 8], index=[5, 6, 7]), 3).tolist() == [0, 0, 1]
    with pytest.raises(UserError, match="2 for 3 images"):
        group_codes(["a", "b"], 3)


def test_whole_patients_are_drawn():
    """Copies of a patient's only image change nothing, but do if they count as more patients."""
    y, p, groups = make(np.random.default_rng(1), patients=60, shift=0.5)
    once = bootstrap_interval(y, p, groups)
    y3, p3, groups3 = np.repeat(y, 3), np.repeat(p, 3, axis=0), np.repeat(groups, 3)
    pd.testing.assert_frame_equal(bootstrap_interval(y3, p3, groups3), once)
    width, narrow = (table["high"] - table["low"] for table in (once, bootstrap_interval(y3, p3)))
    assert (narrow < 0.75 * width).all()


def test_interval_depends_on_the_seed_alone(monkeypatch):
    y, p, groups = make(np.random.default_rng(2), per_patient=3, num_classes=3)
    table = bootstrap_interval(y, p, groups, resamples=100)
    assert table["metric"].tolist() == list(METRICS)
    values = classification_metrics(y, p)
    assert dict(zip(table["metric"], table["value"], strict=True)) == pytest.approx(
        values, nan_ok=True
    )
    monkeypatch.setattr(resampling, "_CHUNK", 1000)
    pd.testing.assert_frame_equal(bootstrap_interval(y, p, groups, resamples=100), table)
    other = bootstrap_interval(y, p, groups, resamples=100, seed=1)
    assert not other["low"].equals(table["low"])


def test_interval_is_that_of_scipy_for_many_images():
    y, p, _ = make(np.random.default_rng(3), patients=800)
    right = (p.argmax(axis=1) == y).astype(float)
    expected = stats.bootstrap(
        (right,), np.mean, method="BCa", n_resamples=4000, rng=np.random.default_rng(0)
    ).confidence_interval
    row = bootstrap_interval(y, p, metrics=["accuracy"], resamples=4000).iloc[0]
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected), abs=0.003)


def test_a_perfect_value_has_the_exact_bound_of_its_patients():
    """12 patients of 5 images, 4 of them benign: 12 trials for accuracy, 4 for what needs both."""
    codes = np.repeat(np.arange(12), 5)
    y = (codes >= 4).astype(int)
    right = np.where(y[:, None] == [0, 1], 0.9, 0.1)
    table = bootstrap_interval(y, right, codes).set_index("metric")
    exact = {n: stats.binomtest(n, n).proportion_ci(0.95, method="exact").low for n in (4, 12)}
    assert (table["value"] == 1).all() and (table["high"] == 1).all()
    assert table.loc["accuracy", "low"] == pytest.approx(exact[12])
    for metric in ("gmean", "sensitivity", "auc_roc", "mcc", "balanced_accuracy"):
        assert table.loc[metric, "low"] == pytest.approx(exact[4])
    wrong = bootstrap_interval(y, right[:, ::-1], codes).set_index("metric").loc["accuracy"]
    assert (wrong["low"], wrong["high"]) == pytest.approx((0, 1 - exact[12]))


def test_no_interval_without_spread():
    y, right = np.array([0, 1, 0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]] * 2)
    one_patient = bootstrap_interval(y, right[[0, 0, 0, 1]], ["a"] * 4)
    perfect = one_patient["value"] == 1  # specificity and PPV: one trial
    assert one_patient.loc[~perfect, ["low", "high"]].isna().all(axis=None)
    assert one_patient.loc[perfect, "low"].tolist() == pytest.approx([0.025, 0.025])
    assert bootstrap_interval(y[:0], right[:0]).drop(columns="metric").isna().all(axis=None)


# --- several runs


def several(rng, runs, spread, patients=60, per=4, shift=0.9):
    """Samples of runs on the same images, whose margins differ by a deviation between runs."""
    codes = np.repeat(np.arange(patients), per)
    y = (rng.random(patients) < 0.5).astype(int)[codes]
    shared = rng.normal(0, 0.5, patients)[codes] + rng.normal(0, 0.8, len(codes))
    found = []
    for _ in range(runs):
        margin = shift + rng.normal(0, spread) + shared + rng.normal(0, 0.3, len(codes))
        p = 1 / (1 + np.exp(-(2 * y - 1) * margin))
        found.append((y, np.stack([1 - p, p], 1), codes))
    return found


def test_an_interval_over_runs_has_both_sources():
    """The same run thrice is as certain as once; runs that differ are less so."""
    samples = several(np.random.default_rng(1), 3, 0.6)
    once = bootstrap_interval(*samples[0], ["accuracy"]).iloc[0]
    thrice = runs_interval([samples[0]] * 3, ["accuracy"]).iloc[0]
    assert (thrice["low"], thrice["high"]) == pytest.approx((once["low"], once["high"]))
    assert thrice["spread"] == pytest.approx(0)
    apart = runs_interval(samples, ["accuracy"]).iloc[0]
    assert apart["high"] - apart["low"] > 1.3 * (once["high"] - once["low"])
    assert apart["value"] == pytest.approx(np.mean(apart["run_values"]))
    assert apart["spread"] == pytest.approx(np.std(apart["run_values"], ddof=1))
    assert np.isnan(runs_interval(samples[:1], ["accuracy"]).iloc[0]["spread"])


def test_intervals_over_runs_cover_the_truth_of_other_runs():
    rng = np.random.default_rng(2)
    many = several(rng, 40, 0.4, patients=4000)
    truth = np.mean([classification_metrics(y, p)["accuracy"] for y, p, _ in many])
    covered = 0
    for seed in range(100):
        row = runs_interval(several(rng, 5, 0.4), ["accuracy"], 200, seed=seed).iloc[0]
        covered += row["low"] <= truth <= row["high"]
    assert covered >= 91


def test_a_difference_over_runs_names_its_parts():
    first = several(np.random.default_rng(4), 5, 0.4)
    second = several(np.random.default_rng(4), 5, 0.0)
    row = difference_bootstrap(first, second, ["accuracy"], 400).iloc[0]
    assert row["se"] == pytest.approx(np.hypot(row["se_patients"], row["se_runs"]))
    assert 4 <= row["df"] <= 59 and row["runs"] == 5
    of_runs = [
        np.array([classification_metrics(y, p)["accuracy"] for y, p, _ in side])
        for side in (first, second)
    ]
    paired = np.subtract(*of_runs).std(ddof=1) / np.sqrt(5)
    assert row["se_runs"] == pytest.approx(paired)
    apart = difference_bootstrap(first, second, ["accuracy"], 400, paired=False).iloc[0]
    assert apart["se_runs"] == pytest.approx(np.sqrt(sum(side.var(ddof=1) / 5 for side in of_runs)))
    with pytest.raises(UserError, match="5 on one side, 4 on the other"):
        difference_bootstrap(first, second[:4])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metrics": ["accuracy", "f1"]}, r"got \['accuracy', 'f1'\]"),
        ({"metrics": "accuracy"}, "must be a list of names"),
        ({"level": 95}, "level must lie between 0 and 1"),
        ({"resamples": 0}, "resamples must be at least 1"),
    ],
)
def test_wrong_interval_arguments_are_named(arguments, message):
    y, p, _ = make(np.random.default_rng(6))
    with pytest.raises(UserError, match=message):
        bootstrap_interval(y, p, **arguments)


# --- comparisons


def two_networks(rng, patients=40, per_patient=1, better=0.0, noise=0.7):
    """Two networks that share what they see of an image; the first may see `better`."""
    y, _, groups = make(rng, patients, per_patient)
    shared = rng.normal(size=len(y))
    own = rng.normal(size=(2, patients))[:, groups] + rng.normal(size=(2, len(y)))
    margins = (2 * y - 1) * (1 + np.array([[better], [0.0]])) + shared + noise * own
    malignant = 1 / (1 + np.exp(-2 * margins))
    first, second = np.stack([1 - malignant, malignant], axis=2)
    return y, first, second, groups


def test_delong_with_ties_by_pairs():
    """Variance by the published definition: the covariance of the two structural components."""
    rng = np.random.default_rng(10)
    y = np.array([1] * 12 + [0] * 15)
    a, b = (y + rng.integers(0, 4, size=(2, 27))).astype(float)
    components = []
    for score in (a, b):
        inside, outside = score[y == 1][:, None], score[y == 0][None]
        wins = (inside > outside) + (inside == outside) / 2
        components.append((wins.mean(axis=1), wins.mean(axis=0)))
    (v10_a, v01_a), (v10_b, v01_b) = components
    contrast = np.array([1, -1])
    s10, s01 = np.cov([v10_a, v10_b]), np.cov([v01_a, v01_b])
    expected = np.sqrt(contrast @ (s10 / 12 + s01 / 15) @ contrast)
    difference = roc_auc_score(y, a) - roc_auc_score(y, b)
    assert delong_p(y, a, b) == pytest.approx(2 * stats.norm.sf(abs(difference) / expected))


def test_delong_without_enough_images():
    score = np.array([0.1, 0.5, 0.3])
    for labels in ([0, 0, 0], [1, 0, 0]):
        assert math.isnan(delong_p(np.array(labels), score, 1 - score))


def test_holm_is_that_of_statsmodels():
    rng = np.random.default_rng(0)
    for size in (1, 2, 7, 40):
        p_values = rng.uniform(size=size) ** 3
        p_values[: size // 3] = p_values[-1]  # ties
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def compared(y, first, second, groups=None, *arguments, **options) -> pd.DataFrame:
    """`compare_samples` of one run of either network."""
    codes = group_codes(groups, len(y))
    return compare_samples([(y, first, codes)], [(y, second, codes)], *arguments, **options)


def test_p_value_and_interval_of_a_difference_agree():
    rng = np.random.default_rng(11)
    for _ in range(20):
        y, first, second, groups = two_networks(rng, 25, 4, better=rng.uniform(0, 1))
        codes = group_codes(groups, len(y))
        sides = [[(y, p, codes)] for p in (first, second)]
        table = difference_bootstrap(*sides, resamples=400)
        assert table["difference"].to_numpy() == pytest.approx(
            (table["first"] - table["second"]).to_numpy()
        )
        clear = table[(table["p_value"] - 0.05).abs() > 0.01]
        excludes = (clear["low"] > 0) | (clear["high"] < 0)
        assert (excludes == (clear["p_value"] < 0.05)).all()


def test_the_test_depends_on_metric_and_patients():
    rng = np.random.default_rng(13)
    y, first, second, _ = two_networks(rng, 200, better=1.0)
    metrics = ["accuracy", "auc_roc", "mcc"]
    table = compared(y, first, second, None, metrics, resamples=200).set_index("metric")
    assert table["test"].tolist() == ["exact McNemar", "DeLong", "paired bootstrap"]
    assert (table["difference"] > 0).all() and (table["p_value"] < 0.05).all()
    assert (compared(y, first, first, None, metrics, resamples=200)["p_value"] == 1).all()
    clustered = compared(y, first, second, np.arange(200) // 2, ["accuracy", "auc_roc"])
    assert set(clustered["test"]) == {"paired bootstrap"}


# --- calibration


def test_the_expected_calibration_error_is_the_mean_gap_of_scikit_learn_s_curve():
    y, p, _ = make(np.random.default_rng(16), patients=300, num_classes=4)
    right, confidence = p.argmax(axis=1) == y, p.max(axis=1)
    accuracy, mean = calibration_curve(right, confidence, n_bins=10)
    counts = np.histogram(confidence, np.linspace(0, 1, 11))[0]
    gaps = np.abs(accuracy - mean) * counts[counts > 0]
    assert expected_calibration_error(y, p, bins=10) == pytest.approx(gaps.sum() / len(y))


@pytest.mark.parametrize("num_classes", [2, 4])
def test_calibration_under_weights(num_classes):
    y, p, _ = make(np.random.default_rng(3), patients=80, num_classes=num_classes)
    times = np.random.default_rng(4).integers(0, 3, size=(5, len(y)))
    values = weighted_calibration(y, p, times.astype(float))
    for weights, (ece, brier) in zip(times, values, strict=True):
        again = np.repeat(np.arange(len(y)), weights)
        assert ece == pytest.approx(expected_calibration_error(y[again], p[again]))
        target = p[:, 1] if num_classes == 2 else p
        assert brier == pytest.approx(brier_score_loss(y[again], target[again]))
