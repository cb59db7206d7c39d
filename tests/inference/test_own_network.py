"""`predict`, `evaluate` and `explain` on networks and images of one's own, and their guide."""

import re
import shlex

import cv2
import numpy as np
import pandas as pd
import pytest
import timm
import torch
import torchvision
from conftest import ROOT, run, save_noise
from PIL import Image

from paper_code import cli
from paper_code.cam import compute_cam, map_layer
from paper_code.errors import UserError
from paper_code.inference.load import load_trained
from paper_code.inference.options import Own
from paper_code.networks import build_network, save_weights
from paper_code.networks.forward import class_scores, predict

NAME = "convnext_atto"
OWN = ["--network", f"timm:{NAME}", "--classes", "benign", "malignant"]
IMAGENET = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
WRAPPED = {
    "plain": lambda state: state,
    "ddp": lambda state: {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}},
    "compiled": lambda state: {"model": {f"_orig_mod.{k}": v for k, v in state.items()}},
    "lightning": lambda state: {"net": {f"model.{k}": v for k, v in state.items()}},
}


@pytest.fixture(scope="module")
def model():
    """timm's network with random weights, a class more likely than the other by chance."""
    torch.manual_seed(0)
    return timm.create_model(NAME, num_classes=2).eval()


@pytest.fixture(scope="module")
def weights(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "model.pth"
    torch.save(model.state_dict(), path)
    return path


@pytest.fixture
def data(tmp_path):
    """Class folders with two images of each of three patients in both."""
    for index in range(12):
        label, patient = ("benign", "malignant")[index % 2], f"p{index // 4:02d}"
        save_noise(tmp_path / f"data/{label}/{patient}_{index}.png", index, size=(200, 180))
    return tmp_path / "data"


# --- weights --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", WRAPPED)
def test_however_it_was_saved_it_is_the_network_in_its_own_normalisation(model, tmp_path, form):
    torch.save(WRAPPED[form](model.state_dict()), tmp_path / "model.pth")
    network, facts = load_trained(tmp_path / "model.pth", Own(f"timm:{NAME}", ["a", "b"]))
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        expected = model((images / 255 - IMAGENET[0]) / IMAGENET[1])
        torch.testing.assert_close(network(images / 127.5 - 1), expected, atol=1e-4, rtol=1e-4)
    assert facts["classes"] == ["a", "b"] and facts["image_size"] == 224
    assert "mean 0.485/0.456/0.406" in facts["about"]


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_a_network_with_one_input_channel_sees_grey(library, tmp_path):
    if library == "timm":
        model = timm.create_model("resnet10t", num_classes=2, in_chans=1)
        own = Own("timm:resnet10t", ["a", "b"], mean=[0.5], std=[0.5])
    else:
        model = torchvision.models.resnet18(num_classes=2)
        model.conv1 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        own = Own("torchvision:resnet18", ["a", "b"], mean=[0.5], std=[0.5])
    torch.save(model.eval().state_dict(), tmp_path / "grey.pth")
    network, _ = load_trained(tmp_path / "grey.pth", own)
    grey = torch.rand(2, 1, 64, 64) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(network(grey.repeat(1, 3, 1, 1)), model(grey))
    assert compute_cam(model, grey, None, "gradcam").shape == (2, 64, 64)


def broken(form: str, model, path) -> None:
    """A file that cannot be used, of one kind."""
    state = model.state_dict()
    if form == "pickled":
        torch.save(model, path)
    elif form == "script":
        with pytest.warns():
            torch.jit.save(torch.jit.trace(model, torch.zeros(1, 3, 64, 64)), path)
    elif form == "other tensors":
        state.pop("stem.0.bias")
        torch.save(state | {"extra": torch.zeros(2)}, path)
    else:
        torch.save({"epoch": 1}, path)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("pickled", r"(?s)run code.*weights_only=False\)\n.*torch.save\(model.state_dict\(\)"),
        ("script", "TorchScript archive"),
        ("other tensors", "1 tensor missing: stem.0.bias; 1 tensor unexpected: extra"),
        ("no tensors", "keys epoch, not the tensors"),
    ],
)
def test_files_that_are_refused(model, tmp_path, form, message):
    broken(form, model, tmp_path / "model.pth")
    with pytest.raises(UserError, match=message):
        load_trained(tmp_path / "model.pth", Own(f"timm:{NAME}", ["a", "b"]))


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (Own(), "Say it with --network"),
        (Own(classes=["a", "b"]), "belong to --network"),
        (Own(f"timm:{NAME}"), "--network needs --classes"),
        (Own(f"timm:{NAME}", ["a", "b", "c"]), r"head.fc.weight \(2 x 320 instead of 3 x 320\)"),
        (Own("timm:convnext_atta", ["a", "b"]), "Near names: convnext_atto"),
        (Own("torchvision:vit_b_16", ["a", "b"], size=40), "vit_b_16: .* at 40 px"),
        (Own("torchvision:resnet18", ["a", "b"], size=16), "--size: 16 px is smaller than 32"),
        (Own(f"timm:{NAME}", ["a", "b"], mean=[0.5]), "both of --mean and --std"),
        (Own(f"timm:{NAME}", ["a", "b"], mean=[120], std=[60]), "divide those"),
    ],
)
def test_options_that_do_not_fit(weights, own, message):
    with pytest.raises(UserError, match=message):
        load_trained(weights, own)


