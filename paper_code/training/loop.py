"""The training loop: plain tensors on one device, every epoch a function of its seed alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F
from torch.optim.swa_utils import update_bn

from paper_code.device import autocast, clock, resolve_precision
from paper_code.errors import UserError
from paper_code.networks.forward import normalize, predict
from paper_code.progress import count_text, say
from paper_code.training.augment import augment

if TYPE_CHECKING:  # a run depends on the values of settings, which its rule holds
    from paper_code.settings import Settings

RECALIBRATION_IMAGES = 512  # enough for stable batch-norm statistics

Step = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class ImageSet:
    """Images on the device: uint8 N x 3 x H x W, and their int64 labels."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass
class State:
    """What an interrupted run needs in order to go on, besides network and optimizer."""

    epoch: int = 0
    history: list[dict] = field(default_factory=list)
    seconds: list[dict] = field(default_factory=list)
    best_epoch: int = 0
    best_weights: dict[str, torch.Tensor] | None = None

    def record(self, epoch: int, losses: dict, seconds: dict, network: torch.nn.Module) -> None:
        """Note an epoch; keep the weights if it is the best so far."""
        self.epoch = epoch
        self.history.append({"epoch": epoch, **losses})
        self.seconds.append({"epoch": epoch, **seconds})
        if epoch == best_of(self.history):
            self.best_epoch = epoch
            self.best_weights = {k: v.detach().clone() for k, v in network.state_dict().items()}


def fit(
    network: torch.nn.Module,
    train: ImageSet,
    val: ImageSet,
    settings: Settings,
    seed: int = 0,
    *,
    label: str = "",
    restore: Callable[..., None] = lambda *_: None,
    save: Callable[..., None] = lambda *_: None,
) -> State:
    """Train a network in place; at the end it holds the weights of the epoch selected.

    Network and image sets are on one device. Each epoch shuffles `train`, drops its last incomplete
    batch, and evaluates `val`. `settings` are those marked "loop"; `seed` is of order, augmentation
    and dropout; `label` begins each line of progress. `restore(network, optimizer, scaler, state)`
    is called once before training and may load an earlier checkpoint into all four; `save` is
    called with the same four after an epoch, at most every `checkpoint_seconds`.

    Returns the state after the last epoch: `history` (losses, validation accuracy), `seconds`
    (device-synchronised, training and validation apart; processor time of both), `best_epoch`.
    UserError if the batch is larger than the training set, or the loss is not finite.
    """
    device = train.images.device
    images = len(train) // settings.batch_size * settings.batch_size  # of an epoch
    if images == 0:
        raise UserError(
            f"batch_size is {settings.batch_size}, but the training set has only "
            f"{count_text(len(train), 'image')}. Set a smaller batch_size."
        )
    precision = resolve_precision(settings.precision, device)
    trained = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=settings.learning_rate, fused=True)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
    state = State()
    parts = (network, optimizer, scaler, state)
    restore(*parts)
    forward = compiled(network, device) if settings.compile else network
    warm_up(network, forward, train, settings, precision)
    if device.type == "cuda":
        predict(network, val.images, precision)  # its batches have other sizes
        torch.cuda.reset_peak_memory_stats(device)  # the first step tries algorithms
    step = make_step(forward, optimizer, scaler, precision)
    saved = time.monotonic()
    for epoch in range(state.epoch + 1, settings.epochs + 1):
        start, processor = clock(device), time.process_time()
        train_loss, rows = train_epoch(network, step, train, settings, seed, epoch)
        middle = clock(device)
        val_loss, accuracy = validate(network, val, train, rows, settings, precision, epoch)
        seconds = {"train_seconds": middle - start, "val_seconds": clock(device) - middle}
        seconds["processor_seconds"] = time.process_time() - processor
        losses = {"train_loss": train_loss, "val_loss": val_loss, "val_accuracy": accuracy}
        state.record(epoch, losses, seconds, network)
        say(
            f"{label}epoch {epoch}/{settings.epochs}: loss {train_loss:.4f}, "
            f"val loss {val_loss:.4f}, val accuracy {accuracy:.3f}, "
            f"{images / seconds['train_seconds']:.0f} images/s"
        )
        if time.monotonic() - saved >= settings.checkpoint_seconds and epoch < settings.epochs:
            save(*parts)
            saved = time.monotonic()
    if settings.select_epoch == "best":
        network.load_state_dict(state.best_weights)
    return state


