"""Data sets: reading, checking, preparing and splitting.

read_dataset(name, data_root) -> DataFrame with path, label, group, mask
"""

from paper_code.datasets.catalog import PAPER_DATASETS, Dataset, find_dataset
from paper_code.datasets.read import dataset_files_present, read_dataset

__all__ = [
    "PAPER_DATASETS",
    "Dataset",
    "dataset_files_present",
    "find_dataset",
    "read_dataset",
]
