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
