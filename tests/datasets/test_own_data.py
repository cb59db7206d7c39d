"""A data set of your own, from a manifest.csv to its table, with one config entry and no code."""

import numpy as np
import pandas as pd
import pytest
from conftest import read_json, snakemake
from PIL import Image

from paper_code import cli

CLASSES = ["clear", "round", "star"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """72 grey and colour images of three classes, 24 patients, lesion masks for two classes."""
    folder = tmp_path_factory.mktemp("a folder of mine")
    rows = []
    for number in range(72):
        rng = np.random.default_rng(number)
        label = CLASSES[number % 3]
        pixels = rng.integers(80, 120, (48, 40), dtype=np.uint8)
        mask = np.zeros_like(pixels)
        if label == "round":
            mask[10:24, 10:24] = 255
        elif label == "star":
            mask[8:40:4, 6:34] = 255
        pixels[mask > 0] += 90
        image = Image.fromarray(pixels)
        image = image if number % 2 else image.convert("RGB")
        name = f"{label}/{number:02d}.png"
        (folder / label).mkdir(exist_ok=True)
        image.save(folder / name)
        mask_name = ""
        if mask.any():
            mask_name = f"{label}/{number:02d}-mask.png"
            Image.fromarray(mask).save(folder / mask_name)
        rows.append((name, label, f"patient {number // 3}", mask_name))
    table = pd.DataFrame(rows, columns=["path", "label", "group", "mask"])
    table.to_csv(folder / "manifest.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def settings(images):
    """The one config entry, and a small run."""
    entry = f"{{path: '{images / 'manifest.csv'}', classes: [{', '.join(CLASSES)}]}}"
    return [
        "--config",
        "scale=smoke",
        f"manifests={{mine: {entry}}}",
        "datasets=[mine]",
        "networks=[resnet50]",
        "image_size=32",
        "images_per_dataset=72",
        "epochs=1",
        "bootstrap_resamples=50",
        "splits=patient",
        "seeds=[0, 1]",
        "keep_weights=true",
    ]


@pytest.fixture(scope="module")
def finished(settings, tmp_path_factory):
    """The workflow's results on it: one data set, one network, split by patient."""
    folder = tmp_path_factory.mktemp("own")
    done = snakemake(folder, "results/smoke/tables/own_mine.csv", *settings)
    assert done.returncode == 0, done.stdout
    assert "mine: real data (found 24 clear, 24 round, 24 star)" in done.stdout
    return folder / "results" / "smoke"


def test_images_masks_and_patients_arrive(finished):
    table = pd.read_csv(finished / "prepared/mine/manifest.csv", keep_default_na=False)
    masks = np.load(finished / "prepared/mine/masks.npy")
    assert len(table) == 72
    assert read_json(finished / "prepared/mine/source.json")["classes"] == CLASSES
    np.testing.assert_array_equal(masks.any(axis=(1, 2)), table["mask"] != "")
    split = pd.read_csv(finished / "splits/mine/patient-0.csv")
    assert split.groupby("group")["part"].nunique().max() == 1
    assert set(split["part"]) == {"train", "val", "test"}


def test_its_own_table(finished):
    table = pd.read_csv(finished / "tables/own_mine.csv")
    assert set(table["dataset"]) == {"mine"} and set(table["network"]) == {"resnet50"}
    assert {"accuracy", "auc_roc", "sensitivity", "npv"} <= set(table["metric"])
    assert set(table["seeds"]) == {"0 1"}
    page = (finished / "tables/own_mine.md").read_text(encoding="utf-8")
    assert "| class | images | train | val | test |\n| --- | --- | --- | --- | --- |\n" in page
    assert "| clear | 24 |" in page and "24 patients, 0 of them in more than one part" in page
    assert page.count("| ResNet50 |") == 2
    assert "printed" not in page and "real (72 images)" in page


def test_it_is_built_by_default_and_the_paper_s_tables_leave_it_out(settings, tmp_path):
    listed = snakemake(tmp_path, "-n", "-p", *settings)
    assert listed.returncode == 0, listed.stdout
    assert "tables/own_mine.md" in listed.stdout and "tables/table_06_splits.md" in listed.stdout
    for name in ("table_07", "table_08", "table_12"):
        assert name not in listed.stdout


def test_evaluate_and_predict_with_its_weights(finished, images, tmp_path):
    run = finished / "runs/mine/resnet50/patient-0-0"
    words = [
        "evaluate",
        run / "weights.safetensors",
        "--manifest",
        images / "manifest.csv",
        "--resamples",
        20,
        "-o",
        tmp_path / "metrics.csv",
    ]
    assert cli.main([str(word) for word in words]) == 0
    assert set(pd.read_csv(tmp_path / "metrics.csv")["images"]) == {72}
    words = [
        "predict",
        images / "star",
        "--weights",
        run / "weights.safetensors",
        "-o",
        tmp_path / "classes.csv",
    ]
    assert cli.main([str(word) for word in words]) == 0
    found = pd.read_csv(tmp_path / "classes.csv")
    assert list(found)[2:] == [f"p_{name}" for name in CLASSES]


def test_explain_with_its_weights(finished, images, tmp_path):
    weights = finished / "runs/mine/resnet50/patient-0-0/weights.safetensors"
    words = [
        "explain",
        images / "star/02.png",
        "--weights",
        weights,
        "--layer",
        "layer2",
        "--output",
        tmp_path / "maps",
    ]
    assert cli.main([str(word) for word in words]) == 0
    assert any((tmp_path / "maps").rglob("*.png"))


def test_an_entry_that_does_not_fit_is_named(images, tmp_path):
    entry = f"{{path: '{images / 'manifest.csv'}', classes: [clear, round]}}"
    done = snakemake(
        tmp_path, "-n", "--config", "scale=smoke", f"manifests={{mine: {entry}}}", "datasets=[mine]"
    )
    assert done.returncode != 0
    assert "label 'star' is not one of mine's classes (clear, round)" in done.stdout
