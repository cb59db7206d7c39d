"""The networks: what they count, compute, load, save and refuse."""

import hashlib

import pytest
import torch
import torch.nn.functional as F
import torchvision
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from paper_code.errors import UserError
from paper_code.networks import (
    NETWORKS,
    DALAResNet50,
    build_network,
    freeze_backbone,
    load_weights,
    network_from_checkpoint,
    pretrained,
    read_metadata,
    save_weights,
)
from paper_code.networks.gate import DualActivationGate, SigmoidGate
from paper_code.networks.registry import VARIANTS, parse_network
from paper_code.networks.vision_transformer import AnySizeViT
from paper_code.published import published_table

PRINTED = {
    (row["network"], row["dataset"]): int(row["value"])
    for table in ("09", "10")
    for row in published_table(table).query("metric == 'parameters'").to_dict("records")
}
CLASSES = {"breakhis": 2, "mini_ddsm": 3, "bach": 4}
# Printed minus counted where they differ. For the 4 classes of BACH the printed total holds an
# extra Linear(2048, 4), 8196 parameters: beside our network (resnet50, vit), or beside the same
# network with two outputs (vgg16, swin).
RESIDUALS = {
    ("resnet50", "bach"): 8196,
    ("vgg16", "bach"): 134268738 + 8196 - 134276932,
    ("vit", "bach"): 8196,
    ("swin", "bach"): 86745274 + 8196 - 86747324,
}
NAMED = {
    "dalaresnet50": (25611842, 24040643, 24042692),
    "resnet50": (23512130, 23514179, 23516228),
    "seresnet50": (26043122, 26045171, 26047220),
    "densenet121": (6955906, 6956931, 6957956),
    "vgg16": (134268738, 134272835, 134276932),
    "vgg16_inception": (8957666, 9101923, 9246180),
    "vit": (51375106, 51376131, 51377156),
    "swin": (86745274, 86746299, 86747324),
    "dinov2_vitb14": (86582018, 86582787, 86583556),
    "efficientnet_lite0": (3373570, 3374851, 3376132),
}
every_network = pytest.mark.parametrize("name", list(NETWORKS))


def build_on_meta(name, num_classes, reading="named", **options):
    with torch.device("meta"):
        return build_network(name, num_classes, reading, **options)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


# Parameter counts


@pytest.mark.parametrize(("name", "dataset"), PRINTED)
def test_counted_reading_gives_the_printed_total(name, dataset):
    """Tables IX and X."""
    if name == "vgg16_inception":
        with pytest.raises(UserError, match="could not be identified"):
            build_on_meta(name, CLASSES[dataset], "counted")
        return
    counted = count(build_on_meta(name, CLASSES[dataset], "counted"))
    assert PRINTED[name, dataset] - counted == RESIDUALS.get((name, dataset), 0)


@every_network
def test_named_reading_counts(name):
    assert tuple(count(build_on_meta(name, n)) for n in (2, 3, 4)) == NAMED[name]


@every_network
def test_dropout_is_before_the_last_layer_alone(name):
    network = build_on_meta(name, 2, dropout=0.3)
    assert [m.p for m in network.modules() if type(m) is nn.Dropout and m.p > 0] == (
        [0.3, 0.3] if name == "vgg16" else [0.3]
    )
    default = build_on_meta(name, 2)
    assert {m.p for m in default.modules() if type(m) is nn.Dropout and m.p > 0} == {0.25}


# Forward and backward passes


@every_network
def test_trains_one_step_in_channels_last(name):
    """In bf16 too where that is quick; `make gpu` has all networks in it."""
    torch.manual_seed(0)
    network = build_network(name, 2, image_size=64).to(memory_format=torch.channels_last)
    images = torch.randn(2, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled="resnet50" in name):
        logits = network(images)
    assert logits.shape == (2, 2)
    F.cross_entropy(logits.float(), torch.tensor([0, 1])).backward()
    unused = [k for k, p in network.named_parameters() if p.grad is None]
    assert unused == (["mask_token"] if name == "dinov2_vitb14" else [])
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


@every_network
def test_32_px_give_one_logit_a_class(name):
    network = build_on_meta(name, 4).eval()
    assert network(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 4)


# The gate (Eq. 1-4)


def test_gate_is_equations_1_to_4():
    torch.manual_seed(0)
    gate = DualActivationGate(12, reduction=3).double()
    x = torch.randn(4, 12, 5, 7, dtype=torch.float64)
    z = gate(x)
    for n in range(4):
        pooled = torch.stack([x[n, i].sum() / (5 * 7) for i in range(12)])  # Eq. 1
        hidden = gate.squeeze.weight @ pooled + gate.squeeze.bias
        hidden = torch.where(hidden > 0, hidden, 0.01 * hidden)  # Eq. 2
        y = (gate.expand.weight @ hidden + gate.expand.bias).clamp(min=0)  # Eq. 3
        for i in range(12):
            torch.testing.assert_close(z[n, i], x[n, i] * y[i], rtol=1e-12, atol=1e-12)  # Eq. 4


