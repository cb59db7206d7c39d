"""Names of runs' networks, readable without importing torch."""

from paper_code.errors import UserError
from paper_code.networks.registry import network_module

VARIANT = "-layer"  # dalaresnet50-layer2 is DALAResNet50 with its gate after layer 2


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
