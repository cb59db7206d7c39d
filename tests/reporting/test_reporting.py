"""Tables and figures from hand-made files: values, verdicts, printed numbers, equal bytes."""

import importlib
import math
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import from_catalogue, save_noise
from PIL import Image
from scipy import stats
from statsmodels.stats.power import TTestPower

from paper_code.errors import UserError
from paper_code.files import write_csv, write_json
from paper_code.metrics import runs_interval
from paper_code.metrics.power import least_detectable
from paper_code.metrics.replication import replication
from paper_code.networks.registry import NETWORKS, NEVER_PRETRAINED, PAPER_NETWORKS
from paper_code.published import printed_value, published_table
from paper_code.reporting import labels, plotting
from paper_code.reporting.figures import confusion_matrices as figure_06_confusion_matrices
from paper_code.reporting.layouts import LAYOUTS, Layout
from paper_code.reporting.markdown import cell, markdown, number
from paper_code.reporting.tables import layout as layouts
from paper_code.reporting.tables import results
from paper_code.reporting.tables.results import result_rows
from paper_code.reporting.verdicts import (
    MARGIN,
    PROTOCOL,
    compared,
    data_obstacles,
    exact_columns,
    outside_prediction,
    replicated,
    run_obstacles,
    verdict_text,
)
from paper_code.runs import Run, load_run, samples

figure_03_breakhis_samples = from_catalogue("figure", "03")
figure_04_bach_samples = from_catalogue("figure", "04")
figure_05_mini_ddsm_samples = from_catalogue("figure", "05")
table_03_breakhis = from_catalogue("table", "03")
table_04_bach = from_catalogue("table", "04")
table_05_mini_ddsm = from_catalogue("table", "05")
table_06_splits = from_catalogue("table", "06")
table_07_breakhis_comparison = from_catalogue("table", "07")
REAL = {"source": "real", "complete": True, "description": "real (complete: 1995 images)"}
SUBSET = {"source": "real", "complete": False, "description": "real (subset 12 of 1995 images)"}
PHANTOM = {"source": "phantom", "complete": False, "description": "phantom (40 synthetic images)"}


@pytest.fixture
def make_run(tmp_path):
    """Write run.json and predictions.csv of 20 test images: make_run(right=16) -> run.json.

    Of 10 benign and 10 malignant images, two per patient, the first `right` are predicted right.
    The validation rows are all wrong: a table must not count them.
    """

    def make(right=16, network="resnet50", dataset="breakhis_40x", seed=0, data=REAL, **facts):
        folder = tmp_path / "runs" / dataset / network / str(seed)
        labels = ["benign", "malignant"] * 10
        p = [
            0.9 if (label == "malignant") == (i < right) else 0.1 for i, label in enumerate(labels)
        ]
        test = pd.DataFrame(
            {
                "image": [f"{i}.png" for i in range(20)],
                "label": labels,
                "group": [f"p{i // 2}" for i in range(20)],
                "part": "test",
                "predicted": ["malignant" if value > 0.5 else "benign" for value in p],
                "p_benign": [round(1 - value, 6) for value in p],
                "p_malignant": p,
            }
        )
        val = test.head(4).assign(part="val", label=["malignant", "benign"] * 2)
        write_csv(folder / "predictions.csv", pd.concat([val, test]))
        given = {
            "network": network,
            "dataset": dataset,
            "classes": ["benign", "malignant"],
            "by": "image",
            "split_seed": seed,
            "weights": "imagenet (torchvision)",
            "frozen": False,
            "dropout": 0.25,
            "settings": {
                "image_size": 224,
                "epochs": 50,
                "batch_size": 32,
                "learning_rate": 1e-4,
                "precision": "bf16",
                "select_epoch": "best",
                "seed": seed,
            },
            "seed": seed,
            "selected_epoch": 3,
            "parameters": 1,
            "data": {"dataset": dataset} | data,
            "provenance": {"hardware": "a GPU", "versions": {"torch": "2"}, "commit": "abc"},
        }
        write_json(folder / "run.json", given | facts)
        return str(folder / "run.json")

    return make