@pytest.mark.parametrize(
    "form",
    [
        lambda x: (x, 0),
        lambda x: {"logits": x, "loss": 0},
        lambda x: {"out": [x]},
        lambda x: type("Output", (), {"logits": x})(),
    ],
)
def test_scores_are_found_in_any_output(form):
    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.features = torch.nn.Conv2d(3, 4, 3, stride=2)

        def forward(self, x):
            return form(self.features(x).mean((2, 3)))

    network, images = Wrapped(), torch.rand(2, 3, 32, 32)
    assert class_scores(network(images)).shape == (2, 4)
    assert predict(network, (images * 255).byte(), "fp32").shape == (2, 4)
    for method in ("gradcam", "dt_gradcam", "scorecam"):
        assert compute_cam(network, images, [0, 1], method).shape == (2, 32, 32)
    with pytest.raises(UserError, match="must return class scores"):
        class_scores("nothing")


# --- any network of timm --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "layer", "grid"),
    [
        ("timm:convnext_atto+gate", "gate", (2, 2)),
        ("timm:swin_tiny_patch4_window7_224+gate", "gate", (2, 2)),
        ("timm:vit_tiny_patch16_224", "network.blocks.11.norm1", (4, 4)),
    ],
)
def test_any_network_of_timm_and_its_last_map(name, layer, grid, tmp_path):
    torch.manual_seed(0)
    network = build_network(name, 2, image_size=64).eval()
    images = torch.rand(1, 3, 64, 64) * 2 - 1
    assert map_layer(network, images) == (layer, grid)
    save_weights(tmp_path / "w.safetensors", network)
    again = build_network(name, 2, image_size=64, weights=tmp_path / "w.safetensors").eval()
    with torch.no_grad():
        torch.testing.assert_close(again(images), network(images))


def test_the_gate_is_on_the_map_that_is_pooled(model):
    """Closed, it leaves a map of zeros to the head; of one for each channel, the network itself."""
    gated = build_network(f"timm:{NAME}+gate", 2).eval()
    gated.network.load_state_dict(model.state_dict())
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        gated.gate.expand.weight.zero_()
        gated.gate.expand.bias.fill_(1)
        expected = model((images - IMAGENET[0]) / IMAGENET[1])
        torch.testing.assert_close(gated(images * 2 - 1), expected, atol=1e-4, rtol=1e-4)
        gated.gate.expand.bias.fill_(-1)
        zeros = model.forward_head(torch.zeros(2, 320, 2, 2))
        torch.testing.assert_close(gated(images * 2 - 1), zeros)
    with pytest.raises(UserError, match="pools no map"):
        build_network("timm:vit_tiny_patch16_224+gate", 2)


def test_weights_of_timm_come_from_the_cache_or_are_random(model, tmp_path, monkeypatch, capsys):
    from huggingface_hub import constants
    from safetensors.torch import save_file

    from paper_code.networks import pretrained

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(pretrained, "unreachable", lambda site: "no connection")
    assert build_network(f"timm:{NAME}", 2, weights="auto").weights_source == "random"
    assert "auto -> random" in capsys.readouterr().err
    with pytest.raises(UserError, match="cannot be had"):
        build_network(f"timm:{NAME}", 2, weights="imagenet")
    published = timm.create_model(NAME)
    folder = tmp_path / f"models--{timm.get_pretrained_cfg(NAME).hf_hub_id.replace('/', '--')}"
    (folder / "snapshots/1").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs/main").write_text("1")
    save_file(published.state_dict(), folder / "snapshots/1/model.safetensors")
    network = build_network(f"timm:{NAME}", 2, weights="imagenet")
    assert network.weights_source.startswith("pre-trained (timm")
    torch.testing.assert_close(network.network.stem[0].weight, published.stem[0].weight)


