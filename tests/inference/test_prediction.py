"""`predict`, `explain` and `evaluate`: a trained network on your own images."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import run, save_noise, training_settings

from paper_code.metrics import classification_metrics
from paper_code.runs import load_run
from paper_code.training.run import train_run


@pytest.fixture
def weights(trained):
    return trained[0] / "weights.safetensors"


@pytest.fixture
def folder(tmp_path):
    """Five images in two folders, one of them grey, and files that are none."""
    for number in range(4):
        save_noise(tmp_path / "mine" / f"{number}.png", number)
    save_noise(tmp_path / "mine/deep/grey.TIF", 9, mode="L")
    (tmp_path / "mine/notes.txt").write_text("not an image")
    (tmp_path / "mine/._0.png").write_text("what macOS leaves beside a file")
    return tmp_path / "mine"


def test_predict_writes_a_row_an_image(weights, folder, tmp_path, capsys):
    assert run("predict", folder, "--weights", weights, "-o", tmp_path / "p.csv") == 0
    table = pd.read_csv(tmp_path / "p.csv")
    assert list(table) == ["image", "predicted", "p_benign", "p_malignant"]
    names = [f"{n}.png" for n in range(4)] + ["deep/grey.TIF"]
    assert sorted(table["image"]) == sorted(f"{folder.as_posix()}/{name}" for name in names)
    values = table[["p_benign", "p_malignant"]].to_numpy()
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=3e-6)
    assert list(table["predicted"]) == [("benign", "malignant")[i] for i in values.argmax(axis=1)]
    said = capsys.readouterr().err
    assert "dalaresnet50 trained on breakhis_40x (phantom images) at 32 px" in said
    assert "not a medical device" in said
    assert "only seen synthetic images" in said


def test_predict_agrees_with_the_run(trained, weights, tmp_path):
    """The stored predictions come back from the weights, by images of the network's size."""
    from PIL import Image

    where, prepared, _ = trained
    images = np.load(prepared / "images.npy")
    names = list(pd.read_csv(prepared / "manifest.csv")["image"])
    for name, pixels in zip(names, images, strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(pixels.transpose(1, 2, 0)).save(tmp_path / name)
    paths = [tmp_path / "benign", tmp_path / "malignant"]
    assert run("predict", *paths, "--weights", weights, "-o", tmp_path / "p.csv") == 0
    done = load_run(where / "run.json")
    stored = done.predictions.set_index("image")
    again = pd.read_csv(tmp_path / "p.csv")
    again.index = [image.removeprefix(f"{tmp_path.as_posix()}/") for image in again["image"]]
    for column in ("p_benign", "p_malignant"):
        np.testing.assert_allclose(again.loc[stored.index, column], stored[column], atol=1e-4)


def test_predict_skips_and_counts_what_it_cannot_read(weights, folder, tmp_path, capsys):
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:200])
    (folder / "2.png").write_text("no pixels")
    assert run("predict", folder, "--weights", weights, "-o", tmp_path / "p.csv") == 1
    assert len(pd.read_csv(tmp_path / "p.csv")) == 3
    said = capsys.readouterr().err
    assert f"skipped: {folder}/1.png: truncated or damaged" in said
    assert f"skipped: {folder}/2.png: not an image" in said
    assert "2 of 5 files skipped" in said


