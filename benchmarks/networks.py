"""Training throughput of every network: our loop against a plain mixed-precision loop, in one run.

    python benchmarks/networks.py [--networks resnet50 vit] [--image-size 224] [--images 1024]

The plain loop is what PyTorch's own AMP recipe shows: images in memory behind a DataLoader, a copy
of each batch to the device, torchvision's flip and rotation of the batch, autocast, Adam,
contiguous tensors and `loss.item()` after each step. Ours is `paper_code.training.loop.fit`. Both
use the same precision and take turns, each turn in a process of its own, since `fit` sets how
memory is kept; medians over the epochs are compared. On a CPU with one thread (OMP_NUM_THREADS=1)
all times are the processor's, so that other jobs hardly count. `share_of_peak` is the
arithmetic of training (three times the forward pass) done in a second, against the fastest square
matrix product of the same precision that this run measured on the device. Results go to
benchmarks/results/networks_<device>.{csv,md}.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pandas as pd
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2
from training import RESULTS

from paper_code.config import defaults
from paper_code.device import autocast, default_device, resolve_precision
from paper_code.device import clock as wall_clock
from paper_code.networks.builder import build_network
from paper_code.networks.preprocessing import normalize
from paper_code.networks.registry import NETWORKS
from paper_code.networks.structure import gmacs
from paper_code.provenance import hardware
from paper_code.reporting.markdown import markdown, write_table
from paper_code.training import loop
from paper_code.training.loop import ImageSet, TrainingSettings, fit


def clock(device: torch.device) -> float:
    """Seconds of the wall clock, or of the processor where one thread does everything."""
    one_thread = device.type == "cpu" and torch.get_num_threads() == 1
    return time.process_time() if one_thread else wall_clock(device)


def turn(run: Callable[..., list[float]], name: str, args, device: torch.device) -> list[float]:
    """Seconds of each timed epoch of one of the two loops, on noise; for a new process."""
    torch.backends.cudnn.benchmark = True
    loop.clock = clock
    generator = torch.Generator().manual_seed(0)
    shape = (args.images, 3, args.image_size, args.image_size)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return run(name, images, torch.arange(args.images) % 2, args, device)


def plain_loop(name: str, images, labels, args, device: torch.device) -> list[float]:
    """Seconds of each epoch of the plain loop but the first."""
    torch.manual_seed(0)
    network = build_network(name, 2, image_size=args.image_size).to(device)
    precision = resolve_precision("auto", device)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    transform = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomRotation(15)])
    loader = DataLoader(
        TensorDataset(images, labels),
        batch_size=args.batch_size,
        shuffle=True,
        drop_last=True,
        pin_memory=device.type == "cuda",
    )
    seconds = []
    for _ in range(args.epochs + 1):
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


def our_loop(name: str, images, labels, args, device: torch.device) -> list[float]:
    """The same of ours; validation is timed apart and not counted."""
    torch.manual_seed(0)
    network = build_network(name, 2, image_size=args.image_size)
    network.to(device, memory_format=torch.channels_last)
    part = ImageSet(images.to(device), labels.to(device))
    few = ImageSet(part.images[:8], part.labels[:8])
    settings = TrainingSettings.of(
        defaults(), epochs=args.epochs + 1, batch_size=args.batch_size, checkpoint_seconds=1e9
    )
    return [row["train_seconds"] for row in fit(network, part, few, settings).seconds][1:]


def peak_flops(device: torch.device) -> float:
    """Operations a second of the fastest of some square matrix products."""
    precision = resolve_precision("auto", device)
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[precision]
    best = 0.0
    sides, times = ((4096, 8192), 20) if device.type == "cuda" else ((1024, 2048), 1)
    for side in sides:
        first, second = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
        for _ in range(8):
            start = clock(device)
            for _ in range(times):  # on a GPU, several for each wait
                first @ second
            best = max(best, times * 2 * side**3 / (clock(device) - start))
    return best


def main() -> None:
    device = default_device()
    gpu = device.type == "cuda"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--image-size", type=int, default=224 if gpu else 64)
    parser.add_argument("--images", type=int, default=1024 if gpu else 64)
    parser.add_argument("--batch-size", type=int, default=32 if gpu else 16)
    parser.add_argument("--epochs", type=int, default=2, help="timed ones, after a first")
    parser.add_argument("--rounds", type=int, default=2, help="how often the two take turns")
    args = parser.parse_args()
    used = args.images // args.batch_size * args.batch_size
    spawn = multiprocessing.get_context("spawn")
    peak = peak_flops(device)
    rows = []
    for name in args.networks:
        plain, ours = [], []
        for _ in range(args.rounds):
            for seconds, run in ((plain, plain_loop), (ours, our_loop)):
                with ProcessPoolExecutor(1, mp_context=spawn) as process:
                    seconds += process.submit(turn, run, name, args, device).result()
        speed = used / statistics.median(ours)
        work = 3 * 2e9 * gmacs(name, image_size=args.image_size)  # operations a training image
        rows.append(
            {
                "network": name,
                "plain_images_per_second": used / statistics.median(plain),
                "images_per_second": speed,
                "ratio": statistics.median(plain) / statistics.median(ours),
                "teraflops": work * speed / 1e12,
                "share_of_peak": work * speed / peak,
            }
        )
        print(rows[-1], flush=True)
    report = pd.DataFrame(rows).round(3)
    shown = report.astype(str).rename(
        columns={
            "network": "Network",
            "plain_images_per_second": "Plain AMP loop, images/s",
            "images_per_second": "Ours, images/s",
            "ratio": "Ratio",
            "teraflops": "Ours, TFLOP/s",
            "share_of_peak": "Share of peak",
        }
    )
    facts = {
        "precision": resolve_precision("auto", device),
        "image_size": args.image_size,
        "batch_size": args.batch_size,
        "images": used,
        "epochs_timed": args.epochs * args.rounds,
        "threads": torch.get_num_threads(),
        "clock": "processor" if not gpu and torch.get_num_threads() == 1 else "wall",
        "peak_teraflops": round(peak / 1e12, 3),
        "hardware": hardware(device),
        "torch": torch.__version__,
    }
    write_table(
        RESULTS / f"networks_{device.type}.csv",
        report.assign(**facts),
        "Training throughput of each network",
        [
            "; ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts.items()),
            markdown(shown),
        ],
    )


if __name__ == "__main__":
    main()