PLACES = {
    **{f"dalaresnet50-layer{n}": ("gate", f"layer{n}", DualActivationGate) for n in (1, 2, 3)},
    "dalaresnet50": ("gate", "layer4", DualActivationGate),
    "efficientnet_lite0-gate": ("gate", "bn2", DualActivationGate),
    "efficientnet_lite0-se": ("gate", "bn2", SigmoidGate),
    "efficientnet_lite0-gate_early": ("early_gate", "blocks.4", DualActivationGate),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_gate_acts_on_the_output_of_its_layer_alone(name):
    place, layer, kind = PLACES[name]
    base, gate_after = parse_network(name)
    torch.manual_seed(0)
    network = build_network(base, 2, gate_after=gate_after).eval()
    gate = network.get_submodule(place)
    assert type(gate) is kind
    plain = build_network(base.replace("dala", "").split("-")[0], 2).eval()
    state = network.state_dict().items()
    plain.load_state_dict({k: v for k, v in state if not k.startswith(f"{place}.")})
    plain.get_submodule(layer).register_forward_hook(lambda module, inputs, output: gate(output))
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(images), plain(images))
    channels, hidden = gate.expand.out_features, gate.squeeze.out_features
    assert count(network) - count(plain) == 2 * channels * hidden + hidden + channels
    if "dala" in name:
        assert (channels, hidden) == (128 * 2**gate_after, 32 * 2**gate_after)
        assert network.cam_layer == ("gate" if gate_after == 4 else "layer4")


def test_the_sigmoid_gate_is_squeeze_and_excitation():
    torch.manual_seed(0)
    gate = SigmoidGate(12, reduction=3).double()
    x = torch.randn(4, 12, 5, 7, dtype=torch.float64)
    hidden = (x.mean(dim=(2, 3)) @ gate.squeeze.weight.T + gate.squeeze.bias).clamp(min=0)
    y = 1 / (1 + torch.exp(-(hidden @ gate.expand.weight.T + gate.expand.bias)))
    torch.testing.assert_close(gate(x), x * y[:, :, None, None])


def test_a_reduction_of_one_s_own():
    """That it is otherwise 4 for two classes and 16 for more follows from the printed totals."""
    assert build_on_meta("dalaresnet50", 2, reduction=8).gate.squeeze.out_features == 2048 // 8


# Position tables


def test_any_size_vit_agrees_with_timm_at_every_size():
    torch.manual_seed(0)
    options = {"img_size": 64, "patch_size": 16, "embed_dim": 32, "depth": 2, "num_heads": 2}
    ours = AnySizeViT(**options).eval()
    theirs = VisionTransformer(**options, num_classes=0, dynamic_img_size=True).eval()
    theirs.load_state_dict(ours.state_dict())
    for size in [(64, 64), (32, 32), (96, 48), (224, 224)]:
        images = torch.randn(2, 3, *size)
        torch.testing.assert_close(ours(images), theirs(images))


# Checkpoints


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dalaresnet50", {"gate_after": 2, "reduction": 8, "dropout": 0.1}),
        ("efficientnet_lite0", {}),
        *((f"efficientnet_lite0-{variant}", {}) for variant in VARIANTS["efficientnet_lite0"]),
    ],
)
def test_checkpoint_round_trip(tmp_path, name, options):
    torch.manual_seed(0)
    network = build_network(name, 3, **options)
    images = torch.randn(2, 3, 32, 32)
    network(images)  # moves the batch statistics away from their start
    path = tmp_path / "weights.safetensors"
    notes = {"classes": '["a", "b", "c"]'}
    save_weights(path, network.to(memory_format=torch.channels_last), notes)
    restored, metadata = network_from_checkpoint(path)
    with torch.no_grad():
        torch.testing.assert_close(restored.eval()(images), network.eval()(images))
    saved = network.state_dict()
    for key, value in restored.state_dict().items():
        assert torch.equal(value, saved[key]) or key.endswith("num_batches_tracked")
    assert metadata == read_metadata(path)
    expected = {key: str(value) for key, value in options.items()} | {"network": name} | notes
    assert expected.items() <= metadata.items()
    assert restored.weights_source == network.weights_source == "random"


def test_weights_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_weights(path, build_network("densenet121", 3))
    with pytest.raises(UserError, match="num_classes=3, not num_classes=2"):
        build_network("densenet121", 2, weights=path)
    with pytest.raises(UserError, match="network=densenet121, not network=resnet50"):
        build_network("resnet50", 3, weights=path)
    with pytest.raises(UserError, match="reading=named, not reading=counted"):
        build_network("densenet121", 3, "counted", weights=path)
    gate = DALAResNet50(2, gate_after=1)
    save_weights(path, gate)
    with pytest.raises(UserError, match="gate_after=1, not gate_after=4"):
        load_weights(path, DALAResNet50(2))


# Pre-trained weights


@pytest.fixture
def cached_resnet50(empty_cache):
    torch.manual_seed(1)
    state = torchvision.models.resnet50().state_dict()
    torch.save(state, empty_cache / "resnet50-0676ba61.pth")
    return state