MISTAKES = {
    "predict {folder}/gone --weights {weights}": "gone: no such file or folder",
    "predict {folder}/empty --weights {weights}": "empty: no image there",
    "predict {folder}/notes.txt --weights {weights}": "None of 1 files can be used",
    "predict {folder} --weights {folder}/w.safetensors": "there is no file",
    "predict {folder} --weights {folder}/notes.txt": "not a safetensors file",
    "explain {folder} --weights {weights} --method gradcamm": "none of gradcam",
    "explain {folder} --weights {weights} --class cancer": "'cancer' is none of benign, malignant",
    "explain {folder} --weights {weights} --layer layer9": "layer9",
    "evaluate {weights}": "weights alone",
    "evaluate {run} --part train": "Stored are val and test",
    "evaluate {weights} --prepared {prepared} --part val": "give --split too",
    "evaluate {weights} --prepared {folder}": "not a prepared data set",
    "evaluate {run} --split s.csv": "--split belongs to --prepared",
    "evaluate {run} --classes a b": "belong to --network",
    "evaluate {folder}": "not a finished run",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_mistakes_write_nothing(trained, weights, folder, words, tmp_path, refused):
    (folder / "empty").mkdir()
    names = {"folder": folder, "run": trained[0], "prepared": trained[1], "weights": weights}
    words, says = words.format(**names).split(), re.escape(MISTAKES[words])
    refused(*words, "--output", tmp_path / "out", says=says)


def test_evaluate_a_run_and_its_weights_agree(trained, weights, tmp_path, capsys):
    where, prepared, split = trained
    first, second = tmp_path / "run.csv", tmp_path / "weights.csv"
    assert run("evaluate", where, "--part", "val", "--resamples", 50, "-o", first) == 0
    assert "accuracy" in capsys.readouterr().out
    words = ["--prepared", prepared, "--split", split, "--part", "val", "--resamples", 50]
    assert run("evaluate", weights, *words, "-o", second) == 0
    stored, fresh = pd.read_csv(first), pd.read_csv(second)
    labels, probabilities, patients = load_run(where / "run.json").part("val")
    expected = classification_metrics(labels, probabilities)
    assert dict(zip(stored["metric"], stored["value"], strict=True)) == pytest.approx(
        expected, abs=1e-6, nan_ok=True
    )
    np.testing.assert_allclose(stored["value"], fresh["value"], atol=1e-6)
    np.testing.assert_allclose(stored["low"], fresh["low"], atol=1e-6)
    assert set(stored["images"]) == {len(labels)} and set(stored["part"]) == {"val"}
    assert set(stored["patients"]) == {len(set(patients))}
    assert run("evaluate", where, "--prepared", prepared, "--resamples", 9, "-o", first) == 0
    assert set(pd.read_csv(first)["images"]) == {40} and set(pd.read_csv(first)["part"]) == {"all"}


def test_evaluate_a_manifest(weights, folder, tmp_path, refused):
    rows = [(f"{n}.png", ("benign", "malignant")[n % 2], "") for n in range(4)]
    manifest = folder / "manifest.csv"
    pd.DataFrame(rows, columns=["path", "label", "group"]).to_csv(manifest, index=False)
    words = ["evaluate", weights, "--manifest", manifest, "--resamples", 20, "-o", tmp_path / "m"]
    assert run(*words) == 0
    table = pd.read_csv(tmp_path / "m").set_index("metric")
    assert set(table["images"]) == {4} and set(table["patients"]) == {0}
    assert 0 <= table.loc["accuracy", "low"] <= table.loc["accuracy", "value"]
    (folder / "3.png").write_text("no pixels")
    refused(*words, says="3.png: not an image")
    manifest.write_text("path,label\n")
    refused(*words, says="manifest.csv: lists no image")
    manifest.write_text("path,label\n0.png,odd\n")
    refused(*words, says="0.png has the label 'odd'")


def test_evaluate_knows_the_images_that_the_weights_were_trained_on(tmp_path, capsys):
    """Whatever list they are in, and whatever their files are called."""
    for label, level in {"benign": 80, "malignant": 160}.items():
        for number in range(10):
            save_noise(tmp_path / f"{label}{number}.png", seed=level + number)
    names = sorted(path.name for path in tmp_path.glob("*.png"))
    rows = [f"{name},{name[:-5]}\n" for name in names]
    (tmp_path / "manifest.csv").write_text("path,label\n" + "".join(rows))
    listed, prepared = tmp_path / "set/manifest.csv", tmp_path / "set"
    words = ["mine", "--manifest", tmp_path / "manifest.csv", "--classes", "benign", "malignant"]
    assert run("manifest", *words, "-o", listed) == 0
    assert run("prepare", listed, "--image-size", 32, "-o", prepared) == 0
    assert run("split", listed, "-o", tmp_path / "split.csv") == 0
    settings = training_settings(epochs=1, batch_size=4, weights="random")
    given = (prepared, tmp_path / "split.csv", tmp_path / "run", settings)
    train_run("resnet50", *given)
    parts = pd.read_csv(tmp_path / "split.csv")["part"].value_counts()

    def seen(*words) -> set[int]:
        capsys.readouterr()
        table = tmp_path / "m.csv"
        assert run("evaluate", tmp_path / "run", *words, "--resamples", 9, "-o", table) == 0
        return set(pd.read_csv(table)["seen_in_training"])

    assert seen("--manifest", tmp_path / "manifest.csv") == {parts["train"]}
    assert f"was trained on {parts['train']} of 20 images here" in capsys.readouterr().err
    tests = ["--prepared", prepared, "--split", tmp_path / "split.csv"]
    assert seen(*tests) == {0} and "warning" not in capsys.readouterr().err
    trained = pd.read_csv(tmp_path / "split.csv").query("part == 'train'")["image"].iloc[0]
    (tmp_path / trained).rename(tmp_path / "renamed.png")
    label = trained[:-5]
    (tmp_path / "one.csv").write_text(f"path,label\nrenamed.png,{label}\n")
    assert seen("--manifest", tmp_path / "one.csv") == {1}


def test_evaluate_refuses_images_of_other_classes_or_another_size(
    weights, make_prepared, tmp_path, refused
):
    other, _ = make_prepared(classes=["malignant", "benign"])
    larger, _ = make_prepared("larger", size=48)
    words = ["evaluate", weights, "-o", tmp_path / "m.csv"]
    refused(*words, "--prepared", other, says="classes malignant, benign, but")
    refused(*words, "--prepared", larger, says="Prepare it with --image-size 32")


# --- explain ------------------------------------------------------------------------------------


def test_explain_writes_overlays_of_the_image_s_size_and_a_row_each(weights, folder, tmp_path):
    from PIL import Image

    (folder / "other").mkdir()
    save_noise(folder / "other/0.png", 7, size=(36, 50))  # the name of another image
    out = tmp_path / "out"
    words = ["explain", folder, "--weights", weights, "--layer", "layer1"]
    assert run(*words, "--method", "gradcam", "-o", out) == 0
    table = pd.read_csv(out / "explanations.csv")
    assert len(table) == 6 and table["overlay"].is_unique
    assert (table["explained"] == table["predicted"]).all()
    for row in table.itertuples():
        with Image.open(row.image) as image, Image.open(out / row.overlay) as overlay:
            assert overlay.size == image.size and overlay.mode == "RGB"
    assert run("predict", folder, "--weights", weights, "-o", tmp_path / "p.csv") == 0
    alone = pd.read_csv(tmp_path / "p.csv")
    pd.testing.assert_frame_equal(table[list(alone)], alone)


def test_explain_again_into_the_same_folder(weights, folder, tmp_path, refused):
    """What is there afterwards is of the second call, but for the user's own files."""
    out = tmp_path / "out"
    words = ["explain", "--weights", weights, "--layer", "layer1", "-o", out]
    assert run(*words, folder, "--method", "gradcam") == 0
    (out / "notes.txt").write_text("mine")
    refused(*words, folder / "2.png", "--method", "eigencam", "--class", "odd", says="'odd'")
    assert len(list(out.iterdir())) == 5 + 3, "a mistake leaves the earlier files"
    assert run(*words, folder / "2.png", "--method", "eigencam") == 0
    names = {path.name for path in out.iterdir()}
    assert names == {"2_eigencam.png", "explanations.csv", "index.html", "notes.txt"}
    assert list(pd.read_csv(out / "explanations.csv")["overlay"]) == ["2_eigencam.png"]
    (out / "3_eigencam.png").write_text("mine")
    refused(*words, folder / "3.png", "--method", "eigencam", says="3_eigencam.png: in the way")
