"""Files of earlier steps that are truncated, damaged or of another set, and checkpoints."""

import builtins
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import write_prepared

from paper_code import cli
from paper_code.files import read_json, write_csv, write_json
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
def test_truncated_array(share, prepared, train):
    cut(prepared[0] / "images.npy", share)
    train("images.npy: truncated or damaged")


ARRAYS = {
    "objects, which are pickled": (np.array([{"a": 1}], dtype=object), "truncated or damaged"),
    "floating point": (np.zeros((40, 3, 32, 32), np.float32), "not an array of bytes"),
    "fewer images": (np.zeros((39, 3, 32, 32), np.uint8), "39 images, but the manifest lists 40"),
}


@pytest.mark.parametrize("fault", ARRAYS)
def test_another_array(fault, prepared, train):
    array, says = ARRAYS[fault]
    np.save(prepared[0] / "images.npy", array)
    train(says)


@pytest.mark.parametrize("share", [0, 0.5])
@pytest.mark.parametrize("name", ["manifest.csv", "source.json", "split"])
def test_truncated_lists(share, name, prepared, train):
    folder, split = prepared
    path = split if name == "split" else folder / name
    cut(path, share)
    train(path.name)


@pytest.mark.parametrize("name", ["images.npy", "manifest.csv", "source.json"])
def test_missing_files(name, prepared, train):
    (prepared[0] / name).unlink()
    train(name)


SPLITS = {
    "rows in another order": lambda table: table.iloc[::-1],
    "one row less": lambda table: table.iloc[:-1],
    "no column of parts": lambda table: table.drop(columns="part"),
    "an unknown part": lambda table: table.assign(part=["tests", *table["part"].iloc[1:]]),
    "no test images": lambda table: table.assign(part=table["part"].replace("test", "val")),
    "another label": lambda table: table.assign(label=["malignant", *table["label"].iloc[1:]]),
}


@pytest.mark.parametrize("fault", SPLITS)
def test_another_split(fault, prepared, train):
    split = prepared[1]
    write_csv(split, SPLITS[fault](pd.read_csv(split, dtype=str)))
    train("split.csv")


def test_source_that_lacks_a_key(prepared, train):
    path = prepared[0] / "source.json"
    facts = read_json(path)
    del facts["classes"]
    write_json(path, facts)
    train("source.json: does not say classes")


@pytest.mark.parametrize("text", ["[]", "{"])
def test_source_that_is_no_object(text, prepared, train):
    (prepared[0] / "source.json").write_text(text)
    train("source.json")


def test_manifest_with_a_class_of_its_own(prepared, train):
    for path in (prepared[0] / "manifest.csv", prepared[1]):
        table = pd.read_csv(path, dtype=str)
        write_csv(path, table.replace({"label": {"malignant": "insitu"}}))
    train("label 'insitu' is not one of the classes")


# --- a finished run --------------------------------------------------------------------------


@pytest.fixture
def run(prepared, tmp_path):
    """What tables read of a run: facts and predictions of 12 test images."""
    folder = tmp_path / "run"
    table = pd.read_csv(prepared[1], dtype=str).query("part == 'test'")
    table = table.assign(predicted="benign", p_benign=0.75, p_malignant=0.25)
    facts = {"dataset": "breakhis_40x", "network": "resnet50", "classes": ["benign", "malignant"]}
    facts |= {"predictions": len(table), "data": read_json(prepared[0] / "source.json")}
    folder.mkdir()
    write_csv(folder / "predictions.csv", table)
    write_json(folder / "run.json", facts)
    return folder


@pytest.fixture
def evaluate(run, tmp_path, refused):
    def check(says: str) -> None:
        words = ["evaluate", run, "-o", tmp_path / "metrics.csv", "--resamples", 9]
        refused(*words, says=f"run.json: not a finished run .*{says}")

    return check


def test_a_whole_run_is_evaluated(run, tmp_path):
    words = ["evaluate", str(run), "-o", str(tmp_path / "m.csv"), "--resamples", "9"]
    assert cli.main(words) == 0


