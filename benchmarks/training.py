"""Our training loop against the usual one, on the same network, images and epochs, in one run.

    python benchmarks/training.py [--network resnet50] [--image-size 224] [--images 128]

The usual loop is what most tutorials show: a DataLoader that decodes, resizes and augments with PIL
in worker processes, fp32, contiguous tensors, Adam, a copy of each batch to the device and
`loss.item()` after each step. Ours is `paper_code.training.loop.fit` on a prepared array; its
one-off preparation is timed too. The two take turns and the medians over the epochs are compared.
Results go to benchmarks/results/training.{csv,md}.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torchvision
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from paper_code.config import defaults
from paper_code.datasets.catalog import find_dataset
from paper_code.datasets.prepare import make_manifest, prepare
from paper_code.device import clock, default_device, resolve_precision
from paper_code.files import write_csv, write_text
from paper_code.networks.builder import build_network
from paper_code.parallel import cores
from paper_code.phantoms import write_phantom
from paper_code.provenance import hardware
from paper_code.training.loop import ImageSet, TrainingSettings, fit

RESULTS = Path(__file__).parent / "results"


class Files(Dataset):
    """Images decoded when asked for."""

    def __init__(self, paths: list[str], labels: list[int], size: int) -> None:
        self.items = list(zip(paths, labels, strict=True))
        self.transform = transforms.Compose(
            [
                transforms.Resize((size, size)),
                transforms.RandomRotation(15),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize([0.5] * 3, [0.5] * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path, label = self.items[index]
        return self.transform(Image.open(path).convert("RGB")), label


def usual_loop(paths, labels, args, device) -> list[float]:
    """Seconds of each epoch of the usual loop."""
    torch.manual_seed(0)
    network = torchvision_network(args.network).to(device)
    loader = DataLoader(
        Files(paths, labels, args.image_size),
        batch_size=args.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=cores(),
        pin_memory=device.type == "cuda",
        persistent_workers=True,
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    seconds = []
    for _ in range(args.epochs + 1):
        start = clock(device)
        network.train()
        for inputs, targets in loader:
            inputs, targets = inputs.to(device), targets.to(device)
            optimizer.zero_grad()
            loss = F.cross_entropy(network(inputs), targets)
            loss.backward()
            optimizer.step()
            loss.item()
        seconds.append(clock(device) - start)
    return seconds[1:]  # the first epoch starts the workers


def our_loop(images, labels, args, device) -> list[float]:
    """Seconds of each epoch of ours; validation is timed apart and not counted."""
    torch.manual_seed(0)
    network = build_network(args.network, 2, image_size=args.image_size)
    network.to(device, memory_format=torch.channels_last)
    part = ImageSet(images.to(device), labels.to(device))
    few = ImageSet(part.images[:8], part.labels[:8])
    settings = TrainingSettings.of(
        defaults(), epochs=args.epochs + 1, batch_size=args.batch_size, checkpoint_seconds=1e9
    )
    state = fit(network, part, few, settings)
    return [row["train_seconds"] for row in state.seconds][1:]


def torchvision_network(name: str) -> torch.nn.Module:
    """The same architecture as most code builds it."""
    if name == "resnet50":
        return torchvision.models.resnet50(num_classes=2)
    return build_network(name, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=2, help="timed ones, after a first")
    parser.add_argument("--rounds", type=int, default=2, help="how often the two take turns")
    args = parser.parse_args()
    device = default_device()
    with tempfile.TemporaryDirectory() as folder:
        # Phantoms of the published size, so that decoding costs what it costs with real files.
        write_phantom(
            "breakhis", Path(folder, "raw"), images=args.images, height=460, seed=0, workers=cores()
        )
        manifest = Path(folder, "manifest.csv")
        make_manifest(find_dataset("breakhis_100x"), Path(folder, "raw"), "phantom", manifest)
        start = time.perf_counter()
        prepare(manifest, folder, image_size=args.image_size, workers=cores())
        preparation = time.perf_counter() - start
        table = pd.read_csv(manifest)
        labels = (table["label"] == "malignant").to_numpy(dtype=int, copy=True)
        images = torch.from_numpy(np.load(Path(folder, "images.npy")))
        usual, ours = [], []
        for _ in range(args.rounds):
            usual += usual_loop(table["path"].tolist(), labels.tolist(), args, device)
            ours += our_loop(images, torch.from_numpy(labels), args, device)
    used = len(labels) // args.batch_size * args.batch_size
    rows = [
        {"loop": "usual", "precision": "fp32", "seconds_per_epoch": statistics.median(usual)},
        {
            "loop": "ours",
            "precision": resolve_precision("auto", device),
            "seconds_per_epoch": statistics.median(ours),
        },
    ]
    report = pd.DataFrame(rows)
    report["images_per_second"] = used / report["seconds_per_epoch"]
    report["ratio"] = report["images_per_second"] / report["images_per_second"].iloc[0]
    report = report.round(3).assign(
        network=args.network,
        image_size=args.image_size,
        batch_size=args.batch_size,
        images=used,
        epochs_timed=len(ours),
        preparation_seconds=round(preparation, 2),
        hardware=hardware(device),
        torch=torch.__version__,
    )
    name = f"training_{args.network}_{device.type}"
    write_csv(RESULTS / f"{name}.csv", report)
    lines = [
        f"# Training throughput: {args.network}, {args.image_size} px, batch {args.batch_size}",
        f"{hardware(device)}; torch {torch.__version__}; {used} images, median of {len(ours)} "
        f"epochs each, in turns; preparing the array once took {preparation:.2f} s.",
        "| loop | precision | s per epoch | images/s | ratio |\n| --- | --- | --- | --- | --- |\n"
        + "\n".join(
            f"| {r.loop} | {r.precision} | {r.seconds_per_epoch:.2f} | {r.images_per_second:.1f} "
            f"| {r.ratio:.2f} |"
            for r in report.itertuples()
        ),
    ]
    write_text(RESULTS / f"{name}.md", "\n\n".join(lines) + "\n")
    print("\n\n".join(lines))


if __name__ == "__main__":
    main()
