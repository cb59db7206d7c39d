"""A GPU gives what a CPU gives. `pytest -m gpu`; the first stage of `make gpu`.

Without a GPU all of it is skipped, unless PAPER_CODE_GPU_TESTS=cpu lets the CPU stand in for one,
which only shows that the tests run.
"""

import os
import shutil
import sysconfig
from pathlib import Path

import pytest
import torch
from conftest import training_settings, write_prepared
from hand_made import tiny_network
from safetensors.torch import load_file

from paper_code.cam import METHODS, compute_cam
from paper_code.device import autocast, use_float32
from paper_code.files import read_json
from paper_code.networks import NETWORKS, build_network
from paper_code.networks.forward import normalize
from paper_code.training import loop
from paper_code.training.augment import augment
from paper_code.training.loop import ImageSet, fit
from paper_code.training.run import train_run

pytestmark = pytest.mark.gpu
SIZE = 64
LAYOUT = torch.channels_last


@pytest.fixture
def gpu():
    use_float32()
    if torch.cuda.is_available():
        return torch.device("cuda")
    if os.environ.get("PAPER_CODE_GPU_TESTS") == "cpu":
        return torch.device("cpu")
    return pytest.skip("no CUDA GPU")


def network_and_images(name: str, number: int = 4) -> tuple[torch.nn.Module, torch.Tensor]:
    """A network with random weights in evaluation mode, and uint8 images, on the CPU."""
    torch.manual_seed(0)
    network = build_network(name, 2, image_size=SIZE).eval()
    images = torch.randint(0, 256, (number, 3, SIZE, SIZE), dtype=torch.uint8)
    return network, images


@pytest.mark.parametrize("name", NETWORKS)
def test_forward_and_gradients_agree(gpu, name):
    """In float32: logits and the gradient of every parameter. In bf16: logits that are about as
    far from float32 as the CPU's."""
    network, images = network_and_images(name)
    found, lost = [], []
    for device in (torch.device("cpu"), gpu):
        network = network.to(device, memory_format=LAYOUT)
        network.zero_grad()
        logits = network(normalize(images.to(device)))
        logits[:, 1].sum().backward()
        slopes = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
        found.append((logits.detach().cpu(), torch.cat(slopes).cpu()))
        with torch.no_grad(), autocast(device, "bf16"):
            rough = network(normalize(images.to(device))).float().cpu()
        lost.append(float((rough - found[0][0]).abs().max()))
    (logits, slopes), (logits_gpu, slopes_gpu) = found
    torch.testing.assert_close(logits_gpu, logits, rtol=1e-3, atol=1e-4)
    assert (slopes_gpu - slopes).norm() <= 1e-2 * slopes.norm()
    assert lost[1] <= 2 * lost[0] + 0.02 * float(logits.abs().max())


@pytest.mark.parametrize("method", METHODS)
def test_maps_agree(gpu, method):
    """Pixels near Otsu's threshold may fall on either side of it: few of them."""
    network, images = network_and_images("dalaresnet50", 1)
    images = images.repeat(2, 1, 1, 1)
    # For and against a class: at most one of the two maps is empty, whatever the weights.
    targets = [lambda scores: scores[1], lambda scores: -scores[1]]
    options = {"scorecam": {"layer": "layer1.2.conv1"}}.get(method, {})
    here = compute_cam(network, normalize(images), targets, method, **options)
    there = compute_cam(network.to(gpu), normalize(images), targets, method, **options).cpu()
    apart = (there - here).abs() > 1e-3
    assert here.amax() == 1, "empty maps compare nothing"
    assert apart.float().mean() <= (0.01 if method == "dt_gradcam" else 0)


def test_augmentation_agrees(gpu):
    _, images = network_and_images("resnet50", 16)
    first, second = (
        augment(normalize(images.to(device)), 15, torch.Generator().manual_seed(3)).cpu()
        for device in ("cpu", gpu)
    )
    torch.testing.assert_close(second, first, rtol=0, atol=1e-3)


