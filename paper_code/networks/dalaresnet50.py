"""DALAResNet50: a ResNet50 with one dual-activated gate (Section III-B, Eq. 1-4, Table II)."""

import torch
from torch import Tensor, nn
from torchvision.models import ResNet, ResNet50_Weights
from torchvision.models.resnet import Bottleneck

from paper_code.errors import UserError
from paper_code.networks import heads, pretrained
from paper_code.networks.gate import DualActivationGate

CAM_LAYER = "gate"  # z of Eq. 4, which is what the classifier pools; layer4 if the gate is earlier
NEW_PARTS = ("gate", "fc")

PUBLISHED = ResNet50_Weights.IMAGENET1K_V1
WEIGHTS_URL = PUBLISHED.url
CHANNELS = (256, 512, 1024, 2048)  # of the outputs of layer1 .. layer4


class DALAResNet50(ResNet):
    """torchvision's ResNet50 with a `DualActivationGate` after one of its four layers.

    num_classes: 2 or more. gate_after: 1-4, the paper's choice is 4. reduction: must divide the
    channels after that layer; by default 4 for two classes and 16 for more, which the printed
    parameter totals prove. dropout: rate before the last linear layer. weights: "random" (or
    None), "imagenet" or "auto", for everything but the gate and the last layer.

    Input N x 3 x H x W with H and W of at least 32, output N x num_classes logits. UserError for
    an argument out of range or for weights that cannot be had.

    As in timm, `forward` is `forward_head` after `forward_features`, and the classifier can be
    taken off or replaced; `num_classes` and `num_features` tell the sizes.
    """

    num_features = CHANNELS[-1]

    def __init__(
        self,
        num_classes: int,
        gate_after: int = 4,
        reduction: int | None = None,
        dropout: float = 0.25,
        weights: str | None = None,
    ) -> None:
        heads.check_num_classes(num_classes)
        if gate_after not in (1, 2, 3, 4):
            raise UserError(f"gate_after: {gate_after!r} is not one of the layers 1, 2, 3, 4")
        channels = CHANNELS[gate_after - 1]
        reduction = (4 if num_classes == 2 else 16) if reduction is None else reduction

        super().__init__(Bottleneck, [3, 4, 6, 3])
        pretrained.fill(self, WEIGHTS_URL, weights, f"imagenet (torchvision {PUBLISHED})")
        self.gate_after = gate_after
        self.gate = DualActivationGate(channels, reduction)
        self.fc = heads.linear_head(self.num_features, num_classes, dropout)
        self.num_classes = num_classes

        self.network_name = "dalaresnet50"
        self.cam_layer = CAM_LAYER if gate_after == 4 else "layer4"
        self.settings = {
            "network": "dalaresnet50",
            "num_classes": num_classes,
            "reading": "named",
            "gate_after": gate_after,
            "reduction": reduction,
            "dropout": dropout,
        }

    def forward(self, x: Tensor) -> Tensor:
        """N x 3 x H x W -> N x num_classes logits."""
        return self.forward_head(self.forward_features(x))

    def forward_features(self, x: Tensor) -> Tensor:
        """The last feature map: N x 3 x H x W -> N x 2048 x h x w, h and w 1/32 of H and W."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        stages = (self.layer1, self.layer2, self.layer3, self.layer4)
        for position, layer in enumerate(stages, start=1):
            x = layer(x)
            if position == self.gate_after:
                x = self.gate(x)
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """N x 2048 x h x w -> N x num_classes logits; N x 2048 means with `pre_logits`."""
        x = torch.flatten(self.avgpool(x), 1)
        return x if pre_logits else self.fc(x)

    def get_classifier(self) -> nn.Module:
        """The last linear layer, or an identity if it was taken off."""
        return self.fc[-1] if self.num_classes else self.fc

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Put a new linear layer, initialised at random, in place of the last one.

        With 0 classes there is none, and the network returns the N x 2048 means of the last map.
        `global_pool` can only be "avg": `forward_features` gives the map itself.
        """
        if global_pool not in (None, "avg"):
            raise UserError(
                f"global_pool: {global_pool!r} is not 'avg'; forward_features gives the map itself"
            )
        if num_classes:
            heads.check_num_classes(num_classes)
            head = heads.linear_head(self.num_features, num_classes, self.settings["dropout"])
        else:
            head = nn.Identity()
        self.fc = head.to(self.conv1.weight.device, self.conv1.weight.dtype).train(self.training)
        self.num_classes = num_classes
        self.classes = None
        self.settings = self.settings | {"num_classes": num_classes}


def build(
    num_classes: int,
    *,
    reading: str,
    weights: str | None,
    dropout: float,
    gate_after: int,
    reduction: int | None,
) -> DALAResNet50:
    """Both readings are the same network: its printed totals are what its description gives."""
    return DALAResNet50(num_classes, gate_after, reduction, dropout, weights)
