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
    network.weights_source = "random"
    if pretrained.available(WEIGHTS_URL, weights):
        with pretrained.readable(WEIGHTS_URL):
            state = pretrained.load_file(WEIGHTS_URL)
            unused = {"fc.weight", "fc.bias"} | {
                key for key in state if counted and ".se." in key and key.endswith(".bias")
            }
            network.load_state_dict({k: v for k, v in state.items() if k not in unused})
        without = " without the biases of its SE blocks" if counted else ""
        network.weights_source = f"imagenet (timm {TAG}{without})"
    head = heads.two_layer_head if counted else heads.linear_head
    network.fc = head(network.num_features, num_classes, dropout)
    return network
