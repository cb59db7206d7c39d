"""Hand-made runs and data sets from which tables and figures are built."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from paper_code.files import write_csv, write_json
from paper_code.reporting.verdicts import PROTOCOL
from paper_code.runs import Run, load_run

CLASSES = {
    "bach": ["normal", "benign", "insitu", "invasive"],
    "mini_ddsm": ["normal", "benign", "malignant"],
}
SOURCES = {
    "real": {"source": "real", "complete": True, "description": "real (complete: 1995 images)"},
    "subset": {"source": "real", "complete": False, "description": "real (subset 12 of 1995)"},
    "phantom": {"source": "phantom", "complete": False, "description": "phantom (40 images)"},
}
# What these networks start from in a run that has everything; the rest start from ImageNet.
WEIGHTS = {
    "vit": "random (the ViT of the paper has no published weights)",
    "dinov2_vitb14": "self-supervised on LVD-142M (Meta dinov2_vitb14)",
}
TIMES = {
    "total_seconds": 100.0,
    "best_epoch": 4,
    "seconds_to_best": 40.0,
    "epochs_to_near_best": 2,
    "seconds_to_near_best": 20.0,
    "images_per_second": 250.0,
    "peak_memory_bytes": 3 * 2**29,
}


def hand_made_run(
    network: str = "resnet50",
    right: int | float | list[int] = 16,
    *,
    dataset: str = "breakhis_40x",
    seed: int = 0,
    data: str | dict = "real",
    images: int = 20,
    patients: int = 10,
    hardware: str = "a GPU",
    settings: dict | None = None,
    **facts,
) -> Run:
    """A run as `load_run` reads it: test images whose classes alternate, of equal patients.

    `right` of them are classified rightly: the first so many, the first so many of each class
    (others as the next class), or each with this chance. The validation images are all wrong: a
    table must not count them.
    """
    classes = CLASSES.get(dataset, ["benign", "malignant"])
    count, places = len(classes), np.arange(images)
    true = places % count
    if isinstance(right, float):
        rng = np.random.default_rng([*dataset.encode(), *network.encode(), seed])
        hit = rng.random(images) < right
    else:
        hit = places // count < np.take(right, true) if isinstance(right, list) else places < right
    predicted = np.where(hit, true, (true + 1) % count)
    p = np.full((images, count), 0.1 / (count - 1)).round(6)
    p[places, predicted] = 0.9
    test = pd.DataFrame(
        {
            "image": [f"{i}.png" for i in places],
            "label": np.take(classes, true),
            "group": [f"p{i * patients // images}" for i in places] if patients else "",
            "part": "test",
            "predicted": np.take(classes, predicted),
            **{f"p_{name}": p[:, k] for k, name in enumerate(classes)},
        }
    )
    val = test.head(4).assign(part="val", label=np.take(classes, (predicted[:4] + 1) % count))
    source = SOURCES[data] if isinstance(data, str) else data
    given = {
        "network": network,
        "dataset": dataset,
        "classes": classes,
        "by": "image",
        "split_seed": seed,
        "seed": seed,
        "weights": WEIGHTS.get(network, "imagenet (torchvision)"),
        "frozen": False,
        "dropout": PROTOCOL["dropout"],
        "selected_epoch": 2,
        "settings": PROTOCOL | {"precision": "fp32", "select_epoch": "best"} | (settings or {}),
        "data": {"dataset": dataset} | source,
        "provenance": {"hardware": hardware, "versions": {"torch": "2"}, "commit": "abc"},
    }
    return Run(given | facts, pd.concat([val, test]))


def tiny_network(name="resnet50", num_classes=2, dropout=0.25, **options):
    """A network of 250 parameters in place of `build_network`; its maps are those of layer 0."""
    from torch import nn

    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(8, num_classes),
    )
    network.network_name, network.weights_source, network.cam_layer = name, "random", "0"
    network.settings = {"network": name, "num_classes": num_classes} | options
    return network


@pytest.fixture
def make_run(tmp_path):
    """Write a `hand_made_run` with its times and its history: arguments -> its run.json."""

    def make(*arguments, timing=None, history=None, **options) -> str:
        run = hand_made_run(*arguments, **options)
        facts = run.facts
        name = f"{facts['by']}-{facts['split_seed']}-{facts['seed']}"
        folder = tmp_path / "runs" / run.dataset / run.network / name
        write_csv(folder / "predictions.csv", run.predictions)
        write_json(folder / "run.json", facts)
        times = {"hardware": facts["provenance"]["hardware"]}
        if history is not None:
            write_csv(folder / "history.csv", pd.DataFrame(history))
        write_json(folder / "timing.json", TIMES | times | (timing or {}))
        load_run(folder / "run.json")
        return str(folder / "run.json")

    return make


@pytest.fixture
def make_dataset(tmp_path):
    """Write manifest.csv and source.json of a data set: ("bach", {"normal": 3, ...}) -> folder."""

    def make(dataset: str, counts: dict[str, int], colour="rgb", data="real") -> str:
        folder = tmp_path / "prepared" / dataset
        rows = [
            {
                "path": (folder / "raw" / f"{label}-{number}.png").as_posix(),
                "image": f"{label}-{number}.png",
                "label": label,
                "group": f"{label}-p{number // 2}",
                "mask": "",
                "magnification": "40X",
            }
            for label, count in counts.items()
            for number in range(count)
        ]
        write_csv(folder / "manifest.csv", pd.DataFrame(rows))
        facts = {"dataset": dataset, "images": len(rows), "classes": list(counts)}
        facts |= {"colour": colour, "patients": 0, "duplicates": []}
        write_json(folder / "source.json", facts | SOURCES[data])
        return str(folder)

    return make


def written_twice(write, output: Path, **options) -> tuple[pd.DataFrame, str]:
    """Write a table twice, check that the bytes are the same, and return its rows and its page."""
    contents = []
    for _ in range(2):
        write(str(output), **options)
        contents.append([output.with_suffix(end).read_bytes() for end in (".csv", ".md")])
    assert contents[0] == contents[1]
    page = contents[0][1].decode()
    assert not re.search(r"\bnan\b|\binf\b", page, re.IGNORECASE)
    for table in re.split(r"\n\n", page):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1 or "|" not in table
    return pd.read_csv(output, dtype={"table": str, "seeds": str}), page