# --- pictures -------------------------------------------------------------------------------------


def test_explain_writes_maps_pictures_and_true_classes(weights, data, tmp_path, capsys):
    out, looks = tmp_path / "out", ["--colormap", "viridis", "--opacity", "1"]
    methods = ["--method", "gradcam", "eigencam", "--raw", "--side-by-side"]
    words = [data, "--weights", weights, *OWN, "--size", 160, "--class", "malignant"]
    assert run("explain", *words, *methods, *looks, "-o", out) == 0
    said = capsys.readouterr().err
    assert "layer norm_pre, a grid of 5 x 5 for images of 160 x 160 px" in said
    assert "too coarse" not in said
    table = pd.read_csv(out / "explanations.csv")
    assert (table["true"] == [path.split("/")[-2] for path in table["image"]]).all()
    row = table.iloc[0]
    heat = np.load(out / row["raw"])
    assert heat.shape == (160, 160) and heat.dtype == np.float32 and heat.max() == 1
    levels = (cv2.resize(heat, (200, 180)) * 255).round().astype(np.uint8)
    with Image.open(out / row["overlay"]) as overlay, Image.open(out / row["side_by_side"]) as wide:
        colours = cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)[..., ::-1]
        np.testing.assert_array_equal(np.asarray(overlay), colours)
        assert wide.size == (3 * 200 + 2 * 4, 180)
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "true class benign" in page and "linear-gradient(90deg, #440154, " in page
    # The files of an earlier call go, whatever they were.
    assert run("explain", *words, "--method", "eigencam", "-o", out) == 0
    assert not list(out.glob("*.npy")) and not list(out.glob("*side_by_side*"))


def test_a_coarse_grid_is_named_and_an_earlier_layer_helps(weights, data, tmp_path, capsys):
    words = ["explain", data, "--weights", weights, *OWN, "--size", 64, "--method", "eigencam"]
    assert run(*words, "-o", tmp_path / "out") == 0
    assert "warning: A grid of 2 x 2 is too coarse" in capsys.readouterr().err
    assert "Take images of 160 px or more" in (tmp_path / "out/index.html").read_text()
    assert run(*words, "--layer", "stages.0", "-o", tmp_path / "out") == 0
    assert "too coarse" not in capsys.readouterr().err


# --- class folders --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "pattern", "message"),
    [
        (lambda data: save_noise(data / "loose.png"), "", "loose.png: lies in no class folder"),
        (lambda data: save_noise(data / "Benign/a.png"), "", "differ in case alone"),
        (lambda data: None, "q[0-9]+", "finds no patient in benign/"),
    ],
)
def test_class_folders_that_do_not_fit(data, tmp_path, refused, spoil, pattern, message):
    spoil(data)
    words = ["--group-pattern", pattern] if pattern else []
    refused("manifest", "mine", "--manifest", data, *words, "-o", tmp_path / "m.csv", says=message)


# --- the guide ------------------------------------------------------------------------------------


def test_the_guide_runs(data, tmp_path, monkeypatch, capsys):
    page = (ROOT / "docs/guide/own_network.md").read_text(encoding="utf-8")
    assert len(page.split()) <= 700
    monkeypatch.chdir(tmp_path)
    parts = re.findall(r"(?ms)^```python\n(.*?)^```|^    (python -m paper_code [^\n]+)$", page)
    session: dict = {}
    for block, command in parts:
        if block:
            exec(block, session)
        else:
            assert cli.main(shlex.split(command)[3:]) == 0, command
    assert len(parts) == 6
    assert len(pd.read_csv("classes.csv")) == 12
    assert set(pd.read_csv("metrics.csv")["patients"]) == {3}
    assert "a grid of 7 x 7" in capsys.readouterr().err
    for name in re.findall(r"(?m)^\| `(<image>.+?)`", page):
        pattern = name.replace("<image>", "*").replace("<method>", "gradcam")
        assert list((tmp_path / "maps").glob(pattern)), name
