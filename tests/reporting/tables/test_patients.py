"""Tables and figures about the patients of BreakHis, on made-up lists with the published counts."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from breakhis_names import write_lists
from conftest import from_catalogue
from scipy.stats import binomtest, hypergeom

from paper_code.datasets.splits import part_sizes, split_by_image, split_by_patient
from paper_code.metrics.power import mcnemar_p, shared_errors_needed
from paper_code.published import published_table
from paper_code.reporting.layouts import printed_network
from paper_code.reporting.tables import detectable, others, printed_intervals, real_predictions
from paper_code.reporting.tables import split_patients as splits

EFFECTS = {f"breakhis_{magnification}x": 15.0 for magnification in (40, 100, 200, 400)}


@pytest.fixture(scope="module")
def lists(tmp_path_factory) -> Path:
    return write_lists(tmp_path_factory.mktemp("lists"))


@pytest.fixture(scope="module")
def votes(lists) -> pd.DataFrame:
    return real_predictions.load_votes(str(lists))


def make(key: str, folder: Path, figure: bool = False, **options) -> pd.DataFrame:
    """Write a table, and the figure of its name, and read the table."""
    output = folder / f"{key}.csv"
    from_catalogue("table", key).write(str(output), **options)
    page = output.with_suffix(".md").read_text()
    assert not re.search(r"\bnan\b", page)
    if figure:
        picture = folder / f"{key}.png"
        from_catalogue("figure", key).draw(str(picture), tables=[str(output)])
        assert picture.with_suffix(".pdf").stat().st_size > 5000
    return pd.read_csv(output, keep_default_na=False, na_values={"low": "", "high": ""})


# --- splits ---------------------------------------------------------------------------------------


def test_the_facts_of_a_split_are_counted_image_by_image():
    rng = np.random.default_rng(0)
    labels = rng.choice(["benign", "malignant"], 300)
    patients = rng.integers(0, 40, 300)
    slides = 2 * patients + rng.integers(0, 2, 300)
    names = np.array([str(patient) for patient in patients], dtype=object)
    chosen = [split_by_image(labels, 0), split_by_patient(labels, names, 0)]
    facts = splits.split_facts(
        np.stack([splits._numbers(parts) for parts in chosen]),
        pd.factorize(patients)[0],
        pd.factorize(slides)[0],
    )
    for (_, found), parts in zip(facts.iterrows(), chosen, strict=True):
        test, train = parts == "test", parts == "train"
        for column, groups in (
            ("test_images_known_patient", patients),
            ("test_images_known_slide", slides),
        ):
            assert found[column] == np.mean([group in groups[train] for group in groups[test]])
        several = [len(set(parts[patients == patient])) > 1 for patient in set(patients)]
        assert found["patients_shared"] == sum(several)
        assert found["test_patients"] == len(set(patients[test]))
        assert found["test_images"] == test.sum()
    assert facts["test_images_known_patient"].iloc[1] == facts["patients_shared"].iloc[1] == 0
    assert facts["test_images_known_patient"].iloc[0] > 0.9


def test_splits_by_image_meet_the_expectation_of_the_hypergeometric_distribution(monkeypatch):
    """A test image's patient of m images is unknown if its m - 1 others all missed training."""
    monkeypatch.setattr(splits, "SPLITS", 400)
    monkeypatch.setattr(splits, "PATIENT_SPLITS", 1)
    sizes = np.repeat([1, 2, 3, 5, 8], 12)
    patients = np.repeat(np.arange(len(sizes)), sizes)
    labels = np.where(patients % 2, "benign", "malignant")
    names = np.array([str(patient) for patient in patients], dtype=object)
    drawn = splits.draw_splits(labels, names)
    total, train = len(patients), part_sizes(len(patients))[0]
    assert {way: len(parts) for way, parts in drawn.items()} == {
        splits.IMAGE: 400,
        splits.UNSTRATIFIED: 400,
        splits.PATIENT: 1,
    }
    expected = np.mean(1 - hypergeom.pmf(0, total - 1, sizes[patients] - 1, train))
    for way in (splits.IMAGE, splits.UNSTRATIFIED):
        assert len({tuple(parts) for parts in drawn[way]}) == 400
        facts = splits.split_facts(drawn[way], patients, patients)
        assert facts["test_images_known_patient"].mean() == pytest.approx(expected, abs=0.01)


