"""Results of hand-made runs: the long table, and Tables II, VII, VIII, XI and XII from it."""

import importlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, from_catalogue
from hand_made import SOURCES, hand_made_run, written_twice

from paper_code.errors import UserError
from paper_code.metrics import classification_metrics, runs_interval
from paper_code.published import published_table
from paper_code.reporting.labels import label
from paper_code.reporting.layouts import LAYOUTS, Layout
from paper_code.reporting.tables import layout as layouts
from paper_code.reporting.tables.results import result_rows
from paper_code.reporting.verdicts import MARGIN, predicted
from paper_code.runs import load_run, samples

BREAKHIS = [f"breakhis_{m}x" for m in (40, 100, 200, 400)]
OPTIONS = {"scale": "paper", "resamples": 50}
OUR_NAMES = {"f1_first": "f1_macro", "f1_second": "f1_weighted"}


def build(key: str, output: Path, runs: list[str], scale="paper") -> tuple[pd.DataFrame, str]:
    """Rows and page of a table of the paper, through the long table of results."""

    def write(output: str) -> None:
        long = str(Path(output).with_name("results.csv"))
        from_catalogue("table", "results").write(long, runs=runs, scale=scale, resamples=60)
        from_catalogue("table", key).write(output, tables=[long])

    return written_twice(write, output)


def measured(key: str, output: Path, runs: list[str], scale="paper") -> pd.DataFrame:
    """The rows that have a value, by metric."""
    return build(key, output, runs, scale)[0].dropna(subset="value").set_index("metric")


def check_printed(rows: pd.DataFrame, number: str, *subject: str) -> None:
    """Beside each value stands the printed one of the same data set, subject and metric."""
    printed = published_table(number).replace({"metric": OUR_NAMES})
    keys = ["dataset", *subject, "metric"]
    both = rows.dropna(subset="value").merge(printed, on=keys, suffixes=("", "_paper"))
    assert len(both) == rows["value"].notna().sum() > 0
    assert both["printed"].tolist() == both["value_paper"].tolist()


# --- values ---------------------------------------------------------------------------------------


def test_table_07(make_run, tmp_path):
    """16 of 20 right, 8 of each class: accuracy, F1, sensitivity and specificity are all 0.8."""
    runs = [make_run(right=16), make_run("dalaresnet50", 20)]
    rows, page = build("07", tmp_path / "t.csv", runs)
    check_printed(rows, "07", "network")
    cells = rows[rows["network"] == "resnet50"].dropna(subset="value").set_index("metric")
    for metric in ("accuracy", "f1_macro", "f1_weighted", "gmean"):
        assert cells.loc[metric, "value"] == pytest.approx(0.8, abs=1e-6)
    assert cells.loc["iba", "value"] == pytest.approx(0.64, abs=1e-6)
    accuracy = cells.loc["accuracy"]
    assert 0.3 < accuracy["low"] < 0.8 < accuracy["high"] <= 1
    assert accuracy["difference"] == pytest.approx(0.8 - accuracy["printed"], abs=1e-6)
    assert accuracy["verdict"] == "not shown", "one run cannot replicate"
    assert accuracy["reason"] == "1 of at least 5 seeds"
    assert (accuracy["test_images"], accuracy["test_patients"]) == (20, 10)
    assert f"(paper {accuracy['printed']:.3f})" in page
    assert "| DALAResNet50 | 1.000 [0.692, 1.000] (paper " in page  # 10 of 10 patients, exact
    for text in ("Scale: paper", "a GPU", "Commit of the runs: abc", "Seeds: 0", "imagenet"):
        assert text in page
    assert "20 test images of 10 patients" in page and SOURCES["real"]["description"] in page


def test_table_02(make_run, tmp_path):
    names = [*(f"dalaresnet50-layer{n}" for n in (1, 2, 3)), "dalaresnet50"]
    runs = [make_run(n, [8, 5 + i], dataset=d) for d in BREAKHIS for i, n in enumerate(names)]
    rows, page = build("02", tmp_path / "t.csv", runs)
    assert len(rows) == 4 * 4 * 4
    check_printed(rows, "02", "placement")
    cells = rows.set_index(["dataset", "placement", "metric"])["value"]
    for place in range(4):
        assert cells["breakhis_200x", f"layer{place + 1}", "accuracy"] == (
            pytest.approx((13 + place) / 20)
        )
    # One threshold: the area is the mean of sensitivity and specificity.
    assert cells["breakhis_40x", "layer1", "auc_roc"] == pytest.approx(0.65)
    assert "| Gate after | Accuracy | F1 macro | F1 weighted | AUC-ROC | Verdict |" in page
    assert "| Layer 3 | 0.750 [" in page and "(paper 0.983)" in page


