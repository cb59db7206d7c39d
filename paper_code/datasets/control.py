"""Synthetic sets in which no image shows its class: what a split by image lets through is known."""

from pathlib import Path

import pandas as pd

from paper_code.datasets import manifest
from paper_code.datasets.facts import Dataset

# How far patients differ in stain, texture and light: the `signal` of `draw_patient`, where 1 is as
# far as patients of the histology phantoms can, and 0 is not at all.
SIGNALS = {"control_distinct": 2.5, "control_alike": 0.0}
CLASSES = ("benign", "malignant")  # drawn for patients by lot
DATASETS = tuple(
    Dataset(name=name, family="control", classes=CLASSES, colour="rgb") for name in SIGNALS
)


def place(dataset: Dataset, data_root: Path) -> Path:
    """The folder of a control below the root of the phantom."""
    return data_root / dataset.name


def read(dataset: Dataset, data_root: Path) -> pd.DataFrame:
    """One row per image: path, label, group, mask (none)."""
    return manifest.read(place(dataset, data_root) / "manifest.csv")
