"""The tables that the notebooks read beside the paper's own: epochs and gate weights."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from paper_code.errors import UserError
from paper_code.files import read_json, write_csv, write_json
from paper_code.networks.dalaresnet50 import DALAResNet50
from paper_code.networks.weights import save_weights
from paper_code.reporting.figures import convergence as figure_convergence
from paper_code.reporting.tables import convergence, gate

CLASSES = ["benign", "malignant"]


@pytest.fixture
def run(tmp_path):
    """A run of DALAResNet50 with two epochs and its prepared data set of six 32-px images."""
    prepared, folder = tmp_path / "breakhis_40x", tmp_path / "run"
    rng = np.random.default_rng(0)
    prepared.mkdir()
    names = [f"{i}.png" for i in range(6)]
    labels = CLASSES * 3
    np.save(prepared / "images.npy", rng.integers(0, 256, (6, 3, 32, 32), dtype=np.uint8))
    write_csv(prepared / "manifest.csv", pd.DataFrame({"image": names, "label": labels}))
    write_json(prepared / "source.json", {"dataset": "breakhis_40x"})
    parts = ["val", *["test"] * 5]
    predictions = pd.DataFrame({"image": names, "label": labels, "group": "", "part": parts})
    predictions = predictions.assign(predicted=labels, p_benign=0.5, p_malignant=0.5)
    write_csv(folder / "predictions.csv", predictions.iloc[::-1])  # any order
    history = {
        "epoch": [1, 2],
        "train_loss": [1.0, 0.5],
        "val_loss": [0.9, 0.8],
        "val_accuracy": [0.0, 1.0],
    }
    write_csv(folder / "history.csv", pd.DataFrame(history))
    seconds = {"train_seconds": [3.0, 2.0], "val_seconds": [1.0, 0.5]}
    write_json(folder / "timing.json", {"epoch_seconds": seconds, "hardware": "a GPU"})
    facts = {
        "network": "dalaresnet50",
        "dataset": "breakhis_40x",
        "classes": CLASSES,
        "by": "image",
        "split_seed": 3,
        "seed": 3,
        "weights": "random",
        "frozen": False,
        "dropout": 0.25,
        "selected_epoch": 2,
        "data": {"source": "phantom", "complete": False, "description": "phantom (6)"},
        "settings": {
            "image_size": 32,
            "epochs": 2,
            "batch_size": 2,
            "learning_rate": 1e-4,
            "precision": "fp32",
            "select_epoch": "best",
        },
        "provenance": {"hardware": "a GPU", "versions": {"torch": "2"}, "commit": "abc"},
    }
    write_json(folder / "run.json", facts)
    torch.manual_seed(0)
    network = DALAResNet50(num_classes=2)
    save_weights(folder / "weights.safetensors", network, {})
    return str(folder / "run.json"), str(prepared), network.eval()


def test_every_epoch_is_a_row(run, tmp_path):
    convergence.write(str(tmp_path / "c.csv"), runs=[run[0]], scale="demo")
    table = pd.read_csv(tmp_path / "c.csv")
    assert table["epoch"].tolist() == [1, 2]
    assert table["train_loss"].tolist() == [1.0, 0.5]
    assert table["val_accuracy"].tolist() == [0.0, 1.0]
    assert table["train_seconds"].tolist() == [3.0, 2.0]
    assert set(table["obstacles"]) == {"phantom, demo scale, random weights"}
    assert set(table["seed"]) == {3}
    line = (
        "| BreakHis 40X | DALAResNet50 | 3 | 2 | 2 | 1.000 | 0.500 | 0.900 | 0.800 | 1.000 | 3.25 |"
    )
    assert line in (tmp_path / "c.md").read_text()
    figure_convergence.draw(str(tmp_path / "c.png"), tables=[str(tmp_path / "c.csv")])
    assert np.asarray(Image.open(tmp_path / "c.png")).std() > 0
    assert (tmp_path / "c.pdf").is_file()


@pytest.fixture
def two_splits(run, tmp_path):
    """The same run on two splits, as `split_seeds: [0, 1]` makes them: seed 3 on either."""
    folders = []
    for split_seed in (0, 1):
        folder = tmp_path / f"image-{split_seed}-3"
        shutil.copytree(Path(run[0]).parent, folder)
        write_json(folder / "run.json", read_json(run[0]) | {"split_seed": split_seed})
        folders.append(folder)
    history = pd.read_csv(folders[1] / "history.csv")
    write_csv(folders[1] / "history.csv", history.assign(train_loss=[0.8, 0.2]))
    return [str(folder / "run.json") for folder in folders]


def test_runs_of_one_seed_on_two_splits_are_two_runs(two_splits, tmp_path, monkeypatch):
    """They were merged into one run of four epochs, which the figure drew as a zigzag."""
    convergence.write(str(tmp_path / "c.csv"), runs=two_splits, scale="demo")
    page = (tmp_path / "c.md").read_text()
    for split_seed, losses in ((0, "1.000 | 0.500"), (1, "0.800 | 0.200")):
        assert f"| 3 (split {split_seed}) | 2 | 2 | {losses} |" in page
    drawn = []
    monkeypatch.setattr(
        figure_convergence.Axes, "plot", lambda self, x, y, *_, **__: drawn.append(np.array(y))
    )
    figure_convergence.draw(str(tmp_path / "c.png"), tables=[str(tmp_path / "c.csv")])
    losses = [line.tolist() for line in drawn[4:8]]  # of the second measure: runs, mean, end
    assert losses == [[1.0, 0.5], [0.8, 0.2], [0.9, 0.35], 0.35]


def test_gates_of_one_seed_on_two_splits_are_two_lines(two_splits, run, tmp_path):
    """The table of gates ended in a TypeError."""
    gate.write(str(tmp_path / "g.csv"), runs=two_splits, prepared=[run[1]], scale="demo")
    page = (tmp_path / "g.md").read_text()
    assert "| 3 (split 0) | 5 |" in page and "| 3 (split 1) | 5 |" in page
    table = pd.read_csv(tmp_path / "g.csv")
    assert table.groupby("split_seed").size().nunique() == 1 and set(table["split_seed"]) == {0, 1}


def test_a_history_that_is_cut_short_is_named(run, tmp_path):
    write_csv(tmp_path / "run" / "history.csv", pd.DataFrame({"epoch": [1]}))
    with pytest.raises(UserError, match=r"history\.csv: not as many epochs"):
        convergence.write(str(tmp_path / "c.csv"), runs=[run[0]], scale="demo")
    assert not (tmp_path / "c.csv").exists()


def test_gate_weights_are_those_of_equation_3(run, tmp_path):
    path, prepared, network = run
    gate.write(str(tmp_path / "g.csv"), runs=[path], prepared=[prepared], scale="demo")
    value = pd.read_csv(tmp_path / "g.csv").set_index("statistic")["value"]
    images = torch.from_numpy(np.load(tmp_path / "breakhis_40x" / "images.npy")[1:])
    seen = []
    network.layer4.register_forward_hook(lambda *arguments: seen.append(arguments[2]))
    with torch.inference_mode():
        network(images / 127.5 - 1)
        weights = network.gate.weights(seen[0]).numpy()
    assert (value["images"], value["classes"], value["channels"]) == (5, 2, 2048)
    off = (weights == 0).all(axis=0).sum()  # one at the edge may fall on either side of it
    assert off > 2 and value["off"] == pytest.approx(off, abs=2)
    assert value["mean"] == pytest.approx(weights.mean(), abs=1e-5)
    assert value["zero_share"] == pytest.approx((weights == 0).mean(), abs=1e-3)
    assert value["quantile_50"] == pytest.approx(np.median(weights.mean(axis=0)), abs=1e-5)


def test_variance_between_classes():
    labels = np.array(["a", "a", "b", "b"])
    apart = np.array([[0.0], [0.0], [1.0], [1.0]])
    alike = np.array([[0.0], [1.0], [0.0], [1.0]])
    assert gate.explained(apart, labels) == pytest.approx(1)
    assert gate.explained(alike, labels) == pytest.approx(0)
    # A channel that does not vary is left out of the mean.
    assert gate.explained(np.hstack([apart, alike, 0 * alike]), labels) == pytest.approx(0.5)
    assert np.isnan(gate.explained(np.zeros((4, 1)), labels))


def test_a_run_on_other_images_is_named(run, tmp_path):
    others = pd.DataFrame({"image": [f"other{i}.png" for i in range(6)], "label": CLASSES * 3})
    write_csv(tmp_path / "breakhis_40x" / "manifest.csv", others)
    with pytest.raises(UserError, match="trained on other images"):
        gate.write(str(tmp_path / "g.csv"), runs=[run[0]], prepared=[run[1]], scale="demo")
    with pytest.raises(UserError, match="prepared folder of breakhis_40x"):
        gate.write(str(tmp_path / "g.csv"), runs=[run[0]], prepared=[], scale="demo")


def test_a_network_has_one_colour_in_every_figure(run, tmp_path, monkeypatch):
    """In the figure of epochs the named networks look as in the ROC figure; the rest is grey."""
    from paper_code.reporting.figures import curves
    from paper_code.reporting.plotting import COLOURS, network_look

    assert len(set(COLOURS.values())) == len(COLOURS) == 9
    assert curves.network_look is figure_convergence.network_look is network_look
    looks = {name: figure_convergence._look(name) for name in COLOURS}
    for name in figure_convergence.NAMED:
        assert looks[name]["color"] == COLOURS[name]
    others = [look for name, look in looks.items() if name not in figure_convergence.NAMED]
    assert others == [figure_convergence.GREY] * 7
    placed = figure_convergence._look("dalaresnet50-layer2")
    assert (placed["color"], placed["linestyle"]) == (COLOURS["dalaresnet50"], ":")