@pytest.mark.parametrize(
    ("key", "dataset"),
    [("08", "bach"), ("08", "mini_ddsm"), ("11", "breakhis_200x"), ("12", "mini_ddsm")],
)
def test_the_other_tables_of_networks(make_run, tmp_path, key, dataset):
    run = make_run("swin", [10, 8, 6, 4], dataset=dataset, images=60)
    rows, page = build(key, tmp_path / "t.csv", [run])
    check_printed(rows, key, "network")
    assert set(rows.query("network != 'swin'")["reason"]) == {"not run"}
    expected = classification_metrics(*load_run(run).part("test")[:2])
    cells = rows.dropna(subset="value").set_index("metric")
    assert len(cells) == (5 if key == "08" else 4)
    for metric, cell in cells.iterrows():
        assert cell["value"] == pytest.approx(expected[metric], abs=1e-6)
    assert f"(paper {cell['printed']:.3f})" in page and f"## {label(dataset)}" in page


def test_table_12_is_computed_in_the_module_that_the_documentation_names(monkeypatch):
    page = " ".join((ROOT / "docs/reference/architecture.md").read_text(encoding="utf-8").split())
    (place,) = re.findall(r"XII's specificity, for example, is computed in `(\S+)\.py`", page)
    module = importlib.import_module(place.replace("/", "."))
    own = module._confusion_metrics
    monkeypatch.setattr(
        module, "_confusion_metrics", lambda c: own(c) | {"specificity": np.full(len(c), 0.125)}
    )
    rows = result_rows([hand_made_run("swin", dataset="mini_ddsm", images=30)], **OPTIONS)
    assert rows.query("metric == 'specificity'")["value"].dropna().tolist() == [0.125]


def test_a_new_table_is_one_layout(make_run, tmp_path, monkeypatch):
    layout = Layout("calibration", "Calibration", "Of each.", "Further evidence", ["ece", "brier"])
    monkeypatch.setitem(LAYOUTS, "calibration", layout)
    long = str(tmp_path / "results.csv")
    from_catalogue("table", "results").write(
        long, runs=[make_run(right=16), make_run("vgg16", 18)], **OPTIONS
    )
    layouts.write(str(tmp_path / "c.csv"), tables=[long], layout="calibration")
    page = (tmp_path / "c.md").read_text(encoding="utf-8")
    assert "| Network | ECE | Brier score |" in page and "## BreakHis 40X, split by image" in page
    assert not pd.read_csv(tmp_path / "c.csv").duplicated(["network", "metric"]).any()
    # 16 of 20 right at a probability of 0.9: the Brier score is (16 * 0.01 + 4 * 0.81) / 20.
    assert "| ResNet50 | 0.100 [" in page and "| 0.170 [" in page


# --- several runs ---------------------------------------------------------------------------------


def test_seeds_are_one_row_with_every_value_kept(make_run, tmp_path):
    runs = [make_run(right=16, seed=0), make_run(right=18, seed=5)]
    cells = measured("07", tmp_path / "t.csv", runs)
    accuracy = cells.loc["accuracy"]
    assert accuracy["value"] == pytest.approx(0.85, abs=1e-6)
    assert accuracy["seed_values"] == "0.800000 0.900000" and set(cells["seeds"]) == {"0 5"}
    assert accuracy["spread"] == pytest.approx(np.std([0.8, 0.9], ddof=1), abs=1e-6)
    expected = runs_interval(samples([load_run(run) for run in runs]), ["accuracy"], 60).iloc[0]
    assert accuracy[["low", "high"]].tolist() == pytest.approx(
        [expected["low"], expected["high"]], abs=1e-6
    )
    assert "± 0.071 (paper" in (tmp_path / "t.md").read_text(encoding="utf-8")
    # 40X accuracy is printed 0.985, and 0.977 for the second: both cannot agree exchanged.
    assert accuracy["margin"] == pytest.approx(0.004) and (cells["margin"] <= MARGIN).all()


