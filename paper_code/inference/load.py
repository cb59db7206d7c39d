"""A trained network and a user's images: what `predict`, `evaluate` and `explain` start from."""

import inspect
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from paper_code.errors import UserError
from paper_code.inference.options import Own
from paper_code.networks.builder import SMALLEST_IMAGE, build_network, network_from_checkpoint
from paper_code.networks.elsewhere import Adapted, first_convolution, made_for
from paper_code.networks.registry import parse_network
from paper_code.progress import count_text

TORCHVISION = "torchvision:"
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and standard deviation
INSIDE = ("state_dict", "model_state_dict", "model", "net")  # keys of a checkpoint with the tensors
PREFIXES = ("module.", "model.", "_orig_mod.", "network.")  # of wrappers, before every name


def load_trained(weights: str | Path, own: Own | None = None) -> tuple[nn.Module, dict]:
    """The network that a file of weights (or a run's folder) holds, on the CPU, and facts.

    The network takes N x 3 x H x W images in [-1, 1]. The facts are the file's metadata; among them
    `network`, `dataset`, `classes` (list of names in class order), `image_size` (px, int), `data`
    ("real", "phantom", or "unknown" of one's own network), `weights_source`, and `about`, a
    sentence.

    UserError if the file is missing, damaged, of another network, or does not name its classes.
    """
    own = own or Own()
    if own.network:
        return _load_own(Path(weights), own)
    check_network_named(own)
    if Path(weights).is_dir():  # the folder of a run
        weights = Path(weights) / "weights.safetensors"
    network, metadata = network_from_checkpoint(weights)
    missing = {"dataset", "classes", "image_size", "data"} - metadata.keys()
    if missing:
        raise UserError(
            f"{weights}: does not say {', '.join(sorted(missing))}. Give the weights.safetensors "
            "of a run of 'train'."
        )
    if network.classes is None:
        raise UserError(f"{weights}: what it says of its classes is not one name for each class.")
    about = (
        f"{metadata['network']} trained on {metadata['dataset']} ({metadata['data']} images) at "
        f"{metadata['image_size']} px"
    )
    return network, metadata | {
        "classes": network.classes,
        "image_size": int(metadata["image_size"]),
        "about": about,
    }


def check_network_named(own: Own) -> None:
    """UserError if there are options of a network of one's own, but not its name."""
    if own != Own() and not own.network:
        raise UserError("--classes, --size, --mean and --std belong to --network: name it.")


def _load_own(weights: Path, own: Own) -> tuple[nn.Module, dict]:
    _check(own)
    state = read_state(weights)
    network, size = _built(own, state)
    # Without a gate, names are those of the network itself.
    fill(network if network.gate else network.network, state, f"{weights} is not {own.network}")
    mean, std = (
        "/".join(dict.fromkeys(f"{value:.4g}" for value in values))
        for values in (network.mean, network.std)
    )
    return network.eval(), {
        "network": own.network,
        "classes": own.classes,
        "image_size": size,
        "dataset": "images of your own",
        "data": "unknown",
        "weights_source": weights.name,
        "about": f"{own.network} (outputs: {', '.join(own.classes)}), "
        f"{'grey ' if network.grey else ''}images of {size} x {size} px, mean {mean}, standard "
        f"deviation {std}",
    }


def _check(own: Own) -> None:
    if not own.classes or len(set(own.classes)) < max(2, len(own.classes)):
        raise UserError(
            "--network needs --classes: at least two names, in the order of the network's outputs."
        )
    if own.size is not None and own.size < SMALLEST_IMAGE:
        raise UserError(f"--size: {own.size} px is smaller than {SMALLEST_IMAGE} px.")
    if (own.mean is None) != (own.std is None):
        raise UserError("Give both of --mean and --std, or neither.")
    values = [*(own.mean or [0.5]), *(own.std or [0.5])]
    if {len(own.mean or [0.5]), len(own.std or [0.5])} - {1, 3} or min(own.std or [1]) <= 0:
        raise UserError("--mean and --std: give one value or three each, --std above 0.")
    if min(values) < 0 or max(values) > 1:
        raise UserError(
            "--mean and --std are of images with values from 0 to 1: divide those for values up to "
            "255 by 255."
        )


def _built(own: Own, state: Mapping[str, Tensor]) -> tuple[Adapted, int]:
    """The network that `own` names, as it comes, and the side of its images."""
    name, count, size, gate = str(own.network), len(own.classes), own.size or 224, None
    if name.startswith(TORCHVISION):
        network = _of_torchvision(name, count, size)
        mean, std = IMAGENET
    else:
        size = own.size or made_for(name)
        base, gate_after = parse_network(name)
        network = build_network(base, count, gate_after=gate_after, image_size=size)
        mean, std = (0.5,), (0.5,)
        if isinstance(network, Adapted):
            network, gate, mean, std = network.network, network.gate, network.mean, network.std
    first = first_convolution(network)
    key = next(key for key, module in network.named_modules() if module is first)
    stored = state.get(f"{key}.weight")
    if stored is not None and stored.ndim == 4 and stored.shape[1] == 1:  # grey images
        first.in_channels, first.weight = 1, nn.Parameter(first.weight[:, :1].detach().clone())
    return Adapted(network, own.mean or mean, own.std or std, gate), size


