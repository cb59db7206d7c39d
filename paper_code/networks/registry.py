"""Which networks there are. Free of torch, so that the workflow can ask at no cost."""

import difflib

from paper_code.errors import UserError

NETWORKS = {
    "dalaresnet50": "paper_code.networks.dalaresnet50",
    "resnet50": "paper_code.networks.resnet50",
    "seresnet50": "paper_code.networks.seresnet50",
    "densenet121": "paper_code.networks.densenet121",
    "vgg16": "paper_code.networks.vgg16",
    "vgg16_inception": "paper_code.networks.vgg16_inception",
    "vit": "paper_code.networks.vit",
    "swin": "paper_code.networks.swin",
    "dinov2_vitb14": "paper_code.networks.dinov2_vitb14",
    "efficientnet_lite0": "paper_code.networks.efficientnet_lite0",
}
# Not in the paper: the one network whose ImageNet weights can be had everywhere.
NOT_OF_THE_PAPER = ("efficientnet_lite0",)
PAPER_NETWORKS = tuple(name for name in NETWORKS if name not in NOT_OF_THE_PAPER)
# NETWORK-VARIANT is the network with one part added; without a dash it is plain.
VARIANTS = {"efficientnet_lite0": ("gate", "se", "gate_early")}

VARIANT = "-layer"  # dalaresnet50-layer2 is DALAResNet50 with its gate after layer 2

# timm:NAME is any network of timm, timm:NAME+gate with the paper's gate on the map that is pooled.
TIMM, ELSEWHERE = "timm:", "paper_code.networks.elsewhere"

# Networks of which no pre-trained weights were ever published: random weights are the paper's too.
NEVER_PRETRAINED = ("vit",)


def network_module(name: str) -> str:
    """The dotted module that builds `name`; UserError with the nearest name if there is none."""
    if str(name).startswith(TIMM):
        return ELSEWHERE
    base, dash, variant = str(name).partition("-")
    if base in NETWORKS and (not dash or variant in VARIANTS.get(base, ())):
        return NETWORKS[base]
    variants = [f"{base}-{variant}" for base, names in VARIANTS.items() for variant in names]
    known = [*NETWORKS, *variants]
    near = difflib.get_close_matches(str(name).lower(), known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UserError(f"unknown network {name!r}.{hint} Known: {', '.join(known)}, timm:NAME")


def parse_network(name: str) -> tuple[str, int]:
    """Split a run's network name: "dalaresnet50-layer2" -> ("dalaresnet50", 2).

    UserError if there is no such network or gate position.
    """
    base, variant, layer = name.partition(VARIANT)
    network_module(base)
    if not variant:
        return base, 4
    if base != "dalaresnet50" or layer not in {"1", "2", "3", "4"}:
        raise UserError(
            f"Unknown network '{name}'. Gate positions: dalaresnet50-layer1 to -layer4."
        )
    return base, int(layer)
