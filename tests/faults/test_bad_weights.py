"""Weights files that are damaged, hostile or of something else."""

import builtins
import json
import pickle
import struct

import pytest
import torch
from conftest import save_noise
from safetensors.torch import load_file, save_file

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


CHANGES = {
    "not a number": (
        lambda tensors, notes: tensors[FIRST][0].fill_(float("nan")),
        "not finite numbers, in features",
    ),
    "one missing": (lambda tensors, notes: tensors.pop(FIRST), "does not fit densenet121"),
    "no notes": (lambda tensors, notes: notes.clear(), "was not written by paper_code"),
    "another network": (
        lambda tensors, notes: notes.update(network="resnet50"),
        "does not fit resnet50",
    ),
    "no classes": (lambda tensors, notes: notes.pop("classes"), "does not say classes"),
    "a class twice": (
        lambda tensors, notes: notes.update(classes='["a", "a"]'),
        "what it says of its classes",
    ),
}


@pytest.mark.parametrize("fault", CHANGES)
def test_other_tensors_or_notes(fault, whole, tmp_path, predict):
    change, says = CHANGES[fault]
    tensors, notes = load_file(whole), read_metadata(whole)
    change(tensors, notes)
    save_file(tensors, tmp_path / "weights.safetensors", metadata=notes or None)
    predict(tmp_path / "weights.safetensors", says)
