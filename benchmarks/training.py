"""Training throughput of every network: our loop beside a plain mixed-precision loop, in one run.

    python benchmarks/training.py [--networks resnet50 vit] [--image-size 224] [--images 1024]

The plain loop is PyTorch's own AMP recipe: images in memory behind a DataLoader, a copy of each
batch to the device, torchvision's flip and rotation of the batch, autocast, Adam, contiguous
tensors and `loss.item()` after each step. Ours is `paper_code.training.loop.fit`. Both use the same
precision and take turns; medians over the epochs are compared. On a CPU with one thread
(OMP_NUM_THREADS=1) all times are the processor's, so that other jobs hardly count. Results go to
benchmarks/results/training_<device>.{csv,md}; with --precision its name is added.
"""

import argparse
import statistics
import time
from argparse import Namespace
from pathlib import Path

import pandas as pd
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

from paper_code.device import (
    PRECISIONS,
    autocast,
    default_device,
    resolve_precision,
    use_float32,
)
from paper_code.device import clock as wall_clock
from paper_code.networks.builder import build_network
from paper_code.networks.forward import normalize
from paper_code.networks.registry import NETWORKS
from paper_code.provenance import hardware
from paper_code.reporting.markdown import markdown, write_table
from paper_code.settings import defaults
from paper_code.training import loop
from paper_code.training.loop import ImageSet, fit

RESULTS = Path(__file__).parent / "results"
ROUNDS = 2  # how often the two take turns


def one_thread(device: torch.device) -> bool:
    """Whether one thread of a processor does everything."""
    return device.type == "cpu" and torch.get_num_threads() == 1


def clock(device: torch.device) -> float:
    """Seconds of the wall clock, or of the processor where one thread does everything."""
    return time.process_time() if one_thread(device) else wall_clock(device)


def noise(size: Namespace) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 images of random pixels, and labels of two classes."""
    generator = torch.Generator().manual_seed(0)
    shape = (size.images, 3, size.image_size, size.image_size)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return images, torch.arange(size.images) % 2


def plain_loop(name: str, size: Namespace, device: torch.device) -> list[float]:
    """Seconds of each epoch of the plain loop but the first."""
    torch.manual_seed(0)
    network = build_network(name, 2, image_size=size.image_size).to(device)
    precision = resolve_precision(size.precision, device)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    transform = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomRotation(15)])
    batches = {"batch_size": size.batch_size, "shuffle": True, "drop_last": True}
    loader = DataLoader(TensorDataset(*noise(size)), pin_memory=device.type == "cuda", **batches)
    seconds = []
    for _ in range(size.epochs + 1):
        start = clock(device)
        network.train()
        for inputs, targets in loader:
            inputs, targets = transform(normalize(inputs.to(device))), targets.to(device)
            optimizer.zero_grad()
            with autocast(device, precision):
                loss = F.cross_entropy(network(inputs).float(), targets)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            loss.item()
        seconds.append(clock(device) - start)
    return seconds[1:]


def our_loop(name: str, size: Namespace, device: torch.device, **changes) -> list[dict]:
    """`State.seconds` of each epoch of ours but the first."""
    torch.manual_seed(0)
    network = build_network(name, 2, image_size=size.image_size)
    network.to(device, memory_format=torch.channels_last)
    images, labels = (part.to(device) for part in noise(size))
    few = ImageSet(images[: size.val], labels[: size.val])
    given = {"epochs": size.epochs + 1, "batch_size": size.batch_size, "checkpoint_seconds": 1e9}
    given |= {"precision": size.precision, "recalibrate_batchnorm": False}
    settings = defaults().changed(**given, **changes)
    return fit(network, ImageSet(images, labels), few, settings).seconds[1:]


def used(size: Namespace) -> int:
    """Images that an epoch trains on: whole batches."""
    return size.images // size.batch_size * size.batch_size


def main() -> None:
    device = default_device()
    gpu = device.type == "cuda"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--image-size", type=int, default=224 if gpu else 64)
    parser.add_argument("--images", type=int, default=1024 if gpu else 64)
    parser.add_argument("--batch-size", type=int, default=32 if gpu else 16)
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    size = parser.parse_args()
    size.epochs, size.val = 2, 8  # timed after a first; timed apart and not counted
    torch.backends.cudnn.benchmark = True
    use_float32()
    loop.clock = clock
    rows = []
    for name in size.networks:
        plain, ours = [], []
        for _ in range(ROUNDS):
            plain += plain_loop(name, size, device)
            ours += [row["train_seconds"] for row in our_loop(name, size, device)]
        first, second = (used(size) / statistics.median(each) for each in (plain, ours))
        rows.append({"network": name, "plain": first, "ours": second, "ratio": second / first})
        print(rows[-1], flush=True)
    facts = {
        "precision": resolve_precision(size.precision, device),
        "image_size": size.image_size,
        "batch_size": size.batch_size,
        "images": used(size),
        "epochs_timed": size.epochs * ROUNDS,
        "threads": torch.get_num_threads(),
        "clock": "processor" if one_thread(device) else "wall",
        "hardware": hardware(device),
        "torch": torch.__version__,
    }
    report = pd.DataFrame(rows).round(3)
    titles = ["Network", "Plain AMP loop, images/s", "Ours, images/s", "Ratio"]
    sections = [
        "; ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts.items()),
        markdown(report.astype(str).set_axis(titles, axis=1)),
    ]
    suffix = "" if size.precision == "auto" else f"_{size.precision}"
    path = RESULTS / f"training_{device.type}{suffix}.csv"
    write_table(path, report.assign(**facts), "Training throughput of each network", sections)


if __name__ == "__main__":
    main()
