"""Trained weights: one safetensors file for each network, with what is needed to build it again."""

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from paper_code.errors import UserError
from paper_code.files import replacing

STRUCTURE = ("network", "num_classes", "reading", "gate_after", "reduction")
# What people give instead of a safetensors file, by its first bytes.
TORCH_SAVE = (
    "a file of torch.save, which does not say what network it holds. Say it with --network, such "
    "as timm:convnext_tiny, and --classes (docs/guide/own_network.md)."
)
OTHER_FILES = {
    b"PK\x03\x04": TORCH_SAVE,
    b"\x80": TORCH_SAVE,  # before PyTorch 1.6
    b"version https://git-lfs": "a pointer of Git LFS in place of the weights; 'git lfs pull' "
    "fetches them.",
}


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

    `network.weights_source` and `network.classes` (names in class order, or None) are the file's.

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
    damaged = sorted(
        key
        for key, tensor in tensors.items()
        if not (tensor.is_floating_point() and tensor.isfinite().all())
    )
    if damaged:
        raise UserError(
            f"{path} holds values that are not finite numbers, in {damaged[0]}. Train it again."
        )
    network.load_state_dict(tensors, strict=False)
    network.weights_source = metadata.get("weights_source", "unknown")
    network.classes = _class_names(metadata)
    return metadata


def _class_names(metadata: Mapping[str, str]) -> list[str] | None:
    """The names in class order; None unless there is one for each class."""
    try:
        names = json.loads(metadata.get("classes", ""))
    except ValueError:
        return None
    one_each = isinstance(names, list) and len(set(map(str, names))) == int(metadata["num_classes"])
    return names if one_each else None


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
        raise UserError(f"{path}: {_other_file(Path(path), error)}") from error


def _other_file(path: Path, error: Exception) -> str:
    """What a file is that cannot be opened as safetensors, and what to do about it."""
    with path.open("rb") as file:
        start = file.read(64)
    for first, what in OTHER_FILES.items():
        if start.startswith(first):
            return what
    if start[8:9] == b"{":  # after the length of the header
        return f"a damaged or incomplete safetensors file ({error}). Copy or train it again."
    return f"not a safetensors file ({error}). Give the weights.safetensors of a run of 'train'."
