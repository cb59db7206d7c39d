"""The repeats of the crossover, frozen or fine-tuned, from images to rows of patients.

Frozen is EfficientNet-Lite0 as it comes from ImageNet, with a logistic head of each arm's own;
fine-tuned, networks that are trained from ImageNet weights on one arm of a repeat.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from paper_code.crossover.design import ARMS, NETWORKS, PLAIN, draw_repeat
from paper_code.crossover.patients import IMAGE_COLUMNS, by_image, by_patient
from paper_code.crossover.sample import read_sample
from paper_code.datasets.tensors import pixel_sum
from paper_code.files import read_csv, write_csv
from paper_code.networks.builder import build_network
from paper_code.networks.forward import normalize
from paper_code.progress import say, track
from paper_code.settings import Settings, defaults
from paper_code.training.checkpoint import fingerprint
from paper_code.training.loop import ImageSet, make_step, train_epoch

FROZEN_SIZE, FINE_TUNED_SIZE = 224, 160  # px of the images
DROPOUT = 0.25
# Chosen on other patients (benchmarks/crossover_settings.py).
EPOCHS = 4
LEARNING_RATE = 3e-4
# Settings whose change makes other results of a training; the rest change how it is executed.
DECIDING = ("epochs", "batch_size", "learning_rate", "rotation", "precision")


@torch.inference_mode()
def pooled_features(images: np.ndarray) -> np.ndarray:
    """N x 1280 means of the last feature map, of uint8 N x 3 x H x W."""
    network = build_network("efficientnet_lite0", 2, weights="imagenet").eval()
    network.to(memory_format=torch.channels_last)
    batches = track(torch.tensor(images).split(32), "features")
    maps = (network.forward_features(normalize(batch)) for batch in batches)
    return torch.cat([features.mean(dim=(2, 3)) for features in maps]).numpy()


def head_margins(
    features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Logits of class 1 minus class 0 of the rows `test`, by logistic regression on `train`.

    Features are standardised; the penalty is scikit-learn's default, L2 with C = 1.
    """
    head = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))
    return head.fit(features[train], labels[train]).decision_function(features[test])


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


def write_frozen(
    output: str | Path,
    names: Sequence[str],
    roots: Sequence[str | Path],
    *,
    repeats: Sequence[int],
    seeds: Sequence[int],
) -> None:
    """Test the frozen network with a logistic head; write the rows of `by_patient` as CSV.

    `names` are data sets, put together if there are several, with the data_root of each; `repeats`
    their numbers; each of `seeds` decides all repeats anew. UserError as `read_sample` and
    `draw_repeat`.
    """
    sample = read_sample(names, roots, FROZEN_SIZE)
    features, label = pooled_features(sample.images), sample.table["label"].to_numpy()
    keys = {"dataset": sample.name, "training": "frozen"}
    parts = []
    for seed, number in track(list(product(seeds, repeats)), f"{sample.name}: repeats"):
        repeat = draw_repeat(label, sample.table["patient"], seed, number, sample.among)
        margins = {
            arm: head_margins(features, label, rows, repeat.test)
            for arm, rows in repeat.train.items()
        }
        images = by_image(sample, repeat, PLAIN, margins)
        parts.append(by_patient(images, seed=seed, repeat=number, **keys))
    write_csv(output, pd.concat(parts, ignore_index=True))


def write_fine_tuned(
    output: str | Path,
    names: Sequence[str],
    roots: Sequence[str | Path],
    *,
    repeats: Sequence[int],
    seeds: Sequence[int],
    checkpoints: str | Path,
) -> None:
    """Train the four networks in each repeat; write the rows of `by_patient`; as `write_frozen`.

    `output` is written anew after each repeat. `checkpoints` receives the rows of `by_image`, a
    file for each repeat, network and arm in a folder named after images, seed and settings; what is
    there already is kept, so that an interrupted command goes on where it was. A repeat trains with
    its own number as seed, all networks and both arms with the same.
    """
    sample = read_sample(names, roots, FINE_TUNED_SIZE)
    images = torch.tensor(sample.images)
    label = sample.table["label"].to_numpy()
    keys = {"dataset": sample.name, "training": "fine-tuned"}
    facts = {"images": sample.table.to_csv(), "sum": pixel_sum(images), "dropout": DROPOUT}
    settings = settings_of()
    facts |= keys | {name: getattr(settings, name) for name in DECIDING}
    parts = []
    for seed, number in product(seeds, repeats):
        identity = fingerprint({"seed": seed} | facts)
        repeat = draw_repeat(label, sample.table["patient"], seed, number, sample.among)
        paths = []
        for network, arm in product(NETWORKS, ARMS):
            name = f"{network}-{arm}.csv"
            paths.append(Path(checkpoints) / identity / f"{number:03d}" / name)
            if paths[-1].exists():
                continue
            start = time.process_time()
            rows = repeat.train[arm]
            margin = fine_tune(network, images, torch.tensor(label), rows, repeat.test, number)
            write_csv(paths[-1], by_image(sample, repeat, network, {arm: margin}))
            seconds = time.process_time() - start
            say(f"{sample.name}: repeat {number}, {network}, {arm}: {seconds:.0f} s of a processor")
        found = pd.concat([read_csv(path, *IMAGE_COLUMNS, dtype=None) for path in paths])
        parts.append(by_patient(found, seed=seed, repeat=number, **keys))
        write_csv(output, pd.concat(parts, ignore_index=True))
