"""Gates that give each channel of a feature map a weight of its own: N x C x H x W in and out."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from paper_code.errors import UserError


class DualActivationGate(nn.Module):
    """The dual-activated attention module: each channel of a feature map times its own weight.

    Eq. 1: y = mean of x over height and width. Eq. 2: LeakyReLU (slope 0.01) after a linear layer
    to channels / reduction. Eq. 3: ReLU after a linear layer back to `channels`. Eq. 4: z = x * y.

    It fits after any layer with N x C x H x W output. UserError if `reduction` does not divide
    `channels`.
    """

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        if not isinstance(reduction, int) or reduction < 1 or channels % reduction:
            raise UserError(
                f"reduction: {reduction!r} does not divide the {channels} channels of the gate"
            )
        self.squeeze = nn.Linear(channels, channels // reduction)
        self.expand = nn.Linear(channels // reduction, channels)

    def weights(self, x: Tensor) -> Tensor:
        """The channel weights y of Eq. 3: N x C x H x W -> N x C, none negative."""
        y = x.mean(dim=(2, 3))
        y = F.leaky_relu(self.squeeze(y), negative_slope=0.01)
        return F.relu(self.expand(y))

    def forward(self, x: Tensor) -> Tensor:
        """The gated map z of Eq. 4: N x C x H x W -> N x C x H x W."""
        return x * self.weights(x)[:, :, None, None]


class SigmoidGate(DualActivationGate):
    """Squeeze-and-excitation (Hu et al. 2018) with exactly the parameters of the gate above.

    ReLU in place of LeakyReLU and a sigmoid in place of the last ReLU: no channel is ever closed.
    """

    def weights(self, x: Tensor) -> Tensor:
        """N x C x H x W -> N x C, between 0 and 1."""
        y = F.relu(self.squeeze(x.mean(dim=(2, 3))))
        return torch.sigmoid(self.expand(y))
