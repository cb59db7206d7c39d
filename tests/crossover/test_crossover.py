"""The crossover: who is trained on and tested, sums by patient, comparisons, tables."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import breakhis_path, run, save_noise
from scipy import stats
from sklearn.metrics import log_loss, roc_auc_score
from statsmodels.stats.multitest import multipletests

from paper_code.crossover import design, runs
from paper_code.crossover.compare import METRICS, compare
from paper_code.crossover.design import ARMS, draw_repeat
from paper_code.crossover.patients import COLUMNS, IMAGE_COLUMNS, by_image, by_patient
from paper_code.crossover.sample import Sample, read_sample
from paper_code.errors import UserError
from paper_code.metrics.comparisons import delong_p
from paper_code.reporting.tables import crossover, gate_crossover

# Images of each patient: eight benign, twelve malignant, very different, one with a single image.
SIZES = {0: (72, 57, 23, 21, 16, 11, 10, 1), 1: (29, 23, 20, 19, 17, 16, 12, 12, 9, 6, 4, 2)}


def table_of(sizes=SIZES) -> pd.DataFrame:
    rows = [
        {"image": f"{label}-{number}-{i}.png", "label": label, "patient": f"{label}-{number}"}
        for label, counts in sizes.items()
        for number, count in enumerate(counts)
        for i in range(count)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0, ignore_index=True)


TABLE = table_of()


def draw(repeat, seed=0, table=TABLE, among=None):
    return draw_repeat(table["label"], table["patient"], seed, repeat, among)


# Who is trained on and who is tested


@pytest.mark.parametrize("number", range(12))
def test_a_repeat_is_a_crossover(number):
    """Both arms train on as much of each class; a test patient is known to one arm alone, by half
    of its images or fewer; groups are as large; the number and the seed decide."""
    found, sizes = draw(number), TABLE["patient"].value_counts()
    counts = [
        TABLE.loc[found.train[arm]].groupby("label")["patient"].agg(["size", "nunique"])
        for arm in ARMS
    ]
    assert counts[0].equals(counts[1])
    assert (found.known["A"] != found.known["B"]).all()
    tested = TABLE.loc[found.test, "patient"].to_numpy()
    for arm in ARMS:
        taught = set(TABLE.loc[found.train[arm], "patient"])
        assert set(tested[found.known[arm]]) <= taught
        assert not set(tested[~found.known[arm]]) & taught
        assert not set(found.test) & set(found.train[arm])
    for patient, images in pd.Series(tested).value_counts().items():
        assert images == sizes[patient] - sizes[patient] // 2
        taught = [(TABLE.loc[found.train[arm], "patient"] == patient).sum() for arm in ARMS]
        assert min(taught) == 0 and 1 <= max(taught) <= sizes[patient] // 2
    groups = TABLE.loc[found.test].assign(known=found.known["A"]).groupby(["label", "known"])
    assert groups["patient"].nunique().to_dict() == {
        **{(0, False): 2, (0, True): 2},
        **{(1, False): 3, (1, True): 3},
    }
    assert np.array_equal(found.test, draw(number).test)
    assert not np.array_equal(found.test, draw(number, seed=1).test)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(UserError, match="Class '0' has 1 patients of two images or more"):
        draw(0, table=table_of({0: (5, 1, 1), 1: (4, 4, 4)}))
    with pytest.raises(UserError, match="one more to train on"):
        draw(0, table=table_of({0: (5, 5), 1: (4, 4, 4)}))
    with pytest.raises(UserError, match="'1-0' has images of two classes"):
        draw(0, table=TABLE.assign(label=(TABLE["image"] == "1-0-0.png").astype(int)))


# Sums by patient


def margins_of(found, shift=0.0, seed=0):
    rng, side = np.random.default_rng(seed), 2 * TABLE.loc[found.test, "label"].to_numpy() - 1
    return {
        arm: side * (1 + shift * known) + rng.normal(0, 2, len(side))
        for arm, known in found.known.items()
    }


def rows_of(repeats=6, shift=0.0, network="efficientnet_lite0", seed=0, training="frozen"):
    sample = Sample("breakhis_100x", TABLE, np.empty(0), ())
    parts = []
    for number in range(repeats):
        found = draw(number)
        images = by_image(sample, found, network, margins_of(found, shift, seed + number))
        keys = {"dataset": sample.name, "training": training, "seed": 0, "repeat": number}
        parts.append(by_patient(images, **keys))
    return pd.concat(parts, ignore_index=True)


def test_sums_by_patient_against_plain_code():
    found = draw(2)
    margins = margins_of(found)
    sample = Sample("breakhis_100x", TABLE, np.empty(0), ())
    images = by_image(sample, found, "efficientnet_lite0", margins)
    assert list(images) == IMAGE_COLUMNS and len(images) == 2 * len(found.test)
    rows = by_patient(images, dataset="d", training="frozen", seed=0, repeat=2)
    assert list(rows) == COLUMNS
    assert len(rows) == 2 * TABLE.loc[found.test, "patient"].nunique()
    tested = TABLE.loc[found.test].reset_index(drop=True)
    for _, row in rows.iterrows():
        own = (tested["patient"] == row["patient"]).to_numpy()
        margin, known = margins[row["arm"]], found.known[row["arm"]]
        assert row["images"] == own.sum() and row["known"] == known[own][0]
        assert row["correct"] == ((margin[own] > 0) == row["label"]).sum()
        p = 1 / (1 + np.exp(-margin[own]))
        expected = log_loss([row["label"]] * own.sum(), p, labels=[0, 1], normalize=False)
        assert row["log_loss"] == pytest.approx(expected, abs=1e-3)
        # Against each patient of the other class, as known as this one, all alike.
        shares = []
        others = (tested["label"] != row["label"]).to_numpy() & (known == row["known"])
        for other in set(tested["patient"][others]):
            theirs = margin[(tested["patient"] == other).to_numpy()]
            pairs = itertools.product(margin[own], theirs)
            shares.append(np.mean([(a > b) == (row["label"] == 1) for a, b in pairs]))
        assert row["auc"] == pytest.approx(np.mean(shares), abs=1e-4)


# Comparisons


def plain_values(rows, value):
    """Mean over repeats of each patient's mean, by loops."""
    found = {}
    for patient in sorted(set(rows["patient"])):
        own = rows[rows["patient"] == patient]
        found[patient] = np.mean([value(row) for _, row in own.iterrows()])
    return pd.Series(found)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("accuracy", lambda row: row["correct"] / row["images"]),
        ("log_loss", lambda row: row["log_loss"] / row["images"]),
    ],
)
def test_the_t_test_over_patients_is_that_of_scipy(metric, value):
    rows = rows_of(shift=0.5)
    known, unknown = rows[rows["known"] == 1], rows[rows["known"] == 0]
    found = compare(known, unknown, metric)
    first, second = plain_values(known, value), plain_values(unknown, value)
    expected = stats.ttest_rel(first, second)
    assert (found.first, found.second) == pytest.approx((first.mean(), second.mean()))
    assert found.difference == pytest.approx((first - second).mean())
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.up, found.down) == ((first > second).sum(), (first < second).sum())
    assert found.patients == len(first)