def write_07(runs, output: Path, scale="paper") -> pd.DataFrame:
    """The measured rows of Table VII, through the long table of results."""
    long = output.with_name("results.csv")
    results.write(str(long), runs=runs, scale=scale, resamples=300)
    table_07_breakhis_comparison.write(str(output), tables=[str(long)])
    table = pd.read_csv(output, dtype={"seeds": str, "table": str})
    return table.dropna(subset="value")


# --- Verdicts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((5, 5, []), "agrees"),
        ((5, 6, []), "differs"),
        ((5, 5, ["phantom", "demo scale"]), "not tested: phantom, demo scale"),
        ((5, math.nan, ["phantom"]), "not printed"),
        ((math.nan, 9, []), "not run"),
        ((math.nan, 9, [], "not identified"), "not identified"),
    ],
)
def test_the_verdict_on_a_count(arguments, expected):
    found = exact_columns(*arguments)
    assert verdict_text(found) == expected
    word, _, reason = expected.partition(": ")
    if word in ("agrees", "differs"):
        assert found["verdict"] == word
    else:
        assert (found["verdict"], found["reason"]) == ("not tested", reason or word)


def test_a_replication_is_a_t_prediction_interval():
    values = [0.50, 0.52, 0.51, 0.53, 0.54]  # where both scales are nearly the same
    found = replication(values, 0.52, 1 / 600, MARGIN)
    reach = stats.t.ppf(0.975, 4) * np.std(values, ddof=1) * np.sqrt(1.2)
    assert found["replication_high"] == pytest.approx(0.52 + reach, abs=1e-3)
    assert found["replication_low"] == pytest.approx(0.52 - reach, abs=1e-3)
    assert found["p_value"] == pytest.approx(1, abs=0.01) and not found["equivalent"], "too wide"
    at_edge = replication(values, found["replication_high"], 1 / 600, MARGIN)
    assert at_edge["p_value"] == pytest.approx(0.05)
    close = replication([0.92, 0.921, 0.919, 0.92, 0.92], 0.925, 1 / 600, MARGIN)
    assert close["equivalent"]
    one = replication([0.9], 0.5, 1 / 600, MARGIN)
    assert math.isnan(one["p_value"]) and not one["equivalent"], "one run shows nothing"
    same = replication([1.0] * 5, 0.985, 1 / 600, MARGIN)
    assert 0 < same["p_value"] < 0.1, "runs that agree to the digit have the error of one image"


def test_near_one_the_larger_p_value_of_two_scales_counts():
    """Values near 1 are skewed: what is far on one scale alone is no difference."""
    values, printed = [0.99, 0.985, 0.995, 0.98, 0.97], 0.944
    found = replication(values, printed, 1 / 600, MARGIN)
    expected = []
    for scaled, other in (
        (np.array(values), printed),
        (np.arcsin(np.sqrt(values)), np.arcsin(np.sqrt(printed))),
    ):
        error = scaled.std(ddof=1) * np.sqrt(1.2)
        expected.append(2 * stats.t.sf(abs(scaled.mean() - other) / error, 4))
    assert found["p_value"] == pytest.approx(max(expected)) and max(expected) > min(expected)
    assert found["replication_high"] <= 1


def test_replication_verdicts_control_the_family():
    """36 cells, one with p = 0.01: outside its interval, but no difference in such a family."""
    rows = pd.DataFrame(
        {
            "metric": "accuracy",
            "obstacles": "",
            "printed": 0.9,
            "p_value": [0.01, *[0.5] * 35],
            "equivalent": [False, True, *[False] * 34],
            "margin": MARGIN,
            "shortfall": "",
        }
    )
    rows.loc[35, "printed"] = np.nan
    rows.loc[34, "obstacles"] = "phantom"
    found = replicated(rows)
    assert found["verdict"].tolist()[:3] == ["not shown", "agrees", "not shown"]
    assert found["verdict"].tolist()[34:] == ["not tested", "not tested"]
    assert found["reason"].tolist()[34:] == ["phantom", "not printed"]
    rows.loc[0, "p_value"] = 0.001
    assert replicated(rows)["verdict"].iloc[0] == "differs"


