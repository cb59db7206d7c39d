"""Augmentation, the loop, checkpoints and runs: learned, repeated, interrupted and gone wrong."""

import os
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import training_settings
from hand_made import tiny_network
from safetensors.torch import load_file
from torch import nn

from paper_code.errors import UserError
from paper_code.files import read_json
from paper_code.inference.card import write_card
from paper_code.networks import read_metadata
from paper_code.networks.forward import normalize, predict
from paper_code.training import checkpoint, loop, run
from paper_code.training.augment import augment
from paper_code.training.loop import ImageSet, best_of, fit, recalibrate
from paper_code.training.run import train_run

SETTINGS = training_settings(
    epochs=4, batch_size=6, learning_rate=1e-3, precision="fp32", checkpoint_seconds=0.0
)
RESULTS = {"predictions.csv", "history.csv", "run.json", "weights.safetensors", "timing.json"}


def images_of(number: int, seed: int = 0, size: int = 16) -> ImageSet:
    """Noise, a little brighter in class 1."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(number) % 2
    noise = torch.randn(number, 3, size, size, generator=generator) * 60
    level = 110 + 40 * labels.float()[:, None, None, None]
    return ImageSet((level + noise).clamp(0, 255).byte(), labels)


def trained(settings=SETTINGS, number=20, seed=0, **options) -> tuple[nn.Module, loop.State]:
    torch.manual_seed(seed)
    network = tiny_network()
    state = fit(network, images_of(number, 1), images_of(10, 2), settings, seed, **options)
    return network, state


def equal(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


# --- Augmentation ------------------------------------------------------------------------------


@pytest.fixture
def turn(monkeypatch):
    """Augment with a chosen angle in degrees and flip: turn(images, 90, flip=False)."""

    def call(images, degrees, flip=False):
        chosen = torch.tensor([[1.0], [0.0 if flip else 1.0]]).expand(2, len(images))
        monkeypatch.setattr(torch, "rand", lambda *shape, generator: chosen)
        return augment(images, degrees, torch.Generator())

    return call


def noise(*shape) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(24, 24), (20, 32)])
def test_without_rotation_the_image_or_its_mirror_image(turn, size):
    images = noise(3, 3, *size)
    torch.testing.assert_close(turn(images, 0), images, atol=1e-5, rtol=0)
    torch.testing.assert_close(turn(images, 0, flip=True), images.flip(3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("degrees", [30, 77])
def test_a_disc_stays_a_disc_in_an_oblong_image(turn, degrees):
    y, x = torch.meshgrid(torch.arange(48) - 23.5, torch.arange(96) - 47.5, indexing="ij")
    disc = torch.exp(-(x**2 + y**2) / 72).expand(1, 3, 48, 96)
    middle = (..., slice(4, 44), slice(28, 68))  # beyond it lies the disc's own reflection
    torch.testing.assert_close(turn(disc, degrees)[middle], disc[middle], atol=0.02, rtol=0)


def test_half_are_flipped_and_angles_fill_the_range():
    ramp = torch.linspace(-1, 1, 33).expand(2000, 3, 33, 33)
    turned = augment(ramp, 20, torch.Generator().manual_seed(0))
    gradient_x = turned[:, 0, 16, 17] - turned[:, 0, 16, 15]
    gradient_y = turned[:, 0, 17, 16] - turned[:, 0, 15, 16]
    assert 0.45 < (gradient_x < 0).float().mean() < 0.55
    angle = torch.rad2deg(torch.atan(gradient_y / gradient_x))
    assert angle.min() < -19 and angle.max() > 19 and angle.abs().max() < 20.01
    assert abs(angle.mean()) < 1


# --- The loop -----------------------------------------------------------------------------------


def test_it_learns():
    settings = SETTINGS.changed(epochs=15, learning_rate=1e-2, recalibrate_batchnorm=True)
    network, state = trained(settings, number=60)
    held_out = images_of(100, 3)
    accuracy = (
        (predict(network, held_out.images, "fp32").argmax(1) == held_out.labels).float().mean()
    )
    assert accuracy > 0.9
    losses = [row["train_loss"] for row in state.history]
    assert losses[-1] < 0.6 * losses[0]


def test_each_epoch_takes_each_image_once_in_full_batches():
    """Images of one grey level each tell which of them the network saw."""
    levels = torch.arange(20, dtype=torch.uint8)
    train = ImageSet(levels[:, None, None, None].expand(-1, 3, 16, 16).clone(), levels.long() % 2)
    network, seen = tiny_network(), []

    def note(module, inputs):
        if module.training:
            level = ((inputs[0][:, 0, 8, 8] + 1) * 127.5).round().int().tolist()
            seen.append(level)

    network.register_forward_pre_hook(note)
    fit(network, train, images_of(10), SETTINGS.changed(epochs=2))
    batches = seen[1:]  # after the warm-up
    assert [len(batch) for batch in batches] == [6] * 6
    first, second = ([*chain(*part)] for part in (batches[:3], batches[3:]))
    assert len(set(first)) == len(set(second)) == 18
    assert first != second and first != sorted(first)


def test_best_epoch_and_ties():
    def history(*pairs):
        return [{"epoch": i, "val_accuracy": a, "val_loss": b} for i, (a, b) in enumerate(pairs, 1)]

    assert best_of(history((0.5, 0.1), (0.9, 0.9), (0.8, 0.2))) == 2
    assert best_of(history((0.9, 0.5), (0.9, 0.4), (0.9, 0.6))) == 2
    assert best_of(history((0.9, 0.5), (0.9, 0.5))) == 1


@pytest.mark.parametrize(("select", "epochs"), [("best", 2), ("last", 4)])
def test_best_or_last_epoch_is_kept(monkeypatch, select, epochs):
    """Scripted validation: epoch 2 is the best of four."""
    expected = trained(SETTINGS.changed(epochs=epochs, select_epoch="last"))[0].state_dict()
    shares = iter([0.5, 0.9, 0.7, 0.9])

    def scripted(network, images, precision):
        right = int(next(shares) * len(images))
        labels = torch.arange(len(images)) % 2
        predicted = torch.where(torch.arange(len(images)) < right, labels, 1 - labels)
        sure = 0.99 if right == 9 else 0.6
        return torch.where(torch.eye(2)[predicted].bool(), sure, 1 - sure)

    monkeypatch.setattr(loop, "predict", scripted)
    network, state = trained(SETTINGS.changed(select_epoch=select))
    assert [row["val_accuracy"] for row in state.history] == pytest.approx([0.5, 0.9, 0.7, 0.9])
    assert state.best_epoch == 2
    assert equal(network.state_dict(), expected)


@pytest.mark.parametrize("number", [20, 6], ids=["in training", "after"])
def test_loss_that_is_not_finite(number):
    with pytest.raises(UserError, match=r"loss is (nan|inf) in epoch 1.*learning_rate"):
        trained(SETTINGS.changed(learning_rate=1e30, epochs=1), number=number)


def test_recalibration_changes_running_statistics_alone():
    network, _ = trained()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    images = images_of(24, 5).images
    recalibrate(network, images, SETTINGS, "fp32")
    changed = {
        key for key, value in network.state_dict().items() if not torch.equal(value, before[key])
    }
    assert changed == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    with torch.no_grad():
        features = network[0](normalize(images))
    torch.testing.assert_close(network[1].running_mean, features.mean((0, 2, 3)))
    variances = torch.stack([part.var((0, 2, 3)) for part in features.split(6)])
    torch.testing.assert_close(network[1].running_var, variances.mean(0))
    assert network[1].momentum == 0.1


def test_compile_trains_through_the_compiled_network(monkeypatch):
    """With a stand-in that counts; what is compiled has the network's own weights."""
    calls = []

    def compile_(network, mode):
        calls.append(mode)
        return lambda images: calls.append(len(images)) or network(images)

    monkeypatch.setattr(torch, "compile", compile_)
    network, _ = trained(SETTINGS.changed(compile=True, epochs=1))
    assert calls == ["default", *[SETTINGS.batch_size] * (3 + 20 // SETTINGS.batch_size)]
    monkeypatch.undo()
    assert equal(network.state_dict(), trained(SETTINGS.changed(epochs=1))[0].state_dict())


# --- Runs ---------------------------------------------------------------------------------------


@pytest.fixture
def train(make_prepared, tmp_path, monkeypatch):
    """train("run", settings) -> the folder of a run of a tiny network on 40 images."""
    monkeypatch.setattr(run, "build_network", tiny_network)
    prepared, split = make_prepared(by="patient")

    def start(name="run", settings=SETTINGS, network="resnet50", **options) -> Path:
        train_run(network, prepared, split, tmp_path / name, settings, **options)
        return tmp_path / name

    start.prepared, start.split = prepared, split
    return start


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def repeatable(folder: Path) -> dict[str, object]:
    """All results but the timings; of the weights the tensors and notes, whose order varies."""
    found = files_of(folder)
    del found["timing.json"], found["weights.safetensors"]
    weights = load_file(folder / "weights.safetensors")
    tensors = {name: value.numpy().tobytes() for name, value in weights.items()}
    return found | {"weights": (tensors, read_metadata(folder / "weights.safetensors"))}


def test_files_of_a_run(train):
    folder = train()
    assert set(files_of(folder)) == RESULTS

    predictions = pd.read_csv(folder / "predictions.csv")
    names = "image label group part predicted p_benign p_malignant"
    assert predictions.columns.tolist() == names.split()
    parts = pd.read_csv(train.split).set_index("image")
    assert predictions["part"].value_counts().to_dict() == {"test": 12, "val": 4}
    for column in ("label", "group", "part"):
        assert (predictions[column] == parts.loc[predictions["image"], column].to_numpy()).all()
    p = predictions[["p_benign", "p_malignant"]].to_numpy()
    assert np.abs(p.sum(axis=1) - 1).max() < 2e-6
    assert (predictions["predicted"] == np.array(["benign", "malignant"])[p.argmax(1)]).all()

    history = pd.read_csv(folder / "history.csv").set_index("epoch")
    assert history.index.tolist() == [1, 2, 3, 4]
    facts = read_json(folder / "run.json")
    assert (facts["network"], facts["dataset"]) == ("resnet50", "breakhis_40x")
    assert facts["settings"]["epochs"] == 4 and facts["settings"]["image_size"] == 32
    assert (facts["by"], facts["seed"], facts["weights"]) == ("patient", 0, "random")
    assert facts["selected_epoch"] == best_of(history.reset_index().to_dict("records"))
    assert facts["data"] == read_json(train.prepared / "source.json")
    validated = predictions[predictions["part"] == "val"]
    accuracy = (validated["label"] == validated["predicted"]).mean()
    assert history.loc[facts["selected_epoch"], "val_accuracy"] == pytest.approx(accuracy)

    timing = read_json(folder / "timing.json")
    assert len(timing["epoch_seconds"]["train_seconds"]) == 4
    assert 0 < timing["seconds_to_best"] <= timing["total_seconds"]


@pytest.mark.parametrize("threads", [1, 2])
def test_same_seed_same_bytes(train, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        first, second, other = (
            repeatable(train(name, SETTINGS.changed(epochs=2), seed=seed))
            for name, seed in {"first": 0, "second": 0, "other": 1}.items()
        )
    finally:
        torch.set_num_threads(before)
    assert set(first) == {"predictions.csv", "history.csv", "run.json", "weights"}
    assert first == second
    assert all(first[name] != other[name] for name in first)


class Interrupted:
    """Writes checkpoints, and ends the run as Ctrl-C does after that of one epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.save = checkpoint.save_checkpoint

    def __call__(self, path, identity, network, optimizer, scaler, state) -> None:
        self.save(path, identity, network, optimizer, scaler, state)
        if state.epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("epoch", "select"), [(1, "best"), (3, "last")])
def test_an_interrupted_run_goes_on_to_the_same_bytes(
    train, tmp_path, monkeypatch, capsys, epoch, select
):
    settings = SETTINGS.changed(select_epoch=select, recalibrate_batchnorm=True)
    with monkeypatch.context() as patch:
        patch.setattr(run, "save_checkpoint", Interrupted(epoch))
        with pytest.raises(KeyboardInterrupt):
            train("cut", settings)
    assert set(files_of(tmp_path / "cut")) == {"checkpoint/checkpoint.pt"}
    capsys.readouterr()
    found = repeatable(train("cut", settings))
    assert f"going on after epoch {epoch}" in capsys.readouterr().err
    assert found == repeatable(train("whole", settings))
    assert not (tmp_path / "cut/checkpoint").exists()


@pytest.fixture
def checkpointed(train, monkeypatch):
    """A run interrupted after epoch 3 of 4: checkpointed("run", settings) finishes it."""
    with monkeypatch.context() as patch:
        patch.setattr(run, "save_checkpoint", Interrupted(3))
        with pytest.raises(KeyboardInterrupt):
            train()
    return train


@pytest.mark.parametrize(
    "changes",
    [
        {"network": "densenet121"},
        {"settings": SETTINGS.changed(learning_rate=1e-2)},
        {"seed": 1},
    ],
    ids=["network", "learning rate", "seed"],
)
def test_a_checkpoint_of_another_run_is_named_and_not_used(checkpointed, capsys, changes):
    capsys.readouterr()
    found = repeatable(checkpointed(**changes))
    said = capsys.readouterr().err
    assert "checkpoint of other settings or data" in said and "epoch 1/4" in said
    assert found == repeatable(checkpointed("fresh", **changes))


@pytest.mark.parametrize("epochs", [2, 6])
def test_a_checkpoint_serves_longer_runs_but_not_shorter_ones(checkpointed, capsys, epochs):
    settings = SETTINGS.changed(epochs=epochs)
    capsys.readouterr()
    found = repeatable(checkpointed("run", settings))
    assert ("going on after epoch 3" in capsys.readouterr().err) is (epochs >= 3)
    assert found == repeatable(checkpointed("fresh", settings))


def test_checkpoints_are_as_rare_as_asked(train, monkeypatch):
    written = []
    monkeypatch.setattr(run, "save_checkpoint", lambda *args: written.append(args[-1].epoch))
    for seconds in (0.0, 1e6):
        train(str(seconds), SETTINGS.changed(checkpoint_seconds=seconds))
    assert written == [1, 2, 3]


# --- What goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 1e30}, "loss is"),
        ({"batch_size": 100}, "batch_size is 100, but the training set has only 24 images"),
    ],
)
def test_a_failed_run_leaves_no_results(train, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        train("run", SETTINGS.changed(**changes))
    assert not (tmp_path / "run").exists()


def test_a_finished_run_is_replaced_only_by_force_and_then_whole(train):
    write_card(folder := train())
    before = files_of(folder)
    with pytest.raises(UserError, match=r"run: holds a finished run.*--force"):
        train(seed=1)
    assert files_of(folder) == before
    train(seed=1, force=True)
    assert set(files_of(folder)) == RESULTS, "no card of other weights"
    assert read_json(folder / "run.json")["seed"] == 1


def test_a_lock_is_held_by_one_process_at_a_time(tmp_path):
    """Three processes write start and end under one lock; no start comes before the last end."""
    log = tmp_path / "log"
    code = (
        "import sys, time\n"
        "from paper_code.device import locked\n"
        f"with locked('test-{tmp_path.name}-{os.getpid()}'), open({str(log)!r}, 'a') as log:\n"
        "    print('start', file=log, flush=True)\n"
        "    time.sleep(0.2)\n"
        "    print('end', file=log, flush=True)\n"
    )
    jobs = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [job.wait() for job in jobs] == [0, 0, 0]
    assert log.read_text().split() == ["start", "end"] * 3


@pytest.mark.parametrize("source", ["imagenet (torchvision)", "random"])
def test_a_pretrained_backbone_can_be_frozen(train, monkeypatch, source):
    """The head alone is trained, and run.json says so; random weights are trained whole."""

    def build(*args, **options):
        network = tiny_network(*args, **options)
        network.weights_source = source
        return network

    monkeypatch.setattr(run, "build_network", build)
    monkeypatch.setattr(run, "freeze_backbone", lambda network: network[:-1].requires_grad_(False))
    folder = train("run", SETTINGS.changed(freeze_backbone=True))
    torch.manual_seed(0)
    before, after = build().state_dict(), load_file(folder / "weights.safetensors")
    frozen = source != "random"
    assert torch.equal(before["0.weight"], after["0.weight"]) == frozen
    assert not torch.equal(before["6.weight"], after["6.weight"])
    assert read_json(folder / "run.json")["frozen"] == frozen