def test_an_interrupted_run_goes_on(gpu, tmp_path, monkeypatch):
    """Stopped after its first epoch, it ends near an undisturbed one: within twice as far as two
    undisturbed runs are from each other, or within 1e-3."""
    prepared, split = write_prepared(tmp_path, size=SIZE)
    settings = training_settings(epochs=3, batch_size=8, checkpoint_seconds=0, precision="fp32")
    for name in ("one", "two"):
        train_run("dalaresnet50", prepared, split, tmp_path / name, settings, device=gpu)
    validate, seen = loop.validate, []

    def stop(*arguments):
        seen.append(arguments)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return validate(*arguments)

    monkeypatch.setattr(loop, "validate", stop)
    with pytest.raises(KeyboardInterrupt):
        train_run("dalaresnet50", prepared, split, tmp_path / "resumed", settings, device=gpu)
    train_run("dalaresnet50", prepared, split, tmp_path / "resumed", settings, device=gpu)
    assert len(seen) == 4, "epochs 1 and 2, then 2 and 3"
    one, two, resumed = (
        load_file(tmp_path / name / "weights.safetensors") for name in ("one", "two", "resumed")
    )
    bound = max(2 * distance(one, two), 1e-3)
    assert distance(one, resumed) <= bound
    assert read_json(tmp_path / "resumed/timing.json")["peak_memory_bytes"] > 0


def distance(first: dict, second: dict) -> float:
    """Of two sets of weights, relative to the first."""
    apart = sum(((first[k].float() - second[k].float()) ** 2).sum() for k in first)
    return float((apart / sum((first[k].float() ** 2).sum() for k in first)).sqrt())


def sets(device: torch.device) -> tuple[ImageSet, ImageSet]:
    _, images = network_and_images("resnet50", 48)
    labels = torch.arange(48) % 2
    both = ImageSet(images.to(device), labels.to(device))
    return both, ImageSet(both.images[:8], both.labels[:8])


def four_steps(device: torch.device, compile_: bool) -> tuple[list[float], dict]:
    """Losses and weights of a small network after four of Adam's steps, in float32."""
    torch.manual_seed(0)
    network = tiny_network(dropout=0).to(device)
    adam = torch.optim.Adam(network.parameters(), fused=True)
    forward = loop.compiled(network, device) if compile_ else network
    scaler = torch.amp.GradScaler(device.type, enabled=False)
    step = loop.make_step(forward, adam, scaler, "fp32")
    images = normalize(network_and_images("resnet50", 32)[1].to(device))
    labels = torch.arange(32, device=device) % 2
    parts = zip(images.split(8), labels.split(8), strict=True)
    found = [float(step(part, of_part)) for part, of_part in parts]
    return found, {name: value.cpu() for name, value in network.state_dict().items()}


def losses(device: torch.device, **changes) -> list[float]:
    """Training loss of each epoch of ResNet50 on noise."""
    torch.manual_seed(0)
    network = build_network("resnet50", 2).to(device, memory_format=LAYOUT)
    settings = training_settings(epochs=2, batch_size=16, **changes)
    return [row["train_loss"] for row in fit(network, *sets(device), settings).history]


def test_two_runs_differ_little(gpu, record_property):
    """cuDNN chooses its algorithms by speed; the losses of a few steps still nearly agree."""
    first, second = losses(gpu, precision="fp32"), losses(gpu, precision="fp32")
    record_property("difference", max(abs(a - b) for a, b in zip(first, second, strict=True)))
    assert first == pytest.approx(second, abs=1e-2)


def python_headers() -> bool:
    return Path(sysconfig.get_paths()["include"], "Python.h").is_file()


needs_a_compiler = pytest.mark.skipif(
    not (shutil.which("cc") and python_headers()),
    reason="torch.compile needs a C compiler and the headers of Python",
)


@needs_a_compiler
def test_compiled_steps_agree(gpu):
    """The same four steps: losses and weights."""
    (eager, weights), (other, others) = (four_steps(gpu, compile_) for compile_ in (False, True))
    assert other == pytest.approx(eager, abs=1e-3)
    assert distance(weights, others) <= 2e-3


def test_nothing_in_an_epoch_waits_for_the_gpu(gpu, monkeypatch):
    """But the mean loss at its end."""
    if gpu.type == "cpu":
        pytest.skip("needs a GPU")
    make = loop.make_step

    def watched(*arguments):
        step = make(*arguments)

        def call(inputs, labels):
            torch.cuda.set_sync_debug_mode("error")
            try:
                return step(inputs, labels)
            finally:
                torch.cuda.set_sync_debug_mode("default")

        return call

    monkeypatch.setattr(loop, "make_step", watched)
    losses(gpu)
