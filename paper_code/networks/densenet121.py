"""DenseNet121 (Huang et al. 2017) from torchvision."""

import torchvision
from torch import nn
from torchvision.models import DenseNet121_Weights

from paper_code.networks import heads, pretrained

CAM_LAYER = "features"
NEW_PARTS = ("classifier",)
WEIGHTS_URL = DenseNet121_Weights.IMAGENET1K_V1.url


def build(num_classes: int, *, reading: str, weights: str | None, dropout: float) -> nn.Module:
    """named: Linear(1024, n) as head. counted: the 1000-way head, and an `fc` that is never run.

    The printed totals hold Linear(2048, 512) and Linear(512, n) on top of the whole DenseNet121.
    Its features are 1024 wide, so these cannot follow them: a head made for a ResNet was set as
    `fc`, an attribute that a DenseNet's forward pass does not look at.
    """
    network = pretrained.from_torchvision(
        torchvision.models.densenet121, DenseNet121_Weights.IMAGENET1K_V1, weights
    )
    if reading == "named":
        features = network.classifier.in_features
        network.classifier = heads.linear_head(features, num_classes, dropout)
    else:
        network.classifier = heads.ImageNetHead(network.classifier, num_classes, dropout)
        network.fc = heads.two_layer_head(2048, num_classes, dropout)
    return network