def test_a_comparison_has_four_verdicts():
    rows = pd.DataFrame(
        {
            "difference": [0.05, -0.05, 0.001, 0.015, 0.05],
            "p_holm": [0.01, 0.01, 0.9, 0.4, 0.2],
            "se": [0.01, 0.01, 0.005, 0.01, 0.03],
            "df": 20.0,
            "obstacles": "subset, demo scale, random weights",
            "shortfall": "",
        }
    )
    assert compared(rows)["verdict"].tolist() == [
        "supported",
        "contradicted",
        "agrees",
        "not shown",
        "not shown",
    ]
    # A two-sided t-test at 5 % with 80 % power, by statsmodels' own noncentral distribution.
    least = least_detectable(pd.Series([1.0]), pd.Series([40.0])).iloc[0]
    power = TTestPower().power(least / np.sqrt(41), nobs=41, alpha=0.05)
    assert power == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(
    ("source", "scale", "weights", "network", "expected"),
    [
        (REAL, "paper", "imagenet (torchvision)", "resnet50", []),
        (REAL, "paper", "random", "resnet50", ["random weights"]),
        (REAL, "paper", "random", "dalaresnet50-layer2", ["random weights"]),
        (REAL, "paper", "random (the ViT of the paper has no published weights)", "vit", []),
        (REAL, "paper", "self-supervised on LVD-142M (Meta)", "dinov2_vitb14", []),
        (REAL, "paper", "random", "dinov2_vitb14", ["random weights"]),
        (SUBSET, "paper", "imagenet (torchvision)", "resnet50", ["subset"]),
        (PHANTOM, "demo", "random", "vgg16", ["phantom", "demo scale", "random weights"]),
    ],
)
def test_obstacles_of_a_run(source, scale, weights, network, expected):
    source = {"dataset": "breakhis_40x"} | source
    facts = {"data": source, "weights": weights, "network": network}
    facts |= {"settings": dict(PROTOCOL), "dropout": PROTOCOL["dropout"], "frozen": False}
    facts |= {"by": "image"}
    assert run_obstacles(facts, scale) == expected
    assert data_obstacles(source) == [text for text in expected if text in ("phantom", "subset")]
    assert run_obstacles(facts | {"by": "patient"}, scale) == [*expected, "split by patient"]


@pytest.mark.parametrize("change", [{"epochs": 3}, {"image_size": 64}, {"batch_size": 16}])
def test_a_run_with_another_protocol_is_no_evidence(change):
    data = REAL | {"dataset": "breakhis_40x"}
    facts = {"data": data, "weights": "imagenet (torchvision)", "network": "resnet50"}
    facts |= {"settings": dict(PROTOCOL) | change, "dropout": 0.25, "frozen": False, "by": "image"}
    assert run_obstacles(facts, "paper") == ["other protocol"]
    facts |= {"settings": dict(PROTOCOL), "frozen": True}
    assert run_obstacles(facts, "paper") == ["frozen backbone"]


def test_networks_without_weights_are_those_that_were_never_pretrained():
    without = [
        name for name in NETWORKS if importlib.import_module(NETWORKS[name]).WEIGHTS_URL is None
    ]
    assert tuple(without) == NEVER_PRETRAINED


def test_printed_values():
    keys = {"dataset": "breakhis_40x", "network": "seresnet50"}
    assert printed_value("07", **keys, metric="accuracy") == 0.883
    assert printed_value("07", **keys, metric="f1_macro") == 0.779
    assert printed_value("07", **keys, metric="f1_weighted") == 0.883
    assert math.isnan(printed_value("07", **keys, metric="auc_roc"))
    assert math.isnan(printed_value("07", dataset="mias", network="vit", metric="accuracy"))


# --- Table VII ------------------------------------------------------------------------------------


