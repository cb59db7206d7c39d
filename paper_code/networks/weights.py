"""Trained weights: one safetensors file for each network, with what is needed to build it again."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from paper_code.errors import UserError
from paper_code.files import replacing

STRUCTURE = ("network", "num_classes", "reading", "gate_after", "reduction")


def save_weights(
    path: str | Path, network: nn.Module, metadata: Mapping[str, object] | None = None
) -> None:
    """Write parameters and buffers atomically, with `network.settings` and `metadata` as strings.

    What the network itself tells wins over a key of the same name in `metadata`.
    """
    network = getattr(network, "_orig_mod", network)  # a compiled network's own module
    own = {**network.settings, "weights_source": network.weights_source}
    notes = {key: str(value) for key, value in ({**(metadata or {})} | own).items()}
    tensors = {key: value.detach().cpu().contiguous() for key, value in _state(network).items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata=notes)


def read_metadata(path: str | Path) -> dict[str, str]:
    """What `save_weights` noted: network, num_classes, reading, dropout, weights_source, ..."""
    with _open(path) as file:
        metadata = file.metadata() or {}
    if "network" not in metadata or "num_classes" not in metadata:
        raise UserError(
            f"{path} was not written by paper_code: it does not name its network. Give the "
            "weights.safetensors of a run of 'train'."
        )
    return metadata


def load_weights(path: str | Path, network: nn.Module) -> dict[str, str]:
    """Fill `network` from a file of `save_weights`; return the file's metadata.

    UserError if the file is missing, damaged, or of another network, class count, reading or gate,
    or holds values that are not finite.
    """
    network = getattr(network, "_orig_mod", network)
    metadata = read_metadata(path)
    for key in STRUCTURE:
        ours = network.settings.get(key)
        if ours is not None and metadata.get(key) != str(ours):
            raise UserError(f"{path} holds weights for {key}={metadata.get(key)}, not {key}={ours}")
    with _open(path) as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    shapes = {key: tensor.shape for key, tensor in _state(network).items()}
    found = {key: tensor.shape for key, tensor in tensors.items()}
    wrong = sorted({key for key, _ in shapes.items() ^ found.items()})
    if wrong:
        raise UserError(f"{path} does not fit {network.network_name}: {', '.join(wrong[:3])} ...")
    spoilt = sorted(key for key, tensor in tensors.items() if not _usable(tensor))
    if spoilt:
        raise UserError(
            f"{path} holds values that are not finite numbers, in {spoilt[0]}. Train it again."
        )
    network.load_state_dict(tensors, strict=False)
    network.weights_source = metadata.get("weights_source", "unknown")
    return metadata


def _usable(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and bool(tensor.isfinite().all())


def _state(network: nn.Module) -> dict[str, Tensor]:
    """The state without batch counters, which nothing reads and frozen layers do not have."""
    state = network.state_dict()
    return {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}


def _open(path: str | Path) -> safe_open:
    if not Path(path).is_file():
        raise UserError(f"weights: there is no file {path}")
    try:
        return safe_open(path, framework="pt")
    except SafetensorError as error:
        raise UserError(
            f"{path} is not a whole safetensors file ({error}). Train it again."
        ) from error
