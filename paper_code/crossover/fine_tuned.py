"""Networks trained from ImageNet weights on one arm of a repeat."""

from collections.abc import Iterator

import numpy as np
import torch

from paper_code.networks.builder import build_network
from paper_code.networks.forward import normalize
from paper_code.settings import Settings, defaults
from paper_code.training.loop import ImageSet, make_step, train_epoch

IMAGE_SIZE = 160  # px
DROPOUT = 0.25
# Chosen on other patients (benchmarks/crossover_settings.py).
EPOCHS = 4
LEARNING_RATE = 3e-4


def settings_of(learning_rate: float = LEARNING_RATE) -> Settings:
    """How every network of the crossover is trained; the last epoch is tested."""
    return defaults().changed(
        epochs=EPOCHS,
        batch_size=16,
        learning_rate=learning_rate,
        rotation=15,
        select_epoch="last",
        precision="fp32",
        compile=False,
        recalibrate_batchnorm=False,
        checkpoint_seconds=0,
    )


def train_epochs(name: str, train: ImageSet, settings: Settings, seed: int) -> Iterator:
    """Train a two-class network from ImageNet weights; yield it after each epoch."""
    torch.manual_seed(seed)
    network = build_network(
        name, 2, weights="imagenet", dropout=DROPOUT, image_size=train.images.shape[-1]
    ).to(train.images.device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)
    scaler = torch.amp.GradScaler(train.images.device.type, enabled=False)
    step = make_step(network, optimizer, scaler, settings.precision)
    for epoch in range(1, settings.epochs + 1):
        train_epoch(network, step, train, settings, seed, epoch)
        yield network


@torch.inference_mode()
def margins(network: torch.nn.Module, images: torch.Tensor) -> np.ndarray:
    """N logits of the second class minus those of the first; above 0 the second is predicted."""
    network.eval()
    logits = torch.cat([network(normalize(batch)) for batch in images.split(64)]).double()
    return (logits[:, 1] - logits[:, 0]).cpu().numpy()


def fine_tune(
    name: str,
    images: torch.Tensor,
    labels: torch.Tensor,
    train: np.ndarray,
    test: np.ndarray,
    seed: int,
) -> np.ndarray:
    """Train on the rows `train`, and return the margins of the rows `test`."""
    *_, network = train_epochs(name, ImageSet(images[train], labels[train]), settings_of(), seed)
    return margins(network, images[test])
