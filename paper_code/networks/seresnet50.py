"""SEResNet50 (Hu et al. 2018) from timm."""

from functools import partial

import timm
from timm.layers import SEModule
from torch import nn

from paper_code.networks import heads, pretrained

CAM_LAYER = "layer4"
NEW_PARTS = ("fc",)

TAG = "seresnet50.ra2_in1k"  # trained at 224 px, which is the paper's size
WEIGHTS_URL = timm.get_pretrained_cfg(TAG).url


def build(num_classes: int, *, reading: str, weights: str | None, dropout: float) -> nn.Module:
    """named: timm's seresnet50 with Linear(2048, n). counted: SE blocks without bias, 2-layer head.

    The biases of the SE blocks are the only weights of the published file that the counted
    reading has no place for.
    """
    counted = reading == "counted"
    network = timm.create_model(
        "seresnet50",
        pretrained=False,
        num_classes=0,
        block_args={"attn_layer": partial(SEModule, bias=not counted)},
    )
    without = " without the biases of its SE blocks" if counted else ""
    pretrained.fill(network, WEIGHTS_URL, weights, f"imagenet (timm {TAG}{without})")
    head = heads.two_layer_head if counted else heads.linear_head
    network.fc = head(network.num_features, num_classes, dropout)
    return network