@pytest.mark.parametrize(
    ("repeats", "lacking"),
    [
        ([(seed, seed) for seed in range(5)], ""),
        ([(0, seed) for seed in range(5)], "5 runs share 1 split"),
        ([(split, 0) for split in range(5)], "1 of at least 5 seeds, 5 runs share 1 seed"),
    ],
)
def test_a_printed_value_is_one_more_run_with_a_split_of_its_own(repeats, lacking):
    """Runs that share splits scatter less than the printed one can be away from them."""
    runs = [
        hand_made_run(right=18 + place % 2, split_seed=split_seed, seed=seed)
        for place, (split_seed, seed) in enumerate(repeats)
    ]
    rows = result_rows(runs, **OPTIONS)
    row = rows[(rows["metric"] == "accuracy") & rows["value"].notna()]
    assert row["shortfall"].item() == lacking
    assert np.isnan(row["p_value"].item()) == bool(lacking)
    assert len(predicted(row)) == (0 if lacking else 1)
    if lacking:
        assert (row["verdict"].item(), row["reason"].item()) == ("not shown", lacking)


def test_chance_stands_beside_the_cells_that_differ(make_run, tmp_path):
    rows, page = build("07", tmp_path / "t.csv", [make_run(right=10 + s, seed=s) for s in range(5)])
    outside = int((rows["p_value"] < 0.05).sum())
    assert f"{outside} of 5 lie outside their 95 % prediction intervals, 0.2 expected" in page
    assert "Of 5 cells that count" in page


def test_runs_that_differ_in_more_than_the_seed_are_not_averaged():
    runs = [hand_made_run(), hand_made_run(seed=1, weights="random")]
    with pytest.raises(UserError, match="resnet50 on breakhis_40x differ in weights"):
        result_rows(runs, **OPTIONS)


# --- what stands beside a printed value -----------------------------------------------------------


def test_printed_values_stand_beside_the_split_by_image_and_alone_where_nothing_was_run():
    runs = [hand_made_run(seed=seed, by=by) for seed, by in enumerate(("image", "patient"))]
    rows = result_rows(runs, **OPTIONS)
    found = rows[rows["value"].notna() & (rows["metric"] == "accuracy")]
    assert found[["splits", "table"]].to_numpy().tolist() == [["image", "07"], ["patient", ""]]
    others = [hand_made_run(name, by="patient") for name in ("swin", "vgg16")]
    more = result_rows([*runs, *others], **OPTIONS)
    assert set(more.loc[more["table"].eq("07") & more["value"].notna(), "splits"]) == {"patient"}
    alone = rows[rows["value"].isna()]
    assert set(alone["reason"]) == set(alone["obstacles"]) == {"not run"}
    printed = pd.concat([published_table(number) for number in ("02", "07", "08", "11", "12")])
    assert len(printed) == len(rows[rows["table"] != ""]), "every printed value, once"
    rows = result_rows([hand_made_run(dataset="mias")], **OPTIONS)
    assert set(rows["table"]) == {""} and set(rows["reason"]) == {"not printed"}


def test_a_result_of_something_else_is_never_evidence(make_run, tmp_path):
    runs = [make_run(data="phantom", weights="random", by="patient")]
    rows = measured("07", tmp_path / "t.csv", runs, "demo")
    reasons = "phantom, demo scale, random weights, split by patient"
    assert set(rows["verdict"]) == {"not tested"}
    assert set(rows["obstacles"]) == set(rows["reason"]) == {reasons}
    assert f"| not tested: {reasons} |" in (tmp_path / "t.md").read_text(encoding="utf-8")


def test_an_unknown_network_is_shown_without_a_printed_value(make_run, tmp_path):
    rows, page = build("07", tmp_path / "t.csv", [make_run("efficientnet_lite0")])
    assert set(rows.dropna(subset="value")["reason"]) == {"not printed"}
    (line,) = re.findall(r"\| EfficientNet-Lite0 \|.*", page)
    assert "(paper" not in line and line.endswith("| not printed |")
