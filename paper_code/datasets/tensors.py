"""A prepared data set with its split, as tensors: what training and evaluation start from."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from paper_code.datasets.tables import read_listed, read_split
from paper_code.errors import UserError
from paper_code.files import load_array
from paper_code.progress import count_text


def load_prepared(
    prepared: Path, split: str | Path, classes: list[str]
) -> tuple[pd.DataFrame, torch.Tensor, torch.Tensor]:
    """The split's rows, all images (uint8 N x 3 x S x S) and class indices (int64 N).

    `prepared`/manifest.csv in place of a split means all images.

    UserError if a file is damaged, or the split or the array belongs to another manifest.
    """
    manifest = read_listed(prepared / "manifest.csv", "image", "label", "group")
    table = manifest if Path(split) == prepared / "manifest.csv" else read_split(split)
    images = load_array(prepared / "images.npy", ndim=4)
    for column, what in {"image": "lists other images", "label": "gives other labels"}.items():
        if not table[column].equals(manifest[column]):
            raise UserError(f"{split}: {what} than {prepared / 'manifest.csv'}. Remake it.")
    unknown = sorted(set(manifest["label"]) - set(classes))
    if unknown:
        raise UserError(
            f"{prepared / 'manifest.csv'}: label '{unknown[0]}' is not one of the classes "
            f"({', '.join(classes)}). Make it again."
        )
    if len(images) != len(manifest):
        raise UserError(
            f"{prepared / 'images.npy'}: {count_text(len(images), 'image')}, but the manifest "
            f"lists {len(manifest)}. Prepare the data set again."
        )
    labels = torch.from_numpy(pd.Categorical(table["label"], classes).codes.astype(np.int64))
    return table, torch.from_numpy(images), labels


def pixel_sum(images: torch.Tensor) -> int:
    """The sum of uint8 images; PyTorch would turn all of them into int64 first."""
    return int(images.numpy().sum(dtype=np.int64))


def image_marks(images: torch.Tensor) -> list[str]:
    """12 hexadecimal digits for each of N uint8 images; the same for the same pixels."""
    pixels = images.cpu().numpy()
    return [hashlib.blake2b(image.tobytes(), digest_size=6).hexdigest() for image in pixels]
