"""The nine networks of the paper, and one more, behind one builder, and their weight files.

    build_network(name, num_classes, reading="named", gate_after=4, reduction=None, weights=None)

A network's module is imported only when that network is built (see `network_module`), so that a
change in one network's source concerns only the runs that use it. docs/reference/networks.md
has the table of what is built, from which weights, and how its parameters compare with the printed
totals.
"""

import importlib
import sys

import lazy_loader

from paper_code.networks.registry import NETWORKS, network_module

# Imported at first use: everything but the registry needs torch, which takes seconds to import.
__getattr__, _, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "builder": [
            "build_network",
            "freeze_backbone",
            "network_from_checkpoint",
        ],
        "dalaresnet50": ["DALAResNet50"],
        "gate": ["DualActivationGate"],
        "weights": ["load_weights", "read_metadata", "save_weights"],
    },
)
__all__ += ["NETWORKS", "network_module"]

if "timm" in sys.modules:  # its user may ask it for DALAResNet50
    importlib.import_module(f"{__name__}.timm_models")
