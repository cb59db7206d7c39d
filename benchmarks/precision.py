"""Lower precision against float32: does training end at the same accuracy?

    python benchmarks/precision.py [--networks dalaresnet50 resnet50] [--seeds 0 1 2]

Trains each network on one data set in both precisions from the same seeds, split, order and
augmentation, and compares the mean test accuracies: the difference with the 95 % interval of a
bootstrap that draws whole patients, the same ones for both sides. The data are the phantom of
breakhis_100x, or any folder of `paper_code prepare` (--prepared). Results go to
benchmarks/results/precision_<device>.{csv,md}.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from training import RESULTS

from paper_code.config import defaults
from paper_code.datasets.catalog import find_dataset
from paper_code.datasets.prepare import make_manifest, prepare
from paper_code.datasets.splits import make_split
from paper_code.device import default_device, resolve_precision
from paper_code.errors import UserError
from paper_code.metrics.comparisons import difference_bootstrap
from paper_code.metrics.resampling import group_codes
from paper_code.parallel import cores
from paper_code.phantoms import write_phantom
from paper_code.provenance import hardware
from paper_code.reporting.markdown import markdown, write_table
from paper_code.runs import load_run
from paper_code.training.loop import TrainingSettings
from paper_code.training.run import train_run


def make_data(folder: Path, images: int, image_size: int) -> Path:
    """The phantom of breakhis_100x, prepared."""
    write_phantom("breakhis", folder / "raw", images=images, height=160, seed=0, workers=cores())
    manifest = folder / "prepared/manifest.csv"
    make_manifest(find_dataset("breakhis_100x"), folder / "raw", "phantom", manifest)
    prepare(manifest, manifest.parent, image_size=image_size, workers=cores())
    return manifest.parent


def _accuracies(samples: list) -> str:
    """Each seed's test accuracy: the spread that the interval does not hold."""
    return " ".join(f"{(p.argmax(1) == y).mean():.3f}" for y, p, _ in samples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=["dalaresnet50", "resnet50"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--prepared", type=Path, help="folder of a prepared data set")
    parser.add_argument("--images", type=int, default=160, help="of the phantom")
    parser.add_argument("--image-size", type=int, default=64, help="of the phantom")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=16)
    args = parser.parse_args()
    device = default_device()
    low = resolve_precision("auto", device)
    if low == "fp32":
        raise SystemExit(f"{hardware(device)} has no lower precision to compare with.")
    settings = TrainingSettings.of(
        defaults(), epochs=args.epochs, batch_size=args.batch_size, recalibrate_batchnorm=True
    )
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepared = args.prepared or make_data(folder, args.images, args.image_size)
        for network in args.networks:
            samples = {low: [], "fp32": []}
            for seed in args.seeds:
                split = folder / f"image-{seed}.csv"
                make_split(prepared / "manifest.csv", split, by="image", seed=seed)
                for precision, found in samples.items():
                    output = folder / network / f"{precision}-{seed}"
                    train_run(
                        network,
                        prepared,
                        split,
                        output,
                        replace(settings, seed=seed, precision=precision),
                        weights=defaults()["weights"],
                        freeze=False,
                        dropout=defaults()["dropout"],
                    )
                    found.append(load_run(output / "run.json").part("test"))
            codes = np.split(
                group_codes(
                    np.concatenate([part[2] for part in samples[low]]),
                    sum(len(part[0]) for part in samples[low]),
                ),
                np.cumsum([len(part[0]) for part in samples[low]])[:-1],
            )
            sides = [
                [(y, p, c) for (y, p, _), c in zip(found, codes, strict=True)]
                for found in samples.values()
            ]
            difference = difference_bootstrap(*sides, metrics=["accuracy"]).iloc[0]
            same = [
                (a.argmax(1) == b.argmax(1)).mean()
                for (_, a, _), (_, b, _) in zip(*sides, strict=True)
            ]
            rows.append(
                {
                    "network": network,
                    low: round(difference["first"], 4),
                    "fp32": round(difference["second"], 4),
                    "difference": round(difference["difference"], 4),
                    "low": round(difference["low"], 4),
                    "high": round(difference["high"], 4),
                    "same_prediction": round(float(np.mean(same)), 4),
                    f"{low}_of_seeds": _accuracies(sides[0]),
                    "fp32_of_seeds": _accuracies(sides[1]),
                }
            )
            print(rows[-1], flush=True)
        data = load_run(output / "run.json").facts["data"]["description"]
    facts = {
        "data": data,
        "seeds": " ".join(map(str, args.seeds)),
        "epochs": args.epochs,
        "batch_size": args.batch_size,
        "hardware": hardware(device),
        "torch": torch.__version__,
    }
    report = pd.DataFrame(rows)
    write_table(
        RESULTS / f"precision_{device.type}.csv",
        report.assign(**facts),
        f"Test accuracy after training in {low} and in fp32",
        [
            "; ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts.items()),
            "Means over the seeds; the difference with its 95 % interval, patients drawn with "
            "replacement; `same_prediction` is the share of test images on which both agree.",
            markdown(report),
        ],
    )


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(str(error)) from None
