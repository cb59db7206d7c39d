"""Patients in several parts, and the table and figure of splits by image and by patient."""

import numpy as np
import pandas as pd
import pytest

from paper_code.cli import main
from paper_code.datasets.overlap import shared_patients
from paper_code.errors import UserError
from paper_code.files import write_csv, write_json
from paper_code.metrics import runs_interval
from paper_code.reporting.tables.differences import difference_rows
from paper_code.reporting.tables.leakage import leakage_rows
from paper_code.reporting.tables.results import result_rows
from paper_code.runs import Run, load_run, samples


def rows_of(runs: list[Run], resamples: int = 50) -> pd.DataFrame:
    options = {"scale": "paper", "resamples": resamples}
    return leakage_rows(result_rows(runs, **options), difference_rows(runs, **options))


def test_patients_in_several_parts():
    split = pd.DataFrame(
        {
            "group": ["a", "a", "b", "b", "c", "", ""],
            "part": ["train", "test", "test", "val", "train", "train", "test"],
        }
    )
    assert shared_patients(split) == {
        "patients": 3,
        "patients_shared": 2,
        "test_images": 3,
        "test_images_known": 1,
    }


@pytest.fixture
def both_splits(tmp_path):
    """Runs by image (nearly all right) and by patient (chance) on 40 images of 10 patients."""
    rng = np.random.default_rng(0)
    labels = np.repeat(["benign", "malignant"], 40)
    table = pd.DataFrame(
        {
            "image": [f"{i}.png" for i in range(80)],
            "label": labels,
            "group": [f"p{i // 8}" for i in range(80)],
        }
    )
    source = {
        "dataset": "breakhis_100x",
        "source": "real",
        "complete": False,
        "description": "80 of 2081",
    }
    parts = {
        "image": np.where(np.arange(80) % 2 == 0, "test", "train"),
        "patient": np.where(np.arange(80) // 8 % 2 == 0, "test", "train"),
    }
    runs = {}
    for way, part in parts.items():
        test = table[part == "test"].assign(part="test")
        right = rng.random(len(test)) < (0.95 if way == "image" else 0.5)
        malignant = (test["label"] == "malignant").to_numpy()
        p = np.where(right == malignant, 0.9, 0.1)
        path = tmp_path / "runs" / way / "run.json"
        write_csv(
            path.with_name("predictions.csv"),
            test.assign(predicted="", p_benign=(1 - p).round(6), p_malignant=p),
        )
        write_json(
            path,
            {
                "network": "resnet50",
                "dataset": "breakhis_100x",
                "by": way,
                "split_seed": 0,
                "weights": "random",
                "classes": ["benign", "malignant"],
                "frozen": False,
                "dropout": 0.25,
                "seed": 0,
                "data": source,
                "settings": {
                    "image_size": 64,
                    "epochs": 1,
                    "batch_size": 8,
                    "learning_rate": 1e-4,
                    "precision": "fp32",
                    "select_epoch": "best",
                },
                "provenance": {"hardware": "a CPU", "versions": {"torch": "2"}, "commit": "abc"},
            },
        )
        runs[way] = str(path)
    return runs


def test_the_table_sees_the_leak(both_splits):
    runs = both_splits
    loaded = [load_run(path) for path in runs.values()]
    rows = rows_of(loaded, 300)
    accuracy = rows.set_index("metric").loc["accuracy"]
    for way, run in zip(runs, loaded, strict=True):
        labels, p, _ = run.part("test")
        assert accuracy[way] == pytest.approx((p.argmax(axis=1) == labels).mean())
        # the interval that a table of scores gives the same number
        alone = runs_interval(samples([run]), ["accuracy"], 300).iloc[0]
        ends = accuracy[[f"{way}_low", f"{way}_high"]].tolist()
        assert ends == pytest.approx([alone["low"], alone["high"]], abs=1e-6)
    assert accuracy["difference"] == pytest.approx(accuracy["image"] - accuracy["patient"])
    assert 0 < accuracy["low"] < accuracy["difference"] < accuracy["high"]
    assert set(rows["obstacles"]) == {"subset, random weights, other protocol"}


def test_each_network_has_its_own_weights_and_seeds(both_splits):
    runs = both_splits
    loaded = {way: load_run(path) for way, path in runs.items()}

    def repeated(run, network, seed, right, weights="random"):
        """The run with the first `right` test images classified rightly."""
        facts = run.facts | {"network": network, "seed": seed, "split_seed": seed}
        table = run.predictions.copy()
        hit = np.arange(len(table)) < right
        table["p_malignant"] = np.where(hit == (table["label"] == "malignant"), 0.9, 0.1)
        table["p_benign"] = 1 - table["p_malignant"]
        return Run(facts | {"weights": weights}, table)

    rights = {"image": {0: 40, 1: 30, 2: 20}, "patient": {2: 10, 0: 36, 1: 20}}  # in any order
    several = [
        repeated(loaded[way], network, seed, right, weights)
        for way, of_way in rights.items()
        for network, weights in (("resnet50", "random"), ("vit", "random (no weights)"))
        for seed, right in of_way.items()
    ]
    rows = rows_of(several)
    accuracy = rows[rows["metric"] == "accuracy"].set_index("network")
    assert accuracy.loc["resnet50", ["image", "patient"]].tolist() == pytest.approx([0.75, 0.55])
    assert accuracy.loc["resnet50", "seeds"] == "0 1 2"
    assert accuracy.loc["resnet50", "weights"] == "random"
    assert accuracy.loc["vit", "weights"] == "random (no weights)"
    assert set(accuracy["fewest_patients"]) == {5}
    lacking = "3 of at least 5 seeds, 5 of at least 20 test patients in a run"
    assert set(accuracy["shortfall"]) == {lacking}


def test_table_and_figure_by_the_command_line(both_splits, tmp_path):
    long = [str(tmp_path / f"{name}.csv") for name in ("results", "differences")]
    options = ["--runs", *both_splits.values(), "--scale", "paper", "--resamples", "50"]
    for name, path in zip(("results", "differences"), long, strict=True):
        assert main(["table", name, *options, "--output", path]) == 0
    table, figure = tmp_path / "leakage.csv", tmp_path / "leakage.png"
    assert main(["table", "leakage", "--tables", *long, "--output", str(table)]) == 0
    assert main(["figure", "leakage", "--tables", str(table), "--output", str(figure)]) == 0
    assert "| ResNet50 | Accuracy | 0." in table.with_suffix(".md").read_text()
    assert figure.stat().st_size > 10_000 and figure.with_suffix(".pdf").exists()


def test_one_kind_of_split_is_not_enough(both_splits):
    runs = [load_run(path) for path in both_splits.values()]
    options = {"scale": "paper", "resamples": 20}
    with pytest.raises(UserError, match="both splits"):
        leakage_rows(result_rows(runs[:1], **options), difference_rows(runs, **options).iloc[:0])
