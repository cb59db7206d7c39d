"""The nine networks of the paper, and one more, behind one builder, and their weight files.

    build_network(name, num_classes, reading="named", gate_after=4, reduction=None, weights=None)

A network's module is imported only when that network is built (see `network_module`), so that a
change in one network's source concerns only the runs that use it. docs/reference/networks.md
has the table of what is built, from which weights, and how its parameters compare with the printed
totals.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from paper_code.networks.registry import NETWORKS, network_module

if TYPE_CHECKING:
    from paper_code.networks.builder import (
        build_network,
        classifier,
        default_cam_layer,
        freeze_backbone,
        network_from_checkpoint,
    )
    from paper_code.networks.dalaresnet50 import DALAResNet50, DualActivationGate
    from paper_code.networks.weights import load_weights, read_metadata, save_weights

__all__ = [
    "NETWORKS",
    "DALAResNet50",
    "DualActivationGate",
    "build_network",
    "classifier",
    "default_cam_layer",
    "freeze_backbone",
    "load_weights",
    "network_from_checkpoint",
    "network_module",
    "read_metadata",
    "save_weights",
]

# Imported at first use: everything but the registry needs torch, which takes seconds to import.
_HOME = {
    "DALAResNet50": "dalaresnet50",
    "DualActivationGate": "dalaresnet50",
    "build_network": "builder",
    "classifier": "builder",
    "default_cam_layer": "builder",
    "freeze_backbone": "builder",
    "load_weights": "weights",
    "network_from_checkpoint": "builder",
    "read_metadata": "weights",
    "save_weights": "weights",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


if "timm" in sys.modules:  # its user may ask it for DALAResNet50
    importlib.import_module(f"{__name__}.timm_models")