def test_sign_flips_against_all_of_them():
    rows = rows_of(shift=1.0)
    few = rows[rows["patient"].isin(sorted(set(rows["patient"]))[:9])]
    known, unknown = few[few["known"] == 1], few[few["known"] == 0]
    value = lambda row: row["correct"] / row["images"]  # noqa: E731
    apart = (plain_values(known, value) - plain_values(unknown, value)).to_numpy()
    means = [abs(np.mean(apart * signs)) for signs in itertools.product((1, -1), repeat=len(apart))]
    expected = np.mean([mean >= abs(apart.mean()) - 1e-12 for mean in means])
    assert compare(known, unknown, "accuracy").sign_flip_p == pytest.approx(expected)


def test_with_one_image_a_patient_the_auc_is_compared_as_by_delong():
    rng = np.random.default_rng(1)
    labels = np.array([0] * 9 + [1] * 14)
    scores = [labels + rng.normal(0, 1, 23), labels + rng.normal(0, 1.5, 23)]
    sides = []
    for score in scores:
        images = pd.DataFrame(
            {"label": labels, "patient": [f"p{i:02d}" for i in range(23)], "margin": score}
        ).assign(image="", network="n", arm="A", known=1)
        sides.append(by_patient(images, dataset="d", training="frozen", seed=0, repeat=0))
    found = compare(*sides, "auc_roc")
    difference = roc_auc_score(labels, scores[0]) - roc_auc_score(labels, scores[1])
    assert found.difference == pytest.approx(difference, abs=1e-4)
    standardised = stats.norm.isf(delong_p(labels, *scores) / 2)
    assert found.se == pytest.approx(abs(difference) / standardised, abs=1e-4)
    assert np.isnan(found.sign_flip_p)


# Images, runs and their files


@pytest.fixture
def tree(tmp_path):
    """BreakHis at 100X and 200X: four benign and five malignant patients, one at 100X alone."""
    slides = [("A", f"14-1{i}A") for i in range(4)] + [("DC", f"14-2{i}") for i in range(5)]
    seed = 0
    for magnification in (100, 200):
        for subtype, slide in slides[: None if magnification == 100 else -1]:
            for number in range(1, 5):
                seed += 1
                save_noise(
                    breakhis_path(tmp_path / "raw", subtype, slide, magnification, number), seed
                )
    return tmp_path / "raw"


