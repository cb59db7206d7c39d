"""ResNet50 (He et al. 2016), and the ResNet34 that Tables IX and X count under its name."""

import torchvision
from torch import nn
from torchvision.models import ResNet34_Weights, ResNet50_Weights

from paper_code.networks import heads, pretrained

CAM_LAYER = "layer4"
NEW_PARTS = ("fc",)
WEIGHTS_URL = ResNet50_Weights.IMAGENET1K_V1.url


def build(num_classes: int, *, reading: str, weights: str | None, dropout: float) -> nn.Module:
    """named: torchvision's resnet50 with Linear(2048, n). counted: resnet34, 1000-way head kept."""
    if reading == "named":
        constructor, published = torchvision.models.resnet50, ResNet50_Weights.IMAGENET1K_V1
    else:
        constructor, published = torchvision.models.resnet34, ResNet34_Weights.IMAGENET1K_V1
    network = pretrained.from_torchvision(constructor, published, weights)
    if reading == "named":
        network.fc = heads.linear_head(network.fc.in_features, num_classes, dropout)
    else:
        network.fc = heads.ImageNetHead(network.fc, num_classes, dropout)
    return network
