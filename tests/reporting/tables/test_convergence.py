"""The table and the figure of epochs."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from paper_code.errors import UserError
from paper_code.files import read_json, write_csv, write_json
from paper_code.reporting.figures import convergence as figure_convergence
from paper_code.reporting.figures import curves
from paper_code.reporting.plotting import COLOURS, network_look
from paper_code.reporting.tables import convergence

CLASSES = ["benign", "malignant"]


@pytest.fixture
def run(tmp_path):
    """A run of DALAResNet50 with two epochs."""
    folder = tmp_path / "run"
    names = [f"{i}.png" for i in range(6)]
    labels = CLASSES * 3
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
    return str(folder / "run.json")


def test_every_epoch_is_a_row(run, tmp_path):
    convergence.write(str(tmp_path / "c.csv"), runs=[run], scale="demo")
    table = pd.read_csv(tmp_path / "c.csv")
    assert table["epoch"].tolist() == [1, 2]
    assert table["train_loss"].tolist() == [1.0, 0.5]
    assert table["val_accuracy"].tolist() == [0.0, 1.0]
    assert table["train_seconds"].tolist() == [3.0, 2.0]
    assert set(table["obstacles"]) == {"phantom, demo scale, random weights"}
    assert set(table["seed"]) == {3}
    assert "phantom (6)" in (tmp_path / "c.md").read_text()
    figure_convergence.draw(str(tmp_path / "c.png"), tables=[str(tmp_path / "c.csv")])
    assert np.asarray(Image.open(tmp_path / "c.png")).std() > 0
    assert (tmp_path / "c.pdf").is_file()


@pytest.fixture
def two_splits(run, tmp_path):
    """The same run on two splits, as `split_seeds: [0, 1]` makes them: seed 3 on either."""
    folders = []
    for split_seed in (0, 1):
        folder = tmp_path / f"image-{split_seed}-3"
        shutil.copytree(Path(run).parent, folder)
        write_json(folder / "run.json", read_json(run) | {"split_seed": split_seed})
        folders.append(folder)
    history = pd.read_csv(folders[1] / "history.csv")
    write_csv(folders[1] / "history.csv", history.assign(train_loss=[0.8, 0.2]))
    return [str(folder / "run.json") for folder in folders]


def test_runs_of_one_seed_on_two_splits_are_two_runs(two_splits, tmp_path, monkeypatch):
    """They were merged into one run of four epochs, which the figure drew as a zigzag."""
    convergence.write(str(tmp_path / "c.csv"), runs=two_splits, scale="demo")
    drawn = []
    monkeypatch.setattr(
        figure_convergence.plt.Axes, "plot", lambda self, x, y, **_: drawn.append(list(y))
    )
    table = pd.read_csv(tmp_path / "c.csv")
    table["val_accuracy"] = [0.0, 1.0, 0.5, 0.5]
    table.to_csv(tmp_path / "c.csv", index=False)
    figure_convergence.draw(str(tmp_path / "c.png"), tables=[str(tmp_path / "c.csv")])
    assert drawn == [[0.0, 1.0], [0.5, 0.5], [0.25, 0.75]], "each run, then their mean"


def test_a_history_that_is_cut_short_is_named(run, tmp_path):
    write_csv(tmp_path / "run" / "history.csv", pd.DataFrame({"epoch": [1]}))
    with pytest.raises(UserError, match=r"history\.csv: not as many epochs"):
        convergence.write(str(tmp_path / "c.csv"), runs=[run], scale="demo")
    assert not (tmp_path / "c.csv").exists()


def test_a_network_has_one_look_in_every_figure():
    assert len(set(COLOURS.values())) == len(COLOURS) == 9
    assert curves.network_look is figure_convergence.network_look is network_look
    placed = network_look("dalaresnet50-layer2")
    assert (placed["color"], placed["linestyle"]) == (COLOURS["dalaresnet50"], ":")
