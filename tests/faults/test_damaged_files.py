"""Files of earlier steps that are truncated, damaged or of another set, and checkpoints."""

import builtins
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import write_prepared
from test_bad_weights import Harm

from paper_code.files import write_csv
from paper_code.training.checkpoint import load_checkpoint, save_checkpoint
from paper_code.training.loop import State


@pytest.fixture
def prepared(tmp_path):
    """A prepared data set of 40 images and its split."""
    return write_prepared(tmp_path / "set")


@pytest.fixture
def train(prepared, tmp_path, refused):
    def check(says: str) -> None:
        folder, split = prepared
        words = ["--prepared", folder, "--split", split, "-o", tmp_path / "run", "--epochs", 1]
        refused("train", "resnet50", *words, says=says)

    return check


def cut(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


@pytest.mark.parametrize("share", [0, 0.5])
@pytest.mark.parametrize("name", ["images.npy", "manifest.csv", "source.json", "split"])
def test_truncated(share, name, prepared, train):
    folder, split = prepared
    path = split if name == "split" else folder / name
    cut(path, share)
    train(path.name)


ARRAYS = {
    "objects, which are pickled": (np.array([{"a": 1}], dtype=object), "truncated or damaged"),
    "floating point": (np.zeros((40, 3, 32, 32), np.float32), "not an array of bytes"),
    "fewer images": (np.zeros((39, 3, 32, 32), np.uint8), "39 images, but the manifest lists 40"),
}


@pytest.mark.parametrize("fault", ARRAYS)
def test_another_array(fault, prepared, train):
    array, says = ARRAYS[fault]
    np.save(prepared[0] / "images.npy", array)
    train(f"images.npy: {says}")


SPLITS = {
    "rows in another order": lambda table: table.iloc[::-1],
    "no column of parts": lambda table: table.drop(columns="part"),
    "another label": lambda table: table.assign(label=["malignant", *table["label"].iloc[1:]]),
    "a seed that is no number": lambda table: table.assign(seed="first"),
}


@pytest.mark.parametrize("fault", SPLITS)
def test_another_split(fault, prepared, train):
    split = prepared[1]
    write_csv(split, SPLITS[fault](pd.read_csv(split, dtype=str)))
    train("split.csv")


@pytest.fixture
def run(make_run) -> Path:
    """A run of 12 test images and 4 for validation."""
    return Path(make_run(images=12, predictions=16)).parent


@pytest.fixture
def evaluate(run, tmp_path, refused):
    def check(says: str) -> None:
        words = ["evaluate", run, "-o", tmp_path / "metrics.csv", "--resamples", 9]
        refused(*words, says=f"run.json: not a finished run .*{says}")

    return check


@pytest.mark.parametrize("share", [0, 0.5])
@pytest.mark.parametrize("name", ["predictions.csv", "run.json"])
def test_truncated_run(share, name, run, evaluate):
    cut(run / name, share)
    evaluate(name)


def test_predictions_cut_between_two_lines(run, evaluate):
    path = run / "predictions.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    evaluate("predictions.csv: 15 of 16 predictions")


@pytest.mark.parametrize(("column", "value"), [("p_benign", "nan"), ("label", "insitu")])
def test_predictions_that_are_none(column, value, run, evaluate):
    table = pd.read_csv(run / "predictions.csv", dtype=str)
    table[column] = [*table[column].iloc[:-1], value]
    write_csv(run / "predictions.csv", table)
    evaluate("predictions.csv")


def parts():
    torch.manual_seed(0)
    network = torch.nn.Linear(100, 3)
    return network, torch.optim.Adam(network.parameters()), torch.amp.GradScaler("cpu"), State()


@pytest.mark.parametrize("content", [Harm(), {"identity": "identity"}, b"", "a byte has changed"])
def test_a_checkpoint_that_cannot_be_used_costs_time_alone(content, tmp_path, capsys):
    """Its weights have check sums: no changed byte of them is trained on."""
    path, (network, *others) = tmp_path / "checkpoint.pt", parts()
    others[-1].epoch = 1
    save_checkpoint(path, "identity", network, *others)
    if isinstance(content, str):
        whole = path.read_bytes()
        place = whole.index(network.weight.detach().numpy().tobytes()) + 100
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    network, optimizer, scaler, state = parts()
    load_checkpoint(path, "identity", network, optimizer, scaler, state, epochs=3)
    assert state.epoch == 0
    assert not hasattr(builtins, "harmed")
    assert "damaged checkpoint" in capsys.readouterr().err