def test_table_07_values(make_run, tmp_path):
    table = write_07([make_run(16)], tmp_path / "table_07.csv").set_index("metric")
    # 16 of 20 right, 8 of each class: accuracy, F1, sensitivity and specificity are all 0.8.
    for metric in ("accuracy", "f1_macro", "f1_weighted", "gmean"):
        assert table.loc[metric, "value"] == pytest.approx(0.8, abs=1e-6)
    assert table.loc["iba", "value"] == pytest.approx(0.64, abs=1e-6)
    accuracy = table.loc["accuracy"]
    assert 0.3 < accuracy["low"] < 0.8 < accuracy["high"] <= 1
    assert accuracy["printed"] == printed_value(
        "07", dataset="breakhis_40x", network="resnet50", metric="accuracy"
    )
    assert accuracy["difference"] == pytest.approx(0.8 - accuracy["printed"], abs=1e-6)
    assert accuracy["verdict"] == "not shown", "one run cannot replicate"
    assert accuracy["reason"] == "1 of at least 5 seeds"
    assert (accuracy["test_images"], accuracy["test_patients"]) == (20, 10)
    assert (accuracy["data"], accuracy["scale"]) == (REAL["description"], "paper")


def test_table_07_page(make_run, tmp_path):
    runs = [make_run(16), make_run(20, network="dalaresnet50")]
    table = write_07(runs, tmp_path / "table_07.csv")
    page = (tmp_path / "table_07.md").read_text(encoding="utf-8")
    printed = table.query("network == 'resnet50' and metric == 'accuracy'")["printed"].item()
    assert f"(paper {printed:.3f})" in page
    assert "| DALAResNet50 | 1.000 [0.692, 1.000] (paper " in page  # 10 of 10 patients, exact
    assert "nan" not in page.lower().replace("provenance", "")
    for text in (
        "Scale: paper",
        "a GPU",
        "Commit of the runs: abc",
        "Seeds: 0",
        "imagenet",
        "real (complete: 1995 images)",
        "20 test images of 10 patients",
    ):
        assert text in page
    columns = {line.count("|") for line in page.splitlines() if line.startswith("|")}
    assert columns == {8}


def test_seeds_are_one_row_with_every_value_kept(make_run, tmp_path):
    runs = [make_run(16, seed=0), make_run(18, seed=5)]
    table = write_07(runs, tmp_path / "t.csv").set_index("metric")
    assert table.loc["accuracy", "value"] == pytest.approx(0.85, abs=1e-6)
    assert table.loc["accuracy", "seed_values"] == "0.800000 0.900000"
    assert set(table["seeds"]) == {"0 5"}
    assert table.loc["accuracy", "spread"] == pytest.approx(np.std([0.8, 0.9], ddof=1), abs=1e-6)
    expected = runs_interval(samples([load_run(run) for run in runs]), ["accuracy"], 300).iloc[0]
    for end in ("low", "high"):
        assert table.loc["accuracy", end] == pytest.approx(expected[end], abs=1e-6)
    page = (tmp_path / "t.md").read_text(encoding="utf-8")
    assert "± 0.071 (paper" in page


@pytest.mark.parametrize(
    ("repeats", "lacking"),
    [
        ([(seed, seed) for seed in range(5)], ""),
        ([(0, seed) for seed in range(5)], "5 runs share 1 split"),
        ([(split, 0) for split in range(5)], "1 of at least 5 seeds, 5 runs share 1 seed"),
        (
            [(split, s) for split in (0, 1) for s in range(3)],
            "3 of at least 5 seeds, 6 runs ",
        ),
    ],
)
def test_a_printed_value_is_one_more_run_with_a_split_of_its_own(
    make_run, tmp_path, repeats, lacking
):
    """Runs that share splits scatter less than the printed one can be away from them."""
    runs = []
    for place, (split_seed, seed) in enumerate(repeats):
        made = load_run(make_run(18 + place % 2, seed=place))
        runs.append(Run(made.facts | {"split_seed": split_seed, "seed": seed}, made.predictions))
    rows = result_rows(runs, scale="paper", resamples=50)
    rows = rows[(rows["metric"] == "accuracy") & rows["value"].notna()]
    assert rows["shortfall"].item().startswith(lacking) and bool(lacking) == bool(
        rows["shortfall"].item()
    )
    assert np.isnan(rows["p_value"].item()) == bool(lacking)
    assert outside_prediction(rows)[0] == (0 if lacking else 1)
    if lacking:
        assert rows["verdict"].item() == "not shown"
        assert rows["reason"].item() == rows["shortfall"].item()