def test_the_table_of_splits_and_its_figure(lists, tmp_path, monkeypatch):
    monkeypatch.setattr(splits, "SPLITS", 3)
    monkeypatch.setattr(splits, "PATIENT_SPLITS", 1)
    table = make("split_patients", tmp_path, figure=True, lists=str(lists))
    ways = {"image", "image, unstratified", "patient", *(f"official fold {k}" for k in range(1, 6))}
    for magnification in (40, 100, 200, 400):
        rows = table[table["dataset"] == f"breakhis_{magnification}x"]
        assert set(rows["way"]) == ways
        known = rows[rows["metric"] == "test_images_known_patient"].set_index("way")["mean"]
        assert known["patient"] == 0 and known["image"] == 1
        assert 0 < known["official fold 1"] < 1  # whole slides, but numbers with two slides
        slides = rows[rows["metric"] == "test_images_known_slide"].set_index("way")["mean"]
        assert slides["official fold 1"] == 0
    named = table[(table["dataset"] == "breakhis") & (table["metric"] == "patients_shared")]
    assert (named["names"].str.split().str.len() == named["mean"]).all()


# --- real predictions -----------------------------------------------------------------------------


def test_the_effect_over_the_folds_is_the_ratio_of_the_summed_variances(votes):
    rows = real_predictions.effect_rows(votes, resamples=50)
    cells = rows[(rows["dataset"] == "breakhis_40x") & (rows["fold"] != "all")]
    values = {
        name: cells[cells["metric"] == name]["value"].to_numpy() for name in set(cells.metric)
    }
    pooled = rows[(rows["dataset"] == "breakhis_40x") & (rows["fold"] == "all")]
    pooled = pooled.set_index("metric")
    expected = (values["error_patients"] ** 2).sum() / (values["error_images"] ** 2).sum()
    assert pooled.loc["design_effect", "value"] == pytest.approx(expected, rel=1e-4)
    ratio = values["error_patients"] ** 2 / values["error_images"] ** 2
    assert values["design_effect"] == pytest.approx(ratio, rel=1e-3)
    effective = pooled.loc["effective_images"]
    assert effective["value"] == pytest.approx(599 / expected, rel=1e-4)
    assert effective["low_patients"] < effective["value"] < effective["high_patients"]
    assert real_predictions.magnification_effects(votes)["breakhis_40x"] == pytest.approx(
        expected, rel=1e-4
    )


def test_known_patients_are_those_in_the_training_part(lists, votes):
    folds = pd.read_csv(lists / "official_folds.csv")
    number = folds["image"].str.extract(r"-(14-\d+)")[0]
    row = votes[votes["known"]].iloc[0]
    train = number[(folds["fold"] == row["fold"]) & (folds["part"] == "train")]
    assert row["patient"] in set(train)


def test_the_table_of_real_predictions(lists, votes, tmp_path):
    make("real_predictions", tmp_path, lists=str(lists), resamples=50)
    table = pd.read_csv(tmp_path / "real_predictions.csv")
    rows = table[(table["metric"] == "accuracy") & (table["fold"] == "2")]
    row = rows[rows["dataset"] == "breakhis_100x"].iloc[0]
    part = votes[(votes["dataset"] == "breakhis_100x") & (votes["fold"] == 2)]
    tied = part["benign_votes"] == part["malignant_votes"]
    malignant = part["label"] == "malignant"
    right = np.where(tied, ~malignant, (part["malignant_votes"] > 14) == malignant)
    assert row["value"] == pytest.approx(right.mean(), abs=1e-6)
    assert row["images"] == len(part)
    assert row["high_patients"] - row["low_patients"] > 1.5 * (
        row["high_images"] - row["low_images"]
    )
    assert {"design_effect", "effective_images", "correlation"} <= set(table["metric"])


