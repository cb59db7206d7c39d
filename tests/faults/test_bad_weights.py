"""Weights files that are damaged, hostile or of something else."""

import builtins
import json
import pickle
import struct

import pytest
import torch
from conftest import save_noise
from safetensors.torch import load_file, save_file

from paper_code import cli
from paper_code.networks.builder import build_network
from paper_code.networks.weights import read_metadata, save_weights

FIRST = "features.conv0.weight"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Weights of an untrained DenseNet121, the smallest of the nine, as `train` writes them."""
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    torch.manual_seed(0)
    notes = {"dataset": "bach", "classes": json.dumps(["a", "b"]), "data": "real"}
    save_weights(path, build_network("densenet121", 2, image_size=32), notes)
    return path


@pytest.fixture
def damaged(whole, tmp_path):
    """damaged(change) -> weights with other tensors and metadata."""

    def write(change) -> str:
        tensors, notes = load_file(whole), read_metadata(whole)
        change(tensors, notes)
        path = tmp_path / "weights.safetensors"
        save_file(tensors, path, metadata=notes or None)
        return str(path)

    return write


class Harm:
    """What a pickle may do when it is read."""

    def __reduce__(self):
        return exec, ("import builtins; builtins.harmed = True",)


DAMAGED, OTHER = "damaged or incomplete safetensors file", "not a safetensors file"
BYTES = {
    "a pickle": (pickle.dumps(Harm()), "a file of torch.save"),
    "a pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "offsets behind the end": (
        struct.pack("<Q", 66)
        + b'{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8000000000]}}'.ljust(66),
        DAMAGED,
    ),
}


@pytest.fixture
def predict(tmp_path, refused):
    image = save_noise(tmp_path / "image.png")

    def check(path, says: str) -> None:
        said = refused("predict", image, "--weights", path, "-o", tmp_path / "p.csv", says=says)
        assert str(path) in said

    return check


@pytest.mark.parametrize("kind", [*BYTES, "cut short"])
def test_other_bytes(kind, whole, tmp_path, predict):
    content, says = BYTES.get(kind) or (whole.read_bytes()[:-100], DAMAGED)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    predict(path, says)
    assert not hasattr(builtins, "harmed")


TENSORS = {
    "not a number": (lambda t: t[FIRST][0].fill_(float("nan")), "not finite numbers, in features"),
    "one missing": (lambda t: t.pop(FIRST), "does not fit densenet121"),
}


@pytest.mark.parametrize("fault", TENSORS)
def test_other_tensors(fault, damaged, predict):
    change, says = TENSORS[fault]
    predict(damaged(lambda tensors, notes: change(tensors)), says)


NOTES = [
    ({}, "was not written by paper_code"),
    ({"network": "resnet50"}, "does not fit resnet50"),
    ({"network": "dalaresnet50"}, "was not written by paper_code"),  # no word about its gate
    ({"classes": None}, "does not say classes"),
    ({"classes": '["a", "a"]'}, "what it says of its classes"),
]


@pytest.mark.parametrize(("changes", "says"), NOTES, ids=lambda x: str(x)[:40])
def test_other_metadata(changes, says, damaged, predict):
    def change(tensors, notes):
        kept = {} if not changes else {k: v for k, v in (notes | changes).items() if v is not None}
        notes.clear()
        notes.update(kept)

    predict(damaged(change), says)


def test_half_precision_is_accepted(damaged, whole, tmp_path):
    def halve(tensors, notes):
        for key, value in tensors.items():
            tensors[key] = value.half()

    image = save_noise(tmp_path / "image.png")
    tables = []
    for path in (damaged(halve), whole):
        words = ["predict", image, "--weights", path, "-o", tmp_path / "p.csv"]
        assert cli.main([str(word) for word in words]) == 0
        tables.append([float(x) for x in (tmp_path / "p.csv").read_text().split(",")[-2:]])
    assert tables[0] == pytest.approx(tables[1], abs=0.01)
