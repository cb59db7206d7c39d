"""Swin-B (Liu et al. 2021) from torchvision, which pads any grid to whole windows."""

import torchvision
from torch import nn
from torchvision.models import Swin_B_Weights

from paper_code.networks import heads, pretrained

CAM_LAYER = "permute"  # the last normalised map as N x C x H x W, just before the pooling
NEW_PARTS = ("head",)
WEIGHTS_URL = Swin_B_Weights.IMAGENET1K_V1.url


def build(num_classes: int, *, reading: str, weights: str | None, dropout: float) -> nn.Module:
    """Both readings: Linear(1024, n) as head."""
    network = pretrained.from_torchvision(
        torchvision.models.swin_b, Swin_B_Weights.IMAGENET1K_V1, weights
    )
    network.head = heads.linear_head(network.head.in_features, num_classes, dropout)
    return network