# --- what the printed numbers can tell ------------------------------------------------------------


def test_every_printed_accuracy_has_its_intervals():
    table = printed_intervals.interval_rows(EFFECTS, patients=70)
    assert len(table) == 4 * 4 + 4 * 9 + 2 * 9
    assert (table["low"] < table["printed"]).all() and (table["printed"] < table["high"]).all()
    known = table[table["dataset"].str.startswith("breakhis")]
    assert (known["low_patients"] < known["low"]).all()
    assert (known["high_patients"] >= known["high"]).all()
    assert (known["test_patients"] == 21).all()
    unknown = table[~table["dataset"].str.startswith("breakhis")]
    assert unknown["low_patients"].isna().all() and unknown["verdict_patients"].isna().all()


def test_the_leads_are_those_of_the_printed_accuracies():
    table = printed_intervals.interval_rows(EFFECTS, patients=70).set_index(
        ["table", "dataset", "network"]
    )
    row = table.loc[("07", "breakhis_40x", "dalaresnet50")]
    assert (row["lead_over"], row["images_ahead"]) == ("vgg16_inception", 5)
    assert row["lead"] == pytest.approx(0.985 - 0.977)
    assert row["verdict"] == printed_intervals.CHANCE and row["p_least"] == pytest.approx(2.0**-4)
    row = table.loc[("07", "breakhis_100x", "vgg16_inception")]
    assert (row["images_ahead"], row["errors"]) == (10, 8)
    assert row["verdict"] == printed_intervals.DEPENDS
    assert row["p_largest"] == pytest.approx(mcnemar_p(18, 8), abs=1e-6)
    assert row["shared_errors_needed"] == shared_errors_needed(8, 18)
    row = table.loc[("07", "breakhis_40x", "densenet121")]
    assert row["verdict"] == printed_intervals.STANDS
    assert row["design_effect_up_to"] == pytest.approx(row["images_ahead"] / 6, abs=1e-6)
    row = table.loc[("02", "breakhis_40x", "dalaresnet50")]
    assert (row["lead_over"], row["images_ahead"]) == ("dalaresnet50-layer3", 1)
    assert row["verdict"] == printed_intervals.CHANCE


def test_accuracies_that_no_number_of_images_gives():
    """By enumeration. Where there is none to one unit either, there are no counts to test."""
    table = printed_intervals.interval_rows(EFFECTS, patients=70)
    texts = {
        (number, cell["dataset"], printed_network(cell)): cell["printed"]
        for number in ("02", "07", "08")
        for cell in published_table(number).query("metric == 'accuracy'").to_dict("records")
    }

    def nearest(row: dict, network: str) -> float:
        """How far the nearest share of the test images is, in units of the last digit."""
        text = texts[row["table"], row["dataset"], network]
        shares = np.arange(row["test_images"] + 1) / row["test_images"]
        return abs(shares - float(text)).min() * 10 ** len(text.partition(".")[2])

    for row in table.to_dict("records"):
        assert row["is_share"] == (nearest(row, row["network"]) <= 0.5 + 1e-9)
        pair = {"dalaresnet50", row["lead_over"]}
        untested = any(nearest(row, network) > 1 + 1e-9 for network in pair)
        assert (row["verdict"] == printed_intervals.NO_COUNT) == untested
        assert np.isnan(row["p_largest"]) == untested
    by_set = table[table["table"] == "08"].groupby("dataset")["is_share"].sum()
    assert by_set.to_dict() == {"bach": 0, "mini_ddsm": 1}
    untested = table[table["verdict"] == printed_intervals.NO_COUNT]
    assert set(untested["dataset"]) == {"bach", "mini_ddsm"} and len(untested) == 18
    # 0.807 and 0.7515 of 600 are no whole numbers, and p hangs on which are taken for them
    assert mcnemar_p(149, 116) < 0.05 < mcnemar_p(148, 116)


