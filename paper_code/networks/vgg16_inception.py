"""VGG16Inception: VGGIN-Net as the paper cites it (Saini and Susan 2022)."""

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import VGG16_Weights

from paper_code.errors import UserError
from paper_code.networks import pretrained

CAM_LAYER = "inception"
NEW_PARTS = ("inception", "norm", "classifier")
WEIGHTS_URL = VGG16_Weights.IMAGENET1K_V1.url

BLOCK4 = 24  # torchvision's vgg16.features up to and with the fourth max pooling


class NaiveInception(nn.Module):
    """Parallel 1x1, 3x3 and 5x5 convolutions and a 3x3 max pooling, side by side.

    N x C x H x W -> N x (64 + 128 + 32 + C) x H x W.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, kernel_size=1)
        self.conv3 = nn.Conv2d(channels, 128, kernel_size=3, padding=1)
        self.conv5 = nn.Conv2d(channels, 32, kernel_size=5, padding=2)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.relu = nn.ReLU()
        self.out_channels = 64 + 128 + 32 + channels

    def forward(self, x: Tensor) -> Tensor:
        convolved = [self.relu(conv(x)) for conv in (self.conv1, self.conv3, self.conv5)]
        return torch.cat([*convolved, self.pool(x)], dim=1)


class VGG16Inception(nn.Module):
    """VGG16 to block4_pool, a naive inception block, batch norm, dropout, one linear layer.

    The linear layer reads all 14 x 14 positions of a 224-px image. Other sizes are averaged or
    repeated to that grid first, so that any input fits the same weights.
    """

    def __init__(self, features: nn.Sequential, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.features = features
        self.inception = NaiveInception(512)
        self.norm = nn.BatchNorm2d(self.inception.out_channels)
        self.pool = nn.AdaptiveAvgPool2d(14)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(self.inception.out_channels * 14 * 14, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """N x 3 x H x W -> N x num_classes logits."""
        return self.classifier(self.pool(self.norm(self.inception(self.features(x)))))


def build(num_classes: int, *, reading: str, weights: str | None, dropout: float) -> nn.Module:
    """named: the cited VGGIN-Net. counted: unknown, so a UserError."""
    if reading == "counted":
        raise UserError(
            "vgg16_inception: what the paper counted (38139938 parameters for two classes) could "
            "not be identified; reading: named builds the VGGIN-Net that it cites"
        )
    whole = pretrained.from_torchvision(
        torchvision.models.vgg16, VGG16_Weights.IMAGENET1K_V1, weights
    )
    network = VGG16Inception(whole.features[:BLOCK4], num_classes, dropout)
    network.weights_source = whole.weights_source
    return network