def test_a_split_by_patient_is_not_the_papers(make_run, tmp_path):
    """Table VI has the exact counts of a split by image."""
    table = write_07([make_run(by="patient")], tmp_path / "t.csv")
    assert set(table["obstacles"]) == {"split by patient"}


def test_chance_stands_beside_the_cells_that_differ(make_run, tmp_path):
    runs = [make_run(10 + seed, seed=seed) for seed in range(5)]
    table = write_07(runs, tmp_path / "t.csv").set_index("metric")
    outside = int((table["p_value"] < 0.05).sum())
    page = (tmp_path / "t.md").read_text(encoding="utf-8")
    assert f"{outside} of 5 lie outside their 95 % prediction intervals, 0.2 expected" in page
    assert "Of 5 cells that count" in page


def test_the_margin_is_half_the_printed_lead(make_run, tmp_path):
    """40X accuracy is printed 0.985, and 0.977 for the second: both cannot agree exchanged."""
    table = write_07([make_run(16, seed=seed) for seed in range(2)], tmp_path / "t.csv")
    margin = table.set_index("metric")["margin"]
    assert margin["accuracy"] == pytest.approx(0.004)
    assert (margin <= MARGIN).all()


def test_runs_that_differ_in_more_than_the_seed_are_not_averaged(make_run):
    runs = [load_run(make_run(seed=0)), load_run(make_run(seed=1, weights="random"))]
    with pytest.raises(UserError, match="resnet50 on breakhis_40x differ in weights"):
        result_rows(runs, scale="paper", resamples=50)


def test_printed_values_stand_beside_the_split_by_image_and_alone_where_nothing_was_run(make_run):
    runs = [load_run(make_run(seed=seed, by=by)) for seed, by in enumerate(("image", "patient"))]
    rows = result_rows(runs, scale="paper", resamples=50)
    measured = rows[rows["value"].notna() & (rows["metric"] == "accuracy")]
    assert measured[["splits", "table"]].to_numpy().tolist() == [["image", "07"], ["patient", ""]]
    others = [load_run(make_run(network=name, by="patient")) for name in ("swin", "vgg16")]
    more = result_rows([*runs, *others], scale="paper", resamples=50)
    assert set(more.loc[more["table"].eq("07") & more["value"].notna(), "splits"]) == {"patient"}
    alone = rows[rows["value"].isna()]
    assert set(alone["reason"]) == set(alone["obstacles"]) == {"not run"}
    printed = pd.concat([published_table(number) for number in ("02", "07", "08", "11", "12")])
    assert len(printed) == len(rows[rows["table"] != ""]), "every printed value, once"
    own = [Run(run.facts | {"dataset": "mias"}, run.predictions) for run in runs[:1]]
    found = result_rows(own, scale="paper", resamples=50)
    assert set(found["table"]) == {""} and set(found["reason"]) == {"not printed"}


@pytest.mark.parametrize(
    ("options", "scale", "reasons"),
    [
        ({"data": PHANTOM}, "paper", "phantom"),
        ({"data": SUBSET}, "paper", "subset"),
        ({"weights": "random"}, "paper", "random weights"),
        ({}, "demo", "demo scale"),
        ({"data": PHANTOM, "weights": "random"}, "demo", "phantom, demo scale, random weights"),
    ],
)
def test_a_result_of_something_else_is_never_evidence(make_run, tmp_path, options, scale, reasons):
    table = write_07([make_run(**options)], tmp_path / "t.csv", scale)
    assert set(table["verdict"]) == {"not tested"}
    assert set(table["obstacles"]) == set(table["reason"]) == {reasons}
    assert f"| not tested: {reasons} |" in (tmp_path / "t.md").read_text(encoding="utf-8")


def test_a_new_table_is_one_layout(make_run, tmp_path, monkeypatch):
    layout = Layout("calibration", "Calibration", "Of each.", "Further evidence", ["ece", "brier"])
    monkeypatch.setitem(LAYOUTS, "calibration", layout)
    write_07([make_run(16), make_run(18, network="vgg16")], tmp_path / "t.csv")
    long = [str(tmp_path / "results.csv")]
    layouts.write(str(tmp_path / "c.csv"), tables=long, layout="calibration")
    page = (tmp_path / "c.md").read_text(encoding="utf-8")
    assert "| Network | ECE | Brier score |" in page and "## BreakHis 40X, split by image" in page
    assert not pd.read_csv(tmp_path / "c.csv").duplicated(["network", "metric"]).any()
    # 16 of 20 right at a probability of 0.9: the Brier score is (16 * 0.01 + 4 * 0.81) / 20.
    assert "| ResNet50 | 0.100 [" in page and "| 0.170 [" in page


