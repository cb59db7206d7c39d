"""Data sets: reading, checking, preparing and splitting.

read_dataset(name, data_root) -> DataFrame with path, label, group, mask
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paper_code.datasets.catalog import PAPER_DATASETS, Dataset, find_dataset
    from paper_code.datasets.read import dataset_files_present, read_dataset

__all__ = [
    "PAPER_DATASETS",
    "Dataset",
    "dataset_files_present",
    "find_dataset",
    "read_dataset",
]

# Imported at first use: a run reads prepared files, and none of the modules of data sets.
_HOME = {
    "PAPER_DATASETS": "catalog",
    "Dataset": "catalog",
    "dataset_files_present": "read",
    "find_dataset": "catalog",
    "read_dataset": "read",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
