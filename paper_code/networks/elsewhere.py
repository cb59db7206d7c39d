"""Networks of other libraries: `timm:NAME`, and `timm:NAME+gate` with the paper's gate.

They take images in [-1, 1] like all others here, and turn them into what they were made for.
"""

import difflib
from collections.abc import Sequence
from pathlib import Path

import huggingface_hub
import timm
import torch
from huggingface_hub.constants import ENDPOINT
from torch import Tensor, nn

from paper_code.errors import UserError
from paper_code.networks import pretrained
from paper_code.networks.forward import class_scores
from paper_code.networks.gate import DualActivationGate
from paper_code.networks.registry import TIMM
from paper_code.progress import say

CAM_LAYER = None  # `paper_code.cam` looks for the last map
WEIGHTS_URL = None  # timm knows them
GATE = "+gate"
GREY = (0.299, 0.587, 0.114)  # of red, green and blue, as in Pillow
FILE = "model.safetensors"


class Adapted(nn.Module):
    """A network that takes N x 3 x H x W images in [-1, 1] and returns N x K logits.

    network: takes 3 channels, or one, for which colours become grey. mean, std: of its images in
    [0, 1], a value for each of its channels or one for all. gate: on the map that it pools.
    """

    def __init__(
        self,
        network: nn.Module,
        mean: Sequence[float],
        std: Sequence[float],
        gate: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.network, self.gate = network, gate
        inner = getattr(network, "cam_layer", None)
        self.cam_layer = "gate" if gate else inner and f"network.{inner}"
        self.num_prefix_tokens = getattr(network, "num_prefix_tokens", None)
        self.grey = first_convolution(network).in_channels == 1
        if self.grey:  # in a library, it is given for colours
            mean, std = (sum(mean) / len(mean),), (sum(std) / len(std),)
        self.mean, self.std = tuple(mean), tuple(std)
        mean, std = torch.tensor(self.mean)[:, None, None], torch.tensor(self.std)[:, None, None]
        constants = {"factor": 0.5 / std, "offset": (0.5 - mean) / std}
        constants["luminance"] = torch.tensor(GREY)[:, None, None]
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """N x 3 x H x W -> N x K logits."""
        if self.grey:
            x = (x * self.luminance).sum(1, keepdim=True)
        x = x * self.factor + self.offset
        if self.gate is None:
            return class_scores(self.network(x))
        x = self.network.forward_features(x)
        if getattr(self.network, "output_fmt", "NCHW") == "NHWC":
            x = self.gate(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        else:
            x = self.gate(x)
        return self.network.forward_head(x)


def first_convolution(network: nn.Module) -> nn.Conv2d:
    """The convolution that reads the image. UserError if there is none."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            return module
    raise UserError("network: has no convolution, so it is not one for images")


def check_timm(name: str) -> str:
    """timm's name of "timm:NAME" or "timm:NAME+gate". UserError with the nearest if it has none."""
    base = name.removeprefix(TIMM).removesuffix(GATE)
    if not timm.is_model(base):
        near = difflib.get_close_matches(base.lower(), timm.list_models(), n=3)
        hint = f" Near names: {', '.join(near)}." if near else ""
        raise UserError(f"{name}: timm {timm.__version__} has no network {base!r}.{hint}")
    try:
        timm.get_pretrained_cfg(base)
    except RuntimeError as error:  # what follows the dot
        raise UserError(f"{name}: {error}") from error
    return base


def made_for(name: str) -> int:
    """The side in px of the images that a network was made for; 224 where nothing is known."""
    published = timm.get_pretrained_cfg(check_timm(name)) if name.startswith(TIMM) else None
    return published.input_size[-1] if published else 224


def build(
    num_classes: int,
    *,
    reading: str,
    weights: str | None,
    dropout: float,
    name: str,
    image_size: int,
) -> Adapted:
    """timm's network, with its own mean and standard deviation; both readings are the same."""
    base = check_timm(name)
    published = timm.get_pretrained_cfg(base)
    file, source = _weights(base, published, weights)
    options = {"num_classes": num_classes, "drop_rate": dropout}
    if published and published.fixed_input_size:
        options["img_size"] = image_size
    if file:
        options |= {"pretrained": True, "pretrained_cfg_overlay": {"file": file}}
    try:
        network = timm.create_model(base, **options)
    except Exception as error:  # each network of timm has checks of its own
        raise UserError(f"{name}: timm cannot build it at {image_size} px ({error}).") from error
    gate = None
    if name.endswith(GATE):
        gate = _gate(name, network, num_classes, image_size)
    cfg = network.pretrained_cfg
    adapted = Adapted(network, cfg.get("mean", (0.5,)), cfg.get("std", (0.5,)), gate)
    heads = network.get_classifier()
    heads = heads if isinstance(heads, tuple) else (heads,)
    head = [f"network.{key}" for key, part in network.named_modules() if part in heads]
    adapted.new_parts = (*(["gate"] if gate else []), *head)
    adapted.weights_source = source
    return adapted


def _weights(base: str, published: object, weights: str | None) -> tuple[str | None, str]:
    """The file to start from, and what to call it; UserError if it is asked for and not there."""
    weights = pretrained.check_choice(weights)
    if weights == "random":
        return None, "random"
    repository = published.hf_hub_id if published else None
    file, problem = None, "none are published"
    if repository:
        file = huggingface_hub.try_to_load_from_cache(repository, FILE)
        file = file if isinstance(file, str) else None
        problem = None if file else pretrained.unreachable(f"{ENDPOINT}/")
    if problem is None and not file:
        try:
            file = huggingface_hub.hf_hub_download(repository, FILE)
        except Exception as error:  # of the connection, the disk, the site
            problem = str(error).strip().splitlines()[0]
    if file:
        return file, f"pre-trained (timm {base}, {Path(repository).name})"
    if weights == "auto":
        say(f"weights: auto -> random, because those of timm:{base} cannot be had ({problem})")
        return None, "random"
    raise UserError(
        f"The pre-trained weights of timm:{base} cannot be had ({problem}). Choose weights random "
        "or auto, or put them into the cache of Hugging Face on a machine with a connection."
    )


def _gate(name: str, network: nn.Module, num_classes: int, image_size: int) -> DualActivationGate:
    """The paper's gate for the map that a network pools, reduction as in DALAResNet50."""
    device = next(network.parameters()).device
    training = network.training
    with torch.no_grad():
        found = network.eval().forward_features(
            torch.zeros(1, 3, image_size, image_size).to(device)
        )
    network.train(training)
    if not isinstance(found, Tensor) or found.ndim != 4:
        raise UserError(
            f"{name}: this network pools no map, so there is none to gate. Leave +gate."
        )
    axis = 3 if getattr(network, "output_fmt", "NCHW") == "NHWC" else 1
    return DualActivationGate(found.shape[axis], 4 if num_classes == 2 else 16)