def crossover_command(training, tree, output, *more) -> int:
    words = ["crossover", training, "--datasets", "breakhis_100x", "--data-root", tree]
    return run(*words, "--repeats", 3, "--output", output, *more)


@pytest.fixture
def patient_features(monkeypatch):
    """Features that tell the patient of an image, and nothing of its class."""

    def features(images):
        # The tree's images are noise; nine patients of four images in the order of their names.
        patient = np.arange(len(images)) // 4
        return np.eye(patient.max() + 1)[patient] + np.random.default_rng(0).normal(
            0, 0.1, (len(images), 9)
        )

    monkeypatch.setattr(runs, "pooled_features", features)


def test_images_of_two_sets_are_put_together_and_patients_of_both_are_tested(tree):
    sample = read_sample(["breakhis_100x", "breakhis_200x"], [tree, tree], 32)
    assert sample.name == "breakhis_100x+breakhis_200x"
    assert sample.images.shape == (36 + 32, 3, 32, 32) and sample.images.dtype == np.uint8
    assert len(sample.table) == 68 and set(sample.table["label"]) == {0, 1}
    assert set(sample.table["patient"]) - set(sample.among) == {"14-24"}
    assert sample.table.groupby("patient")["label"].first()["14-10"] == 0


def test_the_frozen_run_is_decided_by_its_seed(tree, tmp_path, patient_features):
    paths = [tmp_path / f"{name}.csv" for name in "abc"]
    for path, seed in zip(paths, (0, 0, 1), strict=True):
        assert crossover_command("frozen", tree, path, "--seeds", seed) == 0
    first, again, other = (path.read_text() for path in paths)
    assert first == again != other
    both = tmp_path / "both.csv"
    assert crossover_command("frozen", tree, both, "--seeds", 0, 1) == 0
    assert both.read_text() == first + other.partition("\n")[2]
    rows = pd.read_csv(paths[0])
    assert list(rows) == COLUMNS and set(rows["repeat"]) == {0, 1, 2}
    known = rows.groupby("known")[["correct", "images"]].sum()
    shares = known["correct"] / known["images"]
    assert shares[1] == 1 and shares[0] < 0.8  # features of patients serve known ones alone


@pytest.fixture
def calls(monkeypatch) -> list[tuple]:
    """The trainings that were asked for; none is done."""
    found = []

    def fine_tune(name, images, labels, train, test, seed):
        found.append((name, seed))
        rng = np.random.default_rng([len(name), seed])
        return (2 * labels[test].numpy() - 1) + rng.normal(0, 1, len(test))

    monkeypatch.setattr(runs, "fine_tune", fine_tune)
    return found


def test_an_interrupted_run_goes_on_and_ends_the_same(tree, tmp_path, monkeypatch, calls):
    whole, broken = tmp_path / "whole.csv", tmp_path / "broken.csv"
    assert crossover_command("fine-tuned", tree, whole) == 0
    assert len(calls) == 3 * 4 * 2  # repeats, networks, arms
    assert [name for name, _ in calls[:8:2]] == list(design.NETWORKS)

    train = runs.fine_tune

    def killed(*arguments):
        if len(calls) == 24 + 11:
            raise KeyboardInterrupt
        return train(*arguments)

    monkeypatch.setattr(runs, "fine_tune", killed)
    options = {"repeats": range(3), "seeds": [0], "checkpoints": tmp_path / "broken"}
    with pytest.raises(KeyboardInterrupt):
        runs.write_fine_tuned(broken, ["breakhis_100x"], [tree], **options)
    kept = pd.read_csv(broken)
    assert set(kept["repeat"]) == {0} and set(kept["network"]) == set(design.NETWORKS)
    monkeypatch.setattr(runs, "fine_tune", train)
    assert crossover_command("fine-tuned", tree, broken) == 0
    assert len(calls) == 24 + 24  # none twice
    assert broken.read_text() == whole.read_text()


def test_trainings_with_other_settings_are_not_taken_over(tree, tmp_path, monkeypatch, calls):
    for rate in (3e-4, 3e-4, 1e-4):
        monkeypatch.setattr(runs.settings_of, "__defaults__", (rate,))
        assert crossover_command("fine-tuned", tree, tmp_path / "a.csv") == 0
    assert len(calls) == 2 * 24


