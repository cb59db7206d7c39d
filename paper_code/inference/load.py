"""A trained network and a user's images: what `predict`, `evaluate` and `explain` start from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from paper_code.datasets.images import load_image
from paper_code.datasets.prepare import resize_image
from paper_code.errors import UserError
from paper_code.networks.builder import network_from_checkpoint


def load_trained(weights: str | Path) -> tuple[nn.Module, dict]:
    """The network that `weights.safetensors` (or a run's folder) describes, on the CPU, and facts.

    The facts are the file's metadata; among them `network`, `dataset`, `classes` (list of names in
    class order), `image_size` (px, int), `data` ("real" or "phantom") and `weights_source`.

    Raises:
        UserError: the file is missing, damaged, or does not name its classes.
    """
    if Path(weights).is_dir():  # the folder of a run
        weights = Path(weights) / "weights.safetensors"
    network, metadata = network_from_checkpoint(weights)
    missing = {"dataset", "classes", "image_size", "data"} - metadata.keys()
    if missing:
        raise UserError(
            f"{weights}: does not say {', '.join(sorted(missing))}. Give the weights.safetensors "
            "of a run of 'train'."
        )
    if network.classes is None:
        raise UserError(f"{weights}: what it says of its classes is not one name for each class.")
    return network, metadata | {
        "classes": network.classes,
        "image_size": int(metadata["image_size"]),
    }


def read_images(paths: Sequence[str | Path], size: int) -> torch.Tensor:
    """Decode images and resize them as `prepare` does: uint8 N x 3 x size x size.

    Raises:
        UserError: names the first file that cannot be used.
    """
    return torch.from_numpy(np.stack([resize_image(load_image(path), size) for path in paths]))
