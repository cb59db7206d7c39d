"""Trained weights and a user's images: what `predict`, `evaluate` and `explain` start from."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from paper_code.datasets.images import load_image
from paper_code.datasets.prepare import resize_image
from paper_code.networks.builder import network_from_checkpoint


def load_trained(weights: str | Path) -> tuple[nn.Module, dict]:
    """PLACEHOLDER until the hand-off."""
    network, metadata = network_from_checkpoint(weights)
    facts = dict(metadata)
    facts["classes"] = json.loads(metadata["classes"])
    facts["image_size"] = int(metadata["image_size"])
    return network, facts


def read_images(paths: Sequence[str | Path], size: int) -> torch.Tensor:
    """PLACEHOLDER until the hand-off."""
    return torch.from_numpy(np.stack([resize_image(load_image(p), size) for p in paths]))
