"""Shared patients, near duplicates planted and absent, and the table and figure of both splits."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from paper_code.cli import main
from paper_code.datasets.overlap import near_duplicates, shared_patients
from paper_code.errors import UserError
from paper_code.files import write_csv, write_json
from paper_code.metrics import runs_interval
from paper_code.reporting.tables.leakage import leakage_rows
from paper_code.runs import Run, load_run, samples


def textures(count: int, size: int = 64, seed: int = 0) -> np.ndarray:
    """Smooth random colour images, uint8 N x 3 x S x S."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        images.append(np.asarray(Image.fromarray(coarse).resize((size, size))).transpose(2, 0, 1))
    return np.stack(images)


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


def test_planted_duplicates_are_found_and_nothing_else():
    rng = np.random.default_rng(1)
    images = textures(60)
    copies = {
        50: images[0].copy(),
        51: (images[1] * 0.7 + 40).astype(np.uint8),  # other brightness and contrast
        52: images[2][..., ::-1],  # mirrored
        53: np.clip(images[3] + rng.normal(0, 8, images[3].shape), 0, 255).astype(np.uint8),
    }
    for row, copy in copies.items():
        images[row] = copy
    pairs = near_duplicates(images, np.arange(50), np.arange(50, 60))
    assert set(zip(pairs["first"], pairs["second"], strict=True)) == {
        (0, 50),
        (1, 51),
        (2, 52),
        (3, 53),
    }
    assert pairs["correlation"].is_monotonic_decreasing and pairs["correlation"].max() <= 1.0001


def test_uniform_images_and_empty_sets_have_no_duplicates():
    images = np.full((4, 3, 64, 64), 128, np.uint8)
    rows = np.arange(2)
    assert near_duplicates(images, rows, rows + 2).empty
    assert near_duplicates(images, rows[:0], rows).empty
    assert near_duplicates(textures(3), rows, rows).empty, "an image is no copy of itself"


@pytest.fixture
def both_splits(tmp_path):
    """Runs by image (nearly all right) and by patient (chance) on 40 images of 10 patients."""
    rng = np.random.default_rng(0)
    images = textures(80)
    images[1] = images[0]  # same patient; parts differ in the split by image
    prepared = tmp_path / "prepared" / "breakhis_100x"
    prepared.mkdir(parents=True)
    np.save(prepared / "images.npy", images)
    labels = np.repeat(["benign", "malignant"], 40)
    table = pd.DataFrame(
        {
            "image": [f"{i}.png" for i in range(80)],
            "label": labels,
            "group": [f"p{i // 8}" for i in range(80)],
        }
    )
    write_csv(prepared / "manifest.csv", table)
    source = {
        "dataset": "breakhis_100x",
        "source": "real",
        "complete": False,
        "description": "80 of 2081",
        "patients": 10,
        "duplicates": [],
    }
    write_json(prepared / "source.json", source)
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
    return runs, str(prepared)


def test_the_table_sees_the_leak(both_splits):
    runs, prepared = both_splits
    loaded = [load_run(path) for path in runs.values()]
    rows = leakage_rows(loaded, [prepared], scale="paper", resamples=300)
    accuracy = rows.set_index("metric").loc["accuracy"]
    for way, run in zip(runs, loaded, strict=True):
        labels, p, _ = run.part("test")
        assert accuracy[way] == pytest.approx((p.argmax(axis=1) == labels).mean())
        # the interval that a table of scores gives the same number
        alone = runs_interval(samples([run]), ["accuracy"], 300).iloc[0]
        ends = accuracy[[f"{way}_low", f"{way}_high"]].tolist()
        assert ends == pytest.approx([alone["low"], alone["high"]], abs=1e-6)
    assert accuracy["difference"] == pytest.approx(accuracy["image"] - accuracy["patient"])
    assert float(accuracy["each_seed"]) == pytest.approx(accuracy["difference"], abs=6e-4)
    assert 0 < accuracy["low"] < accuracy["difference"] < accuracy["high"]
    facts = rows[rows["network"] == ""].set_index("metric")
    assert facts.loc["patients_shared", ["image", "patient"]].tolist() == [10, 0]
    assert facts.loc["test_images_known", ["image", "patient"]].tolist() == [40, 0]
    assert facts.loc["test_images_near_duplicate", ["image", "patient"]].tolist() == [1, 0]
    assert set(rows["obstacles"]) == {"subset, random weights, other protocol"}


def test_each_seed_is_paired_by_its_seed_and_each_network_has_its_weights(both_splits, tmp_path):
    runs, prepared = both_splits
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
    rows = leakage_rows(several, [prepared], scale="paper", resamples=50)
    accuracy = rows[rows["metric"] == "accuracy"].set_index("network")
    assert accuracy.loc["resnet50", "each_seed"] == "+0.100 +0.250 +0.250"
    assert accuracy.loc["resnet50", "weights"] == "random"
    assert accuracy.loc["vit", "weights"] == "random (no weights)"
    assert set(accuracy["fewest_patients"]) == {5}
    lacking = "3 of at least 5 seeds, 5 of at least 20 test patients in a run"
    assert set(accuracy["shortfall"]) == {lacking}


def test_table_and_figure_by_the_command_line(both_splits, tmp_path):
    runs, prepared = both_splits
    table, figure = tmp_path / "leakage.csv", tmp_path / "leakage.png"
    assert (
        main(
            [
                "table",
                "leakage",
                "--runs",
                *runs.values(),
                "--prepared",
                prepared,
                "--scale",
                "paper",
                "--resamples",
                "50",
                "--output",
                str(table),
            ]
        )
        == 0
    )
    assert main(["figure", "leakage", "--tables", str(table), "--output", str(figure)]) == 0
    page = table.with_suffix(".md").read_text()
    assert "| Patients with images in more than one part | 10 of 10 | 0 of 10 |" in page
    assert figure.stat().st_size > 10_000 and figure.with_suffix(".pdf").exists()


def test_one_kind_of_split_is_not_enough(both_splits):
    runs, prepared = both_splits
    with pytest.raises(UserError, match="both splits"):
        leakage_rows([load_run(runs["image"])], [prepared], scale="paper", resamples=20)
    loaded = [load_run(path) for path in runs.values()]
    with pytest.raises(UserError, match="prepared folder of breakhis_100x"):
        leakage_rows(loaded, [], scale="paper", resamples=20)
