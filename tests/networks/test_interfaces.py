"""DALAResNet50 as timm and torch.hub know networks, and its gate inside another one."""

import subprocess
import sys

import pytest
import timm
import torch
from conftest import ROOT, save_noise
from PIL import Image
from torch import nn

import paper_code.networks.timm_models
from paper_code.datasets.images import load_image
from paper_code.datasets.prepare import resize_image
from paper_code.errors import UserError
from paper_code.networks import DALAResNet50, build_network, save_weights
from paper_code.networks.forward import normalize


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return timm.create_model("dalaresnet50", num_classes=2, pretrained=False).eval()


@pytest.fixture(scope="module")
def images():
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_timm_builds_the_same_network(network, images):
    assert timm.is_model("dalaresnet50") and "dalaresnet50" in timm.list_models("dala*")
    torch.manual_seed(0)
    ours = build_network("dalaresnet50", 2).eval()
    assert network.settings.items() <= ours.settings.items()
    with torch.no_grad():
        assert torch.equal(network(images), ours(images))


def test_the_classifier_is_replaced_and_taken_off(images, tmp_path):
    network = timm.create_model("dalaresnet50", num_classes=5, drop_rate=0.1).double().eval()
    network.reset_classifier(3)
    assert network.num_classes == 3 and network.get_classifier().out_features == 3
    assert network(images.double()).shape == (1, 3) and network.fc[0].p == 0.1
    save_weights(tmp_path / "w.safetensors", network.float())
    again, facts = paper_code.networks.network_from_checkpoint(tmp_path / "w.safetensors")
    assert facts["num_classes"] == "3" and again.num_classes == 3
    network.reset_classifier(0)
    assert network(images).shape == (1, 2048) and isinstance(network.get_classifier(), nn.Identity)
    for arguments in ((1,), (2, "max")):
        with pytest.raises(UserError):
            network.reset_classifier(*arguments)
    assert network.num_classes == 0
    bare = timm.create_model("dalaresnet50", num_classes=0)
    assert bare(images).shape == (1, 2048)


@pytest.mark.parametrize("gate_after", [2, 4])
def test_features_only(gate_after, images):
    torch.manual_seed(0)
    options = {"gate_after": gate_after, "reduction": 16}
    features = timm.create_model("dalaresnet50", features_only=True, **options).eval()
    torch.manual_seed(0)
    whole = DALAResNet50(2, **options).eval()
    assert features.feature_info.channels() == [64, 256, 512, 1024, 2048]
    assert features.feature_info.reduction() == [2, 4, 8, 16, 32]
    with torch.no_grad():
        maps = features(images)
        x = whole.maxpool(whole.relu(whole.bn1(whole.conv1(images))))
        for position, level in enumerate(("layer1", "layer2", "layer3", "layer4"), start=1):
            x = whole.get_submodule(level)(x)
            x = whole.gate(x) if position == gate_after else x
            assert torch.equal(maps[position], x)
    some = timm.create_model("dalaresnet50", features_only=True, out_indices=(1, 3))
    assert [m.shape[1] for m in some(images)] == [256, 1024]


def test_timm_prepares_images_as_this_project_does(network, tmp_path):
    config = timm.data.resolve_model_data_config(network)
    assert config["mean"] == config["std"] == (0.5, 0.5, 0.5)
    assert config["input_size"] == (3, 224, 224)
    transform = timm.data.create_transform(**config, is_training=False)
    path = save_noise(tmp_path / "photo.png", size=(300, 260))
    ours = normalize(torch.from_numpy(resize_image(load_image(path), 224)[None].copy()))[0]
    assert (transform(Image.open(path)) - ours).abs().max() < 1e-5


def test_timm_reads_weights_of_this_project(images, tmp_path):
    torch.manual_seed(1)
    trained = build_network("dalaresnet50", 2).eval()
    save_weights(tmp_path / "weights.safetensors", trained)
    network = timm.create_model(
        "dalaresnet50", checkpoint_path=str(tmp_path / "weights.safetensors")
    )
    with torch.no_grad():
        assert torch.equal(network.eval()(images), trained(images))


@pytest.mark.parametrize(("name", "value"), [("in_chans", 1), ("global_pool", "max")])
def test_what_timm_cannot_have(name, value):
    with pytest.raises(UserError, match=name):
        timm.create_model("dalaresnet50", **{name: value})


def test_without_the_package_installed_and_when_timm_knows_the_network(tmp_path):
    """The clone that torch.hub makes is all that is needed; timm learns of it by one import."""
    code = (
        "import torch\n"
        f"network = torch.hub.load({str(ROOT)!r}, 'dalaresnet50', source='local')\n"
        "import paper_code, timm\n"
        f"assert paper_code.__file__.startswith({str(ROOT)!r})\n"
        "assert not timm.is_model('dalaresnet50')\n"
        "import paper_code.networks.timm_models\n"
        "assert timm.is_model('dalaresnet50')\n"
        "print(sum(p.numel() for p in network.parameters()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={}, capture_output=True, text=True
    )
    assert done.stdout.strip() == "25611842", done.stderr
