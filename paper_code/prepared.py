"""A prepared data set with its split, as tensors: what training and evaluation start from."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from paper_code.errors import UserError


def load_prepared(
    prepared: Path, split: str | Path, classes: list[str]
) -> tuple[pd.DataFrame, torch.Tensor, torch.Tensor]:
    """The split's rows, all images (uint8 N x 3 x S x S) and class indices (int64 N).

    Raises:
        UserError: the split or the array belongs to another manifest.
    """
    table = pd.read_csv(split, dtype=str, keep_default_na=False)
    manifest = pd.read_csv(prepared / "manifest.csv", dtype=str, keep_default_na=False)
    images = np.load(prepared / "images.npy", mmap_mode="r")
    if not table["image"].equals(manifest["image"]):
        raise UserError(f"{split}: lists other images than {prepared / 'manifest.csv'}. Remake it.")
    if len(images) != len(manifest):
        raise UserError(
            f"{prepared / 'images.npy'}: {len(images)} images, but the manifest lists "
            f"{len(manifest)}. Prepare the data set again."
        )
    labels = torch.from_numpy(pd.Categorical(table["label"], classes).codes.astype(np.int64))
    return table, torch.from_numpy(np.array(images)), labels
