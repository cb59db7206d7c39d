"""VGG16 (Simonyan and Zisserman 2015) from torchvision."""

import torchvision
from torch import nn
from torchvision.models import VGG16_Weights

from paper_code.networks import pretrained

CAM_LAYER = "features.29"  # the last convolution's ReLU, before the last max pooling
NEW_PARTS = ("classifier.6",)
WEIGHTS_URL = VGG16_Weights.IMAGENET1K_V1.url


def build(num_classes: int, *, reading: str, weights: str | None, dropout: float) -> nn.Module:
    """Both readings: the last of the three linear layers has n outputs.

    VGG16 has two dropout layers of its own, of which one stands before the last linear layer; both
    get the given rate in place of 0.5.
    """
    network = pretrained.from_torchvision(
        torchvision.models.vgg16, VGG16_Weights.IMAGENET1K_V1, weights
    )
    for layer in network.classifier:
        if isinstance(layer, nn.Dropout):
            layer.p = dropout
    network.classifier[6] = nn.Linear(4096, num_classes)
    return network