def test_an_unknown_network_is_shown_without_a_printed_value(make_run, tmp_path):
    table = write_07([make_run(network="efficientnet_lite0")], tmp_path / "t.csv")
    assert set(table["reason"]) == {"not printed"}
    page = (tmp_path / "t.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"\| EfficientNet-Lite0 \|.*", page)
    assert "(paper" not in line and line.endswith("| not printed |")


@pytest.mark.parametrize("damage", ["no predictions", "text"])
def test_a_damaged_run_is_named(make_run, damage):
    path = Path(make_run())
    if damage == "text":
        path.write_text("{")
    else:
        path.with_name("predictions.csv").unlink()
    with pytest.raises(UserError, match=r"run.json: not a finished run"):
        load_run(path)


# --- Tables III to VI -----------------------------------------------------------------------------


@pytest.fixture
def make_listed(tmp_path):
    """Write manifest.csv, source.json and a split: make_listed("bach", {"normal": 3, ...})."""

    def make(dataset: str, counts: dict[str, int], colour="rgb", suffix=".png", **source):
        folder = tmp_path / "prepared" / dataset
        rows = []
        for label, count in counts.items():
            for number_ in range(count):
                name = f"{label}-{number_}{suffix}"
                rows.append(
                    {
                        "path": (folder / "raw" / name).as_posix(),
                        "image": name,
                        "label": label,
                        "group": f"{label}-p{number_ // 2}",
                        "mask": "",
                        "magnification": "40X",
                    }
                )
        write_csv(folder / "manifest.csv", pd.DataFrame(rows))
        total = sum(counts.values())
        facts = {
            "dataset": dataset,
            "images": total,
            "classes": list(counts),
            "colour": colour,
            "patients": 0,
            "duplicates": [],
        }
        write_json(folder / "source.json", facts | REAL | source)
        return str(folder)

    return make


def test_table_03(make_listed, tmp_path):
    complete = make_listed("breakhis_40x", {"benign": 625, "malignant": 1370})
    partial = make_listed("breakhis_100x", {"benign": 3, "malignant": 5}, **SUBSET)
    output = tmp_path / "table_03_breakhis.csv"
    table_03_breakhis.write(str(output), prepared=[complete, partial])
    table = pd.read_csv(output).set_index(["dataset", "class"])
    assert table.loc["breakhis_40x", "value"].to_dict() == {
        "benign": 625,
        "malignant": 1370,
        "total": 1995,
    }
    assert set(table.loc["breakhis_40x", "verdict"]) == {"agrees"}
    assert table.loc[("breakhis_100x", "malignant"), ["value", "printed"]].tolist() == [5, 1437]
    assert table.loc[("breakhis_100x", "malignant"), "difference"] == 5 - 1437
    assert set(table.loc["breakhis_100x", "verdict"]) == {"not tested"}
    assert set(table.loc["breakhis_100x", "obstacles"]) == {"subset"}
    assert set(table.loc["breakhis_400x", "reason"]) == {"not run"}
    page = output.with_suffix(".md").read_text(encoding="utf-8")
    assert "| BreakHis 40X | Malignant | 1,370 | 1,370 | agrees |" in page
    assert "subset 12 of 1995 images" in page


@pytest.mark.parametrize(
    ("module", "dataset", "counts", "line"),
    [
        (
            table_04_bach,
            "bach",
            {"normal": 99, "benign": 100, "insitu": 100, "invasive": 100},
            "| BACH | Normal | 99 | 100 | differs |",
        ),
        (
            table_05_mini_ddsm,
            "mini_ddsm",
            {"normal": 500, "benign": 700, "malignant": 800},
            "| Mini-DDSM | Malignant | 800 | 800 | agrees |",
        ),
    ],
)
def test_tables_04_and_05(make_listed, tmp_path, module, dataset, counts, line):
    prepared = [make_listed(dataset, counts)]
    module.write(str(tmp_path / "t.csv"), prepared=prepared)
    assert line in (tmp_path / "t.md").read_text(encoding="utf-8")


def write_split(folder: str, sizes: dict[str, int], by: str = "image") -> str:
    table = pd.read_csv(Path(folder) / "manifest.csv")[["image", "label", "group"]]
    path = Path(folder) / "split.csv"
    part = np.repeat(list(sizes), list(sizes.values()))
    write_csv(path, table.assign(part=part, by=by, seed=0))
    return str(path)


@pytest.mark.parametrize(
    ("train", "by", "verdicts"),
    [
        (240, "image", "agrees"),
        (241, "image", "differs"),
        (240, "patient", "not tested: split by patient"),
    ],
)
def test_table_06(make_listed, tmp_path, train, by, verdicts):
    counts = dict.fromkeys(("normal", "benign", "insitu", "invasive"), 100)
    folder = make_listed("bach", counts)
    split = write_split(folder, {"train": train, "val": 40, "test": 360 - train}, by)
    output = tmp_path / "t.csv"
    table_06_splits.write(str(output), prepared=[folder], splits=[split])
    table = pd.read_csv(output).query("dataset == 'bach'").set_index("part")
    assert table["value"].to_dict() == {
        "total": 400,
        "train": train,
        "val": 40,
        "test": 360 - train,
    }
    assert table["printed"].to_dict() == {"total": 400, "train": 240, "val": 40, "test": 120}
    page = output.with_suffix(".md").read_text(encoding="utf-8")
    shared = 0 if train == 240 else 2  # two images per patient, in order
    assert f"| BACH | train | {train} | 240 | {verdicts} | {shared} |" in page
    assert "| BreakHis 40X | train | – | 1,197 | not run | – |" in page
    assert set(table["patients_in_two_parts"]) == {shared}


def test_numbers_and_cells():
    assert number(0.12345) == "0.123" and number(math.nan) == number(None) == "–"
    row = pd.Series({"value": 0.5, "low": math.nan, "high": math.nan, "printed": 0.75})
    assert cell(row) == "0.500 [–, –] (paper 0.750)"
    assert cell(row.replace(0.75, math.nan)) == "0.500 [–, –]"
    synthetic = pd.concat([row, pd.Series({"obstacles": "phantom, demo scale"})])
    assert cell(synthetic) == "0.500 [–, –]", "no printed value beside a synthetic one"
    assert markdown(pd.DataFrame({"a": ["x|y"]})) == "| a |\n| --- |\n| x\\|y |"


def test_data_sets_are_joined_and_networks_of_timm_are_not():
    assert labels.label("breakhis_40x+bach") == "BreakHis 40X and BACH"
    assert labels.label("timm:convnext_tiny+gate") == "timm:convnext_tiny+gate"


# --- Equal bytes, and figures --------------------------------------------------------------------


def test_same_files_give_the_same_table(make_run, tmp_path):
    runs = [make_run(16), make_run(18, network="dalaresnet50")]
    written = []
    for name in ("first", "second"):
        write_07(runs, tmp_path / name / "t.csv")
        written.append([(tmp_path / name / f"t.{end}").read_bytes() for end in ("csv", "md")])
    assert written[0] == written[1]


def check_figure(path: Path, draw) -> Image.Image:
    """Draw twice; both files must be there, whole and the same."""
    first = {}
    for _ in range(2):
        draw(str(path))
        found = {end: path.with_suffix(end).read_bytes() for end in (".png", ".pdf")}
        assert found == (first or found)
        first = found
        assert found[".pdf"].startswith(b"%PDF") and b"%%EOF" in found[".pdf"][-10:]
        path.unlink()
        path.with_suffix(".pdf").unlink()
    draw(str(path))
    assert {p.name for p in path.parent.iterdir()} == {path.name, path.with_suffix(".pdf").name}
    with Image.open(path) as image:
        image.load()
        return image


def fill(folder: str, mode="RGB") -> None:
    for seed, path in enumerate(pd.read_csv(Path(folder) / "manifest.csv")["path"]):
        save_noise(Path(path), seed, mode=mode, size=(64, 40))


def test_figure_03(make_listed, tmp_path):
    folders = [make_listed(f"breakhis_{m}x", {"benign": 3, "malignant": 3}) for m in (40, 100)]
    for folder in folders:
        fill(folder)
    image = check_figure(
        tmp_path / "figures/f.png",
        lambda path: figure_03_breakhis_samples.draw(path, prepared=folders, scale="demo"),
    )
    assert (
        "demo scale; breakhis_40x, breakhis_100x: real (complete: 1995 images); commit "
        in (image.info["Comment"])
    )
    assert image.width > 600


def test_figure_04(make_listed, tmp_path):
    folder = make_listed("bach", dict.fromkeys(("normal", "benign", "insitu", "invasive"), 2))
    fill(folder)
    check_figure(
        tmp_path / "figures/f.png",
        lambda path: figure_04_bach_samples.draw(path, prepared=[folder], scale="demo"),
    )


def test_figure_05_takes_16_bit_mammograms(make_listed, tmp_path):
    folder = make_listed("mini_ddsm", dict.fromkeys(("normal", "benign", "malignant"), 1), "grey")
    for path in pd.read_csv(Path(folder) / "manifest.csv")["path"]:
        Path(path).parent.mkdir(exist_ok=True)
        cv2.imwrite(path, np.linspace(0, 65535, 2400).reshape(60, 40).astype(np.uint16))
    check_figure(
        tmp_path / "figures/f.png",
        lambda path: figure_05_mini_ddsm_samples.draw(path, prepared=[folder], scale="demo"),
    )


def test_a_figure_with_a_missing_image_leaves_nothing(make_listed, tmp_path):
    folder = make_listed("bach", dict.fromkeys(("normal", "benign", "insitu", "invasive"), 2))
    fill(folder)
    shutil.rmtree(Path(folder) / "raw")
    with pytest.raises(UserError, match=r"normal-1.png: no such file"):
        figure_04_bach_samples.draw(
            str(tmp_path / "figures/f.png"), prepared=[folder], scale="demo"
        )
    assert not (tmp_path / "figures").exists()


@pytest.mark.parametrize("name", ["roc", "precision_recall"])
@pytest.mark.parametrize("datasets", [1, 4])
def test_the_note_at_the_foot_stands_clear_of_the_legends(
    name, datasets, make_run, tmp_path, monkeypatch
):
    sets = [f"breakhis_{m}x" for m in (40, 100, 200, 400)][:datasets]
    runs = [make_run(network=n, dataset=d) for d in sets for n in PAPER_NETWORKS]
    monkeypatch.setattr(plotting.plt, "close", lambda figure: figures.append(figure))
    figures = []
    from_catalogue("figure", name).draw(str(tmp_path / "f.png"), runs=runs, scale="paper")
    (figure,) = figures
    note = figure.texts[-1].get_window_extent()
    lowest = min(axis.get_legend().get_window_extent().y0 for axis in figure.axes if axis.lines)
    gap = (lowest - note.y1) / figure.dpi * 72
    assert 4 <= gap <= 12, "points"


def test_figure_06(make_run, tmp_path, monkeypatch):
    """The numbers in the cells are the test images' counts, summed over the seeds."""
    runs = [make_run(16, seed=0), make_run(20, seed=1), make_run(18, network="dalaresnet50")]
    texts = []
    original = figure_06_confusion_matrices.plt.Axes.text
    monkeypatch.setattr(
        figure_06_confusion_matrices.plt.Axes,
        "text",
        lambda self, x, y, s, **k: (texts.append(s), original(self, x, y, s, **k))[1],
    )
    image = check_figure(
        tmp_path / "figures/f.png",
        lambda path: figure_06_confusion_matrices.draw(path, runs=runs, scale="demo"),
    )
    assert texts[:4] == ["18\n90.0%", "2\n10.0%", "2\n10.0%", "18\n90.0%"]
    assert texts[4:8] == ["9\n90.0%", "1\n10.0%", "1\n10.0%", "9\n90.0%"]
    assert image.info["Comment"].startswith("demo scale; imagenet (torchvision) weights")