def test_holm_is_applied_to_the_leads_of_one_data_set():
    accuracies = {"dalaresnet50": 0.99, "first": 0.97, "second": 0.96}
    leads = printed_intervals._leads(accuracies, 300, None, set(accuracies))
    raw = sorted([mcnemar_p(6, 0), mcnemar_p(9, 0)])
    assert leads["second"]["p_least"] == pytest.approx(2 * raw[0])
    assert leads["first"]["p_least"] == pytest.approx(max(raw[1], 2 * raw[0]))
    assert "verdict_patients" not in leads["first"]


def test_the_table_of_intervals_and_its_figure(lists, tmp_path):
    make("printed_intervals", tmp_path, figure=True, lists=str(lists))
    page = (tmp_path / "printed_intervals.md").read_text()
    assert "Table VII: networks on BreakHis, BreakHis 400X" in page


def test_the_least_differences(lists, tmp_path):
    make("detectable", tmp_path, lists=str(lists))
    rows = detectable.detectable_rows(EFFECTS).set_index(["dataset", "unit"])
    assert len(rows) == 12
    images = rows.xs("images", level="unit")
    assert images["least_best_case"].to_numpy() == pytest.approx(6 / images["n"], abs=1e-6)
    assert (images["least_typical"] > images["least_best_case"]).all()
    assert (images["least_typical_of_8"] > images["least_typical"]).all()
    patients = rows.loc[[(name, "patients") for name in EFFECTS]]
    assert patients["effective_n"].to_numpy() == pytest.approx(patients["n"] / 15)
    assert rows.loc[("mini_ddsm", "patients"), "effective_n"] == 150
    assert np.isnan(rows.loc[("bach", "patients"), "effective_n"])
    assert rows.loc[("breakhis_40x", "images"), "printed_lead"] == pytest.approx(0.008)


# --- others ---------------------------------------------------------------------------------------


def test_what_others_measured_is_quoted_with_a_source(tmp_path):
    table = others.rows()
    for _, row in table.iterrows():
        number = row["quoted"].split()[0]
        value = float(number.rstrip("%")) / (100 if number.endswith("%") else 1)
        assert value == pytest.approx(row["value"]), row["quoted"]
        assert row["address"] and row["authors"]
    ours = table[(table["authors"] == "the paper") & (table["network"] == "ResNet50")]
    printed = published_table("07")
    printed = printed[(printed["network"] == "resnet50") & (printed["metric"] == "accuracy")]
    assert sorted(ours["value"]) == sorted(printed["value"])
    assert len(make("others", tmp_path)) == len(table)


# --- networks of the same names elsewhere ---------------------------------------------------------


def test_accuracies_elsewhere_are_those_of_the_published_counts(tmp_path):
    table = make("networks_elsewhere", tmp_path, figure=True)
    plain = table[(table["other"] == "ResNet50") & (table["variant"] == "")].iloc[0]
    assert (plain["right"], plain["images"]) == (248 + 512, 768)
    ends = binomtest(760, 768).proportion_ci(0.95, "exact")
    assert (plain["low"], plain["high"]) == pytest.approx(tuple(ends), abs=1e-6)
    # A printed accuracy is below only where the intervals do not meet.
    by_image = table[table["split"] == "image"]
    apart = by_image["printed_high"].astype(float) < by_image["low"]
    assert (by_image["below"].map({"True": True, "False": False}) == apart).all()
    baselines = by_image[by_image["network"] != "dalaresnet50"]
    assert (baselines["below"] == "True").all()
    assert set(table.loc[table["split"] == "slide", "below"]) == {""}
