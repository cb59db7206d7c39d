"""Building, freezing and restoring a network by its name."""

import importlib
from pathlib import Path

from torch import nn

from paper_code.errors import UserError
from paper_code.networks.heads import check_num_classes
from paper_code.networks.registry import TIMM, network_module
from paper_code.networks.weights import load_weights, read_metadata

READINGS = ("named", "counted")
SMALLEST_IMAGE = 32


def build_network(
    name: str,
    num_classes: int,
    reading: str = "named",
    gate_after: int = 4,
    reduction: int | None = None,
    weights: str | Path | None = None,
    *,
    dropout: float = 0.25,
    image_size: int = 224,
) -> nn.Module:
    """Build a network of the registry: N x 3 x H x W floats in, N x num_classes logits out.

    reading: "named" is what the name promises, "counted" what the printed parameter totals
    (Tables IX and X) prove was counted. A name may also be "timm:NAME", any network of timm, or
    "timm:NAME+gate", the same with the paper's gate on the map that it pools. gate_after,
    reduction: of dalaresnet50 alone. weights: "random" (or None), "imagenet" (of timm: whatever it
    publishes), "auto" (imagenet if it can be had, else random), or the path of a .safetensors file
    of this project. dropout: rate before the last linear layer. image_size: the side of the images
    it is meant for, 32 or more; parameters of some of timm's depend on it.

    The network tells `network_name`, `weights_source`, `cam_layer` (default layer for class
    activation maps) and `settings` (what `save_weights` notes down). UserError for any argument
    out of range.
    """
    module = importlib.import_module(network_module(name))
    check_num_classes(num_classes)
    if reading not in READINGS:
        raise UserError(f"reading: {reading!r} is none of {', '.join(READINGS)}")
    if not 0 <= dropout < 1:
        raise UserError(f"dropout: {dropout!r} is not in [0, 1)")
    if image_size < SMALLEST_IMAGE:
        raise UserError(f"image_size: {image_size} is smaller than {SMALLEST_IMAGE}")
    own = {}
    if name == "dalaresnet50":
        own = {"gate_after": gate_after, "reduction": reduction}
    elif gate_after != 4 or reduction is not None:
        raise UserError(f"gate_after and reduction belong to dalaresnet50, not to {name}")
    elif name.startswith(TIMM):
        own = {"name": name, "image_size": image_size}
    elif "-" in name:
        own = {"variant": name.partition("-")[2]}

    own_file = weights if str(weights).endswith(".safetensors") else None
    network = module.build(
        num_classes,
        reading=reading,
        weights=None if own_file else weights,
        dropout=dropout,
        **own,
    )
    network.network_name = name
    if not hasattr(network, "cam_layer"):
        network.cam_layer = module.CAM_LAYER
    if not hasattr(network, "new_parts"):
        network.new_parts = module.NEW_PARTS
    settings = {
        "network": name,
        "num_classes": num_classes,
        "reading": reading,
        "dropout": dropout,
        "image_size": image_size,
    }
    network.settings = getattr(network, "settings", {}) | settings
    if own_file:
        load_weights(own_file, network)
    return network


def network_from_checkpoint(path: str | Path) -> tuple[nn.Module, dict[str, str]]:
    """Build and fill the network that a file of `save_weights` describes: (network, metadata)."""
    metadata = read_metadata(path)
    gate = {}
    try:
        if metadata["network"] == "dalaresnet50":
            gate = {key: int(metadata[key]) for key in ("gate_after", "reduction")}
        network = build_network(
            metadata["network"],
            int(metadata["num_classes"]),
            metadata["reading"],
            dropout=float(metadata["dropout"]),
            image_size=int(metadata.get("image_size", 224)),
            **gate,
        )
    except (UserError, KeyError, ValueError) as error:
        raise UserError(
            f"{path} was not written by paper_code: what it says of its network is wrong ({error})."
        ) from error
    return network, load_weights(path, network)


def freeze_backbone(network: nn.Module) -> nn.Module:
    """Leave only the parts without pre-trained weights trainable (head, gate, inception block).

    Frozen batch normalisation also keeps its running statistics in training mode. Changes
    `network` in place and returns it; freeze before an optimiser or a compiler sees it.
    """
    from timm.utils import freeze, unfreeze  # half of the networks do without timm

    freeze(network)
    unfreeze(network, list(network.new_parts))
    return network
