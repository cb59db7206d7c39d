"""The last layers that the networks share."""

from torch import Tensor, nn

from paper_code.errors import UserError


def check_num_classes(num_classes: int) -> None:
    """UserError unless `num_classes` is a whole number of 2 or more."""
    if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 2:
        raise UserError(f"num_classes: {num_classes!r} is not a whole number of 2 or more")


def linear_head(features: int, num_classes: int, dropout: float) -> nn.Sequential:
    """Dropout, then Linear(features, num_classes): N x features -> N x num_classes."""
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(features, num_classes))


def two_layer_head(features: int, num_classes: int, dropout: float) -> nn.Sequential:
    """Linear(features, 512), ReLU, dropout, Linear(512, num_classes).

    The printed totals of SEResNet50 and DenseNet121 hold these two linear layers; what lies
    between them leaves no trace in a count and is our choice.
    """
    return nn.Sequential(
        nn.Linear(features, 512), nn.ReLU(), nn.Dropout(dropout), nn.Linear(512, num_classes)
    )


class ImageNetHead(nn.Module):
    """A kept 1000-way classifier whose first `num_classes` logits are the answer.

    The printed totals of ResNet50 and DenseNet121 prove that their ImageNet classifier was kept.
    A loss over all 1000 outputs trains such a network; with the other outputs cut off it also
    gives class probabilities, and the count stays the same.
    """

    def __init__(self, linear: nn.Linear, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = linear
        self.num_classes = num_classes

    def forward(self, x: Tensor) -> Tensor:
        """N x features -> N x num_classes."""
        return self.linear(self.dropout(x))[:, : self.num_classes]