@pytest.mark.parametrize("share", [0, 0.5])
@pytest.mark.parametrize("name", ["predictions.csv", "run.json"])
def test_truncated_run(share, name, run, evaluate):
    cut(run / name, share)
    evaluate(name)


def test_predictions_cut_between_two_lines(run, evaluate):
    path = run / "predictions.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    evaluate("predictions.csv: 11 of 12 predictions")


CELLS = {
    "p_benign": ["nan", "1.5", "much", "0.4"],
    "label": ["insitu"],
}


@pytest.mark.parametrize(("column", "value"), [(c, v) for c, vs in CELLS.items() for v in vs])
def test_predictions_that_are_none(column, value, run, evaluate):
    table = pd.read_csv(run / "predictions.csv", dtype=str)
    table[column] = [*table[column].iloc[:-1], value]
    write_csv(run / "predictions.csv", table)
    evaluate("predictions.csv")


def test_predictions_without_a_column(run, evaluate):
    table = pd.read_csv(run / "predictions.csv", dtype=str)
    write_csv(run / "predictions.csv", table.drop(columns="group"))
    evaluate("column missing: group")


def test_table_of_a_truncated_run(run, tmp_path, refused):
    cut(run / "predictions.csv", 0.3)
    words = ["table", "07", "--runs", run, "--scale", "demo", "--resamples", 9]
    refused(*words, "-o", tmp_path / "t.csv", says=r"run\.json: not a finished run")


@pytest.mark.parametrize("command", ["split", "prepare"])
def test_truncated_manifest_of_a_data_set(command, prepared, tmp_path, refused):
    path = prepared[0] / "manifest.csv"
    cut(path, 0.9)
    refused(command, path, "-o", tmp_path / "out", says="manifest.csv")


# --- checkpoints -----------------------------------------------------------------------------


class Harm:
    """What a pickle may do when it is read."""

    def __reduce__(self):
        return exec, ("import builtins; builtins.harmed = True",)


def parts():
    torch.manual_seed(0)
    network = torch.nn.Linear(100, 3)
    return network, torch.optim.Adam(network.parameters()), torch.amp.GradScaler("cpu"), State()


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "checkpoint.pt"
    network, optimizer, scaler, state = parts()
    state.epoch = 1
    save_checkpoint(path, "identity", network, optimizer, scaler, state)
    return path


CHECKPOINTS = {
    "no bytes": lambda c: b"",
    "cut in the middle": lambda c: c[: len(c) // 2],
    "text": lambda c: b"not a checkpoint",
    "zeros": lambda c: bytes(len(c)),
}


@pytest.mark.parametrize("fault", CHECKPOINTS)
def test_a_damaged_checkpoint_costs_time_alone(fault, checkpoint, capsys):
    checkpoint.write_bytes(CHECKPOINTS[fault](checkpoint.read_bytes()))
    network, optimizer, scaler, state = parts()
    before = network.weight.detach().clone()
    load_checkpoint(checkpoint, "identity", network, optimizer, scaler, state, epochs=3)
    assert state.epoch == 0 and torch.equal(network.weight, before)
    assert "damaged checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize("content", [Harm(), [1], {"identity": "identity"}])
def test_a_checkpoint_of_something_else(content, checkpoint, capsys):
    torch.save(content, checkpoint)
    network, optimizer, scaler, state = parts()
    load_checkpoint(checkpoint, "identity", network, optimizer, scaler, state, epochs=3)
    assert state.epoch == 0
    assert not hasattr(builtins, "harmed")
    assert "damaged checkpoint" in capsys.readouterr().err


def test_a_byte_of_a_checkpoint_that_changed(checkpoint, capsys):
    """Its weights have check sums: no changed byte of them is trained on."""
    content = checkpoint.read_bytes()
    network, optimizer, scaler, state = parts()
    weights = network.weight.detach().numpy().tobytes()
    place = content.index(weights) + 100
    checkpoint.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    load_checkpoint(checkpoint, "identity", network, optimizer, scaler, state, epochs=3)
    assert state.epoch == 0
    assert "damaged checkpoint" in capsys.readouterr().err
