"""The training loop: plain tensors on one device, every epoch a function of its seed alone."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch.nn import functional as F
from torch.optim.swa_utils import update_bn

from paper_code.device import autocast, clock, resolve_precision
from paper_code.errors import UserError
from paper_code.networks.preprocessing import normalize
from paper_code.progress import say
from paper_code.training.augment import augment

EVALUATION_BATCH = 256
RECALIBRATION_IMAGES = 512  # enough for stable batch-norm statistics


@dataclass(frozen=True)
class TrainingSettings:
    """The protocol of section IV-A; choices that the paper leaves open are in the config."""

    epochs: int = 50
    batch_size: int = 32
    learning_rate: float = 1e-4
    rotation: float = 15.0
    select_epoch: str = "best"
    precision: str = "auto"
    recalibrate_batchnorm: bool = False
    checkpoint_seconds: float = 60.0
    seed: int = 0


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


def fit(
    network: torch.nn.Module,
    train: ImageSet,
    val: ImageSet,
    settings: TrainingSettings,
    *,
    label: str = "",
    restore: Callable[..., None] = lambda *_: None,
    save: Callable[..., None] = lambda *_: None,
) -> State:
    """Train a network in place; at the end it holds the weights of the epoch selected.

    Args:
        network: on the device of the image sets.
        train: training part; each epoch shuffles it and drops the last incomplete batch.
        val: validation part, evaluated after each epoch.
        settings: the protocol.
        label: begins each line of progress.
        restore: called once as `restore(network, optimizer, scaler, state)` before training; it
            may load an earlier checkpoint into all four.
        save: called with the same four after an epoch, at most every `checkpoint_seconds`.

    Returns:
        The state after the last epoch: `history` (losses, validation accuracy), `seconds`
        (device-synchronised, training and validation apart), `best_epoch`.

    Raises:
        UserError: the batch is larger than the training part, or the loss is not finite.
    """
    device = train.images.device
    steps = len(train) // settings.batch_size
    if steps == 0:
        raise UserError(
            f"batch_size is {settings.batch_size}, but the training part has only "
            f"{len(train)} images. Set a smaller batch_size."
        )
    precision = resolve_precision(settings.precision, device)
    optimizer = torch.optim.Adam(
        [p for p in network.parameters() if p.requires_grad], lr=settings.learning_rate, fused=True
    )
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
    state = State()
    restore(network, optimizer, scaler, state)
    warm_up(network, train, settings, precision)
    saved = time.monotonic()
    for epoch in range(state.epoch + 1, settings.epochs + 1):
        # The epoch's seed decides order, augmentation and dropout: an epoch that is repeated
        # after an interruption comes out the same.
        epoch_seed = settings.seed * 1_000_003 + epoch
        torch.manual_seed(epoch_seed)
        generator = torch.Generator().manual_seed(epoch_seed)
        order = torch.randperm(len(train), generator=generator).to(device)
        start = clock(device)
        network.train()
        total = torch.zeros((), device=device)
        for rows in order[: steps * settings.batch_size].split(settings.batch_size):
            inputs = augment(normalize(train.images[rows]), settings.rotation, generator)
            with autocast(device, precision):
                loss = F.cross_entropy(network(inputs).float(), train.labels[rows])
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            total += loss.detach()
        trained = clock(device)
        train_loss = float(total) / steps
        _check_finite(train_loss, "training", epoch)
        if settings.recalibrate_batchnorm:
            recalibrate(network, train.images[order[:RECALIBRATION_IMAGES]], settings, precision)
        probabilities = predict(network, val.images, precision)
        val_loss = float(F.nll_loss(probabilities.clamp_min(1e-12).log(), val.labels))
        _check_finite(val_loss, "validation", epoch)
        accuracy = float((probabilities.argmax(1) == val.labels).float().mean())
        state.epoch = epoch
        state.history.append(
            {
                "epoch": epoch,
                "train_loss": train_loss,
                "val_loss": val_loss,
                "val_accuracy": accuracy,
            }
        )
        state.seconds.append(
            {
                "epoch": epoch,
                "train_seconds": trained - start,
                "val_seconds": clock(device) - trained,
            }
        )
        if epoch == best_of(state.history):
            state.best_epoch = epoch
            state.best_weights = {k: v.detach().clone() for k, v in network.state_dict().items()}
        say(
            f"{label}epoch {epoch}/{settings.epochs}: loss {train_loss:.4f}, "
            f"val loss {val_loss:.4f}, val accuracy {accuracy:.3f}, "
            f"{steps * settings.batch_size / (trained - start):.0f} images/s"
        )
        if time.monotonic() - saved >= settings.checkpoint_seconds and epoch < settings.epochs:
            save(network, optimizer, scaler, state)
            saved = time.monotonic()
    if settings.select_epoch == "best":
        network.load_state_dict(state.best_weights)
    return state


def _check_finite(loss: float, part: str, epoch: int) -> None:
    if not math.isfinite(loss):
        raise UserError(
            f"The {part} loss is {loss} in epoch {epoch}. "
            "Set a lower learning_rate, or precision=fp32."
        )


def best_of(history: list[dict]) -> int:
    """The epoch with the highest validation accuracy; of equal ones the one with lowest loss."""
    return max(history, key=lambda row: (row["val_accuracy"], -row["val_loss"]))["epoch"]


@torch.inference_mode()
def predict(network: torch.nn.Module, images: torch.Tensor, precision: str) -> torch.Tensor:
    """Class probabilities, N x K float32 on the device, in evaluation mode.

    Args:
        network: on the device of `images`; left in evaluation mode.
        images: uint8 N x 3 x H x W.
        precision: "fp32", "bf16" or "fp16"; the softmax is always in float32.
    """
    network.eval()
    with autocast(images.device, precision):
        logits = [network(normalize(batch)).float() for batch in images.split(EVALUATION_BATCH)]
    return torch.cat(logits).softmax(dim=1)


def recalibrate(
    network: torch.nn.Module, images: torch.Tensor, settings: TrainingSettings, precision: str
) -> None:
    """Set the batch-norm statistics to the average over `images` under the present weights."""

    def batches() -> Iterator[torch.Tensor]:
        for batch in images.split(settings.batch_size):
            if len(batch) > 1:
                yield normalize(batch)

    with autocast(images.device, precision):
        update_bn(batches(), network)


def warm_up(
    network: torch.nn.Module, train: ImageSet, settings: TrainingSettings, precision: str
) -> None:
    """One training step without an update, so that start-up costs stay out of the timings."""
    buffers = {name: value.clone() for name, value in network.named_buffers()}
    network.train()
    with autocast(train.images.device, precision):
        logits = network(normalize(train.images[: settings.batch_size])).float()
        loss = F.cross_entropy(logits, train.labels[: settings.batch_size])
    loss.backward()
    network.zero_grad(set_to_none=True)
    for name, value in network.named_buffers():
        value.copy_(buffers[name])
    clock(train.images.device)