def _of_torchvision(name: str, num_classes: int, image_size: int) -> nn.Module:
    """The network of "torchvision:NAME", with random weights."""
    from torchvision.models import get_model_builder  # slow to import

    base = name.removeprefix(TORCHVISION)
    options: dict[str, object] = {"weights": None, "num_classes": num_classes}
    if base.startswith("vit_"):
        options["image_size"] = image_size
    elif base.startswith("maxvit_"):
        options["input_size"] = (image_size, image_size)
    try:
        build = get_model_builder(base)
        if "weights_backbone" in inspect.signature(build).parameters:  # else they are fetched
            options["weights_backbone"] = None
        return build(**options)
    except Exception as error:  # each network of torchvision has checks of its own
        reason = str(error) or type(error).__name__
        raise UserError(
            f"{name}: torchvision cannot build it at {image_size} px ({reason})."
        ) from error


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of torch.save or safetensors, by the names that the network gave them.

    Unwraps the keys of `INSIDE`, and takes off what is of `PREFIXES` before every name. Never runs
    code from the file.

    UserError if the file is missing or damaged, or holds something else than tensors.
    """
    if not path.is_file():
        raise UserError(f"weights: there is no file {path}")
    try:
        if path.suffix == ".safetensors":
            found = load_file(path)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of TorchScript, which is an error
                found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(_refusal(path, error)) from error
    except Exception as error:  # reading damaged bytes ends in errors of many kinds
        if "TorchScript" in str(error):
            raise UserError(
                f"{path}: a TorchScript archive, whose code would run. Give a state dict instead: "
                f"torch.save(torch.jit.load({str(path)!r}).state_dict(), 'weights.pth')"
            ) from error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].partition(". ")[0]
        raise UserError(f"{path}: damaged, or no file of weights ({reason}).") from error
    while isinstance(found, Mapping) and (inside := [key for key in INSIDE if key in found]):
        found = found[inside[0]]
    tensors = isinstance(found, Mapping) and all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in found.items()
    )
    if not tensors or not found:
        keys = f" with the keys {', '.join(map(str, found))}" if isinstance(found, Mapping) else ""
        raise UserError(
            f"{path}: holds a {type(found).__name__}{keys}, not the tensors of a network. Save "
            "model.state_dict(), alone or under one of the keys " + ", ".join(INSIDE) + "."
        )
    while prefix := next((p for p in PREFIXES if all(key.startswith(p) for key in found)), None):
        found = {key.removeprefix(prefix): value for key, value in found.items()}
    return dict(found)


def _refusal(path: Path, error: Exception) -> str:
    """Why a pickled model is not loaded, and how its user saves its tensors."""
    text = str(error)
    if "nsupported" not in text and "GLOBAL" not in text:
        return f"{path}: damaged, or no file of weights ({text.strip().partition('. ')[0]})."
    return (
        f"{path}: holds a whole pickled model (or other objects), and loading it would run code "
        "from the file. Where you trained it, save its tensors alone:\n"
        f"    model = torch.load({path.name!r}, weights_only=False)\n"
        "    torch.save(model.state_dict(), 'weights.pth')"
    )


def fill(network: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Load tensors into a network; batch counters, which nothing reads, may be missing.

    A UserError begins with `what` and names tensors that are missing, unexpected or of another
    shape; or values are not finite.
    """
    ours = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    theirs = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    shapes = [
        f"{key} ({_shape(theirs[key])} instead of {_shape(ours[key])})"
        for key in ours
        if key in theirs and theirs[key].shape != ours[key].shape
    ]
    wrong = {
        "missing": [key for key in ours if key not in theirs],
        "unexpected": [key for key in theirs if key not in ours],
        "of another shape": shapes,
    }
    parts = [
        f"{count_text(len(keys), 'tensor')} {kind}: {', '.join(keys[:3])}{' ...' * (len(keys) > 3)}"
        for kind, keys in wrong.items()
        if keys
    ]
    if parts:
        raise UserError(f"{what}: {'; '.join(parts)}. Check --network and the number of --classes.")
    spoilt = [key for key, value in theirs.items() if not value.isfinite().all()]
    if spoilt:
        raise UserError(f"{what}: {spoilt[0]} holds values that are not finite numbers.")
    network.load_state_dict(theirs, strict=False)


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"