@pytest.mark.parametrize("weights", ["imagenet", "auto"])
@pytest.mark.parametrize("name", ["resnet50", "dalaresnet50"])
def test_resnet50_starts_from_the_file_in_the_cache(name, weights, cached_resnet50):
    network = build_network(name, 3, weights=weights)
    assert network.weights_source == "imagenet (torchvision ResNet50_Weights.IMAGENET1K_V1)"
    state = network.state_dict()
    assert all(torch.equal(state[k], v) for k, v in cached_resnet50.items() if k[:3] != "fc.")


def test_without_a_connection_auto_is_random_and_imagenet_says_what_to_do(empty_cache, capsys):
    assert build_network("densenet121", 2, weights="auto").weights_source == "random"
    assert "densenet121-a639ec97.pth is not in" in capsys.readouterr().err
    with pytest.raises(UserError) as error:
        DALAResNet50(2, weights="imagenet")
    assert "https://download.pytorch.org/models/resnet50-0676ba61.pth" in str(error.value)
    assert str(empty_cache) in str(error.value)
    assert "TORCH_HOME" in str(error.value)


def test_downloads_are_checked_against_the_hash_in_the_name(empty_cache, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "unreachable", lambda site: None)
    digest = hashlib.sha256(b"weights").hexdigest()[:8]
    good, bad = tmp_path / f"good-{digest}.pth", tmp_path / f"bad-{digest[::-1]}.pth"
    good.write_bytes(b"weights")
    bad.write_bytes(b"weights")
    assert pretrained.available(good.as_uri(), "auto")
    assert (empty_cache / good.name).read_bytes() == b"weights"
    assert not pretrained.available(bad.as_uri(), "auto")
    with pytest.raises(UserError, match="invalid hash value"):
        pretrained.available(bad.as_uri(), "imagenet")
    assert [path.name for path in empty_cache.iterdir()] == [good.name]


def test_a_damaged_file_in_the_cache_is_named(empty_cache):
    (empty_cache / "densenet121-a639ec97.pth").write_bytes(b"half a download")
    with pytest.raises(UserError, match=r"densenet121-a639ec97\.pth cannot be used"):
        build_network("densenet121", 2, weights="auto")


def test_the_vit_has_no_published_weights():
    assert build_on_meta("vit", 2, weights="auto").weights_source.startswith("random")
    with pytest.raises(UserError, match="no published weights"):
        build_on_meta("vit", 2, weights="imagenet")


# Freezing


@pytest.mark.parametrize(
    ("name", "trainable"),
    [
        ("dalaresnet50", ["gate.squeeze", "gate.expand", "fc.1"]),
        ("resnet50", ["fc.1"]),
        ("seresnet50", ["fc.1"]),
        ("densenet121", ["classifier.1"]),
        ("vgg16", ["classifier.6"]),
        (
            "vgg16_inception",
            ["inception.conv1", "inception.conv3", "inception.conv5", "norm", "classifier.2"],
        ),
        ("vit", ["head.1"]),
        ("swin", ["head.1"]),
        ("dinov2_vitb14", ["head.1"]),
        ("efficientnet_lite0", ["classifier.1"]),
        ("efficientnet_lite0-se", ["gate.squeeze", "gate.expand", "classifier.1"]),
    ],
)
def test_freezing_leaves_only_the_new_parts_trainable(name, trainable):
    with torch.device("meta"):
        network = freeze_backbone(build_network(name, 2))
    left = {key.rpartition(".")[0] for key, p in network.named_parameters() if p.requires_grad}
    assert left == set(trainable)


def test_frozen_batch_statistics_stay_put_in_training():
    network = freeze_backbone(build_network("densenet121", 2)).train()
    before = {k: v.clone() for k, v in network.state_dict().items() if "running" in k}
    network(torch.randn(2, 3, 32, 32) + 3)
    assert before
    assert all(torch.equal(network.state_dict()[k], v) for k, v in before.items())


# Refusals


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "dalaresnet"}, "Did you mean dalaresnet50"),
        ({"name": "efficientnet_lite0-gates"}, "Did you mean efficientnet_lite0-gate"),
        ({"name": "efficientnet_lite0-gate", "reduction": 8}, "belong to dalaresnet50"),
        ({"num_classes": 1}, "num_classes: 1"),
        ({"reading": "printed"}, "reading: 'printed' is none of named, counted"),
        ({"gate_after": 5}, "gate_after: 5 is not one of the layers"),
        ({"reduction": 3}, "reduction: 3 does not divide the 2048 channels"),
        ({"gate_after": 1, "reduction": 512}, "does not divide the 256 channels"),
        ({"name": "vgg16", "gate_after": 3}, "belong to dalaresnet50"),
        ({"image_size": 31}, "image_size: 31 is smaller than 32"),
        ({"dropout": 1.0}, "dropout: 1.0 is not in"),
        ({"weights": "imagenet21k"}, "'imagenet21k' is none of random, imagenet, auto"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        build_on_meta(**{"name": "dalaresnet50", "num_classes": 2} | arguments)