@pytest.mark.usefixtures("calls")
def test_later_repeats_are_those_of_a_longer_run(tree, tmp_path):
    whole, later = tmp_path / "whole.csv", tmp_path / "later.csv"
    assert crossover_command("fine-tuned", tree, whole) == 0
    assert crossover_command("fine-tuned", tree, later, "--first", 2) == 0
    rows = pd.read_csv(whole)
    expected = rows[rows["repeat"] == 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_csv(later), expected)


def test_fine_tuning_is_decided_by_its_seed(monkeypatch):
    labels, noise = torch.tensor([0, 1] * 12), np.random.default_rng(0)
    images = torch.tensor(noise.integers(0, 256, (24, 3, 32, 32), dtype=np.uint8))
    train, test = np.arange(16), np.arange(16, 24)
    monkeypatch.setattr(runs, "EPOCHS", 1)
    found = [
        runs.fine_tune("efficientnet_lite0", images, labels, train, test, seed)
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])
    assert found[0].shape == (8,) and found[0].dtype == np.float64


# Tables


@pytest.fixture
def patients(tmp_path):
    """A file of frozen rows, and one of the four networks fine-tuned, the gate the best."""
    rows_of(shift=0.5).to_csv(tmp_path / "frozen.csv", index=False)
    tuned = [
        rows_of(5, 0.3 + number / 10, name, 100 * number, "fine-tuned")
        for number, name in enumerate(design.NETWORKS)
    ]
    pd.concat(tuned).to_csv(tmp_path / "tuned.csv", index=False)
    return [tmp_path / "frozen.csv", tmp_path / "tuned.csv"]


def test_the_crossover_table(patients, tmp_path):
    output = tmp_path / "crossover.csv"
    assert run("table", "crossover", "--patients", *patients, "--output", output) == 0
    table = pd.read_csv(output)
    fixed = "dataset, network, training, metric, known, unknown, difference, low, high, p_value"
    assert list(table)[:12] == [*fixed.split(", "), "patients", "repeats"]
    assert set(table["training"]) == {"frozen", "fine-tuned"}
    assert len(table) == (1 + len(design.NETWORKS)) * len(METRICS)
    assert table.set_index("training").loc["frozen", "repeats"].eq(6).all()
    np.testing.assert_allclose(table["known"] - table["unknown"], table["difference"], atol=2e-6)
    text = output.with_suffix(".md").read_text()
    assert "BreakHis 100X, 19 patients" in text and "nan " not in text
    figure = tmp_path / "crossover.png"
    assert run("figure", "crossover", "--tables", output, "--output", figure) == 0
    assert figure.stat().st_size > 10_000 and figure.with_suffix(".pdf").exists()


def test_the_gate_table(patients, tmp_path):
    output = tmp_path / "gate_crossover.csv"
    assert run("table", "gate_crossover", "--patients", *patients, "--output", output) == 0
    table = pd.read_csv(output)
    assert len(table) == 2 * len(METRICS) * 3 and next(iter(table["patients_are"])) == "unknown"
    for _, family in table.groupby(["patients_are", "metric"]):
        expected = multipletests(family["p_value"], method="holm")[1]
        np.testing.assert_allclose(family["p_holm"], expected, atol=2e-6)
    row = table.iloc[0]
    assert (row["metric"], row["other"]) == ("log_loss", "efficientnet_lite0")
    # By plain code: the spread of patients, and that of trainings, which patients share.
    rows = pd.read_csv(patients[1])
    rows = rows[rows["known"] == 0].assign(loss=rows["log_loss"] / rows["images"])
    wide = rows.pivot(index=["repeat", "arm", "patient"], columns="network", values="loss")
    apart = wide[gate_crossover.GATE] - wide["efficientnet_lite0"]
    of_patients, of_arms = apart.groupby("patient").mean(), apart.groupby(["repeat", "arm"]).mean()
    variances = [(each.var(ddof=1) / len(each), len(each) - 1) for each in (of_patients, of_arms)]
    se = np.sqrt(sum(variance for variance, _ in variances))
    df = se**4 / sum(variance**2 / of for variance, of in variances)
    assert row["difference"] == pytest.approx(of_patients.mean(), abs=1e-5)
    assert row["p_value"] == pytest.approx(
        2 * stats.t.sf(abs(row["difference"]) / se, df), abs=1e-4
    )
    # The power of a two-sided t test at the difference that it says can be found.
    power = stats.nct.sf(stats.t.ppf(0.975, df), df, row["detectable"] / se)
    assert power == pytest.approx(0.8, abs=0.02)
    assert "nan " not in output.with_suffix(".md").read_text()


def test_the_same_row_twice_is_refused(patients):
    with pytest.raises(UserError, match="hold the same row: dataset breakhis_100x"):
        crossover.rows(patients=[patients[0], patients[0]])