def compiled(network: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """The network through `torch.compile`; on a GPU its kernels are replayed as CUDA graphs."""
    mode = "reduce-overhead" if device.type == "cuda" else "default"
    return torch.compile(network, mode=mode)


def make_step(
    forward: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    precision: str,
) -> Step:
    """`step(inputs, labels)`: one update; the loss, still on the device, for which nothing waits.

    Inputs are N x 3 x H x W float, labels N int64.
    """

    def step(inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with autocast(inputs.device, precision):
            loss = F.cross_entropy(forward(inputs).float(), labels)
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss.detach()

    return step


def train_epoch(
    network: torch.nn.Module,
    step: Step,
    train: ImageSet,
    settings: Settings,
    seed: int,
    epoch: int,
) -> tuple[float, torch.Tensor]:
    """One pass over the training set: the mean loss, and the rows of the first images.

    The run's seed and the epoch decide order and augmentation (by a generator of their own) and
    dropout (by the global one): an epoch that is repeated after an interruption comes out the same.

    UserError if the loss is not finite.
    """
    device, size = train.images.device, settings.batch_size
    seeds = np.random.SeedSequence([seed, epoch]).generate_state(2, np.uint64).tolist()
    torch.manual_seed(seeds[0])
    generator = torch.Generator().manual_seed(seeds[1])
    order = torch.randperm(len(train), generator=generator).to(device)
    steps = len(train) // size
    network.train()
    total = torch.zeros((), device=device)
    for rows in order[: steps * size].split(size):
        inputs = augment(normalize(train.images[rows]), settings.rotation, generator)
        total += step(inputs, train.labels[rows])
    mean = float(total) / steps
    _check_finite(mean, "training", epoch)
    return mean, order[:RECALIBRATION_IMAGES]


def validate(
    network: torch.nn.Module,
    val: ImageSet,
    train: ImageSet,
    rows: torch.Tensor,
    settings: Settings,
    precision: str,
    epoch: int,
) -> tuple[float, float]:
    """Loss and accuracy on the validation set.

    Where the settings say so, `rows` of the training set set the batch-norm statistics first.

    UserError if the loss is not finite.
    """
    if settings.recalibrate_batchnorm:
        recalibrate(network, train.images[rows], settings, precision)
    probabilities = predict(network, val.images, precision)
    loss = float(F.nll_loss(probabilities.clamp_min(1e-12).log(), val.labels))
    _check_finite(loss, "validation", epoch)
    return loss, float((probabilities.argmax(1) == val.labels).float().mean())


def _check_finite(loss: float, part: str, epoch: int) -> None:
    if not math.isfinite(loss):
        raise UserError(
            f"The {part} loss is {loss} in epoch {epoch}. "
            "Set a lower learning_rate, or precision=fp32."
        )


def best_of(history: list[dict]) -> int:
    """The epoch with the highest validation accuracy; of equal ones the one with lowest loss."""
    return max(history, key=lambda row: (row["val_accuracy"], -row["val_loss"]))["epoch"]


def recalibrate(
    network: torch.nn.Module, images: torch.Tensor, settings: Settings, precision: str
) -> None:
    """Set the batch-norm statistics to the average over `images` under the present weights."""
    batches = images.split(settings.batch_size)
    with autocast(images.device, precision):
        update_bn((normalize(batch) for batch in batches if len(batch) > 1), network)


def warm_up(
    network: torch.nn.Module,
    forward: torch.nn.Module,
    train: ImageSet,
    settings: Settings,
    precision: str,
) -> None:
    """Steps without an update, so that start-up and compilation stay out of the timings."""
    buffers = {name: value.clone() for name, value in network.named_buffers()}
    network.train()
    images = normalize(train.images[: settings.batch_size])
    for _ in range(3 if settings.compile else 1):  # a CUDA graph is captured in the second
        with autocast(images.device, precision):
            logits = forward(images).float()
            loss = F.cross_entropy(logits, train.labels[: settings.batch_size])
        loss.backward()
        network.zero_grad(set_to_none=True)
    for name, value in network.named_buffers():
        value.copy_(buffers[name])
