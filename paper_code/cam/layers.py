"""Which layer a map is read from, and how its output becomes a grid over the image."""

import contextlib
import difflib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from paper_code.errors import UserError
from paper_code.networks.forward import class_scores

# From a layer's output to N x C x h x w maps, as in pytorch-grad-cam; gradients go through it too.
Reshape = Callable[[Tensor], Tensor]


class Grid(NamedTuple):
    """Where the channels and the two spatial axes of a layer's output are."""

    layout: str  # "NCHW", "NHWC" or "tokens" (N x L x C)
    height: int
    width: int
    prefix: int = 0  # tokens before the grid: class token, registers


def layer_name(network: nn.Module, layer: str | nn.Module) -> str:
    """The dotted name of `layer`, given by that name or as the module itself.

    Raises UserError with the nearest names if `network` has no such layer.
    """
    modules = dict(network.named_modules())
    if isinstance(layer, nn.Module):
        for name, module in modules.items():
            if name and module is layer:
                return name
        raise UserError("layer: the module given is not a part of this network")
    if layer and layer in modules:
        return layer
    near = difflib.get_close_matches(layer, [name for name in modules if name], n=3, cutoff=0.4)
    hint = f"; near names: {', '.join(near)}" if near else ""
    raise UserError(f"layer: this network has no layer {layer!r}{hint}")


def default_layer(network: nn.Module, images: Tensor) -> str:
    """Dotted name of the layer that maps are read from when none is given.

    Most networks from `paper_code.networks` name their own. For any other one it is the module that
    runs last among those whose output is a grid larger than 1 x 1, which takes one forward pass of
    the first image to find. Containers count: for a torchvision ResNet this is `layer4`. Where
    the grid is of tokens, it is `last_used_tokens`. The caller holds `as_evaluated(network)`.
    """
    named = getattr(network, "cam_layer", None)
    if named:
        return named
    found: list[tuple[str, Grid]] = []

    def note(name: str, output: object) -> None:
        with contextlib.suppress(UserError):
            found.append((name, find_grid(output, network, images.shape[-2:])))

    with _watched(network, note), torch.no_grad():
        network(images[:1])
    if not found:
        raise UserError("layer: no module of this network has a map for output; name the layer")
    name, grid = found[-1]
    if grid.layout != "tokens":
        return name
    used = last_used_tokens(
        network,
        images[:1],
        lambda output: class_scores(output).amax(),
        name,
        lambda values: to_maps(values, grid),
    )
    return used or name


@contextlib.contextmanager
def _watched(network: nn.Module, note: Callable[[str, object], None]) -> Iterator[None]:
    """Call `note` with the name and the output of each module that runs inside the block."""

    def hook(name: str):
        return lambda module, inputs, output: note(name, output)

    handles = [
        module.register_forward_hook(hook(name)) for name, module in network.named_modules() if name
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def last_used_tokens(
    network: nn.Module,
    image: Tensor,
    score: Callable[[object], Tensor],
    layer: str,
    as_maps: Reshape,
) -> str | None:
    """The layer to read instead of `layer`, on whose tokens of the image the score does not depend.

    It is the normalisation that runs last, or else the module that does, among those whose tokens
    have the shape of `layer`'s (N x L x C) and a gradient; None if there is none. The caller holds
    `as_evaluated(network)`.

    image: 1 x 3 x H x W. score: from the network's output to the number to explain. as_maps: from
    tokens to 1 x C x h x w.
    """
    outputs: dict[str, Tensor] = {}

    def note(name: str, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 3 and output.requires_grad:
            outputs[name] = output

    with _watched(network, note), torch.enable_grad():
        value = score(network(image.clone().requires_grad_()))
    if layer not in outputs:
        return None
    gradients = torch.autograd.grad(value, list(outputs.values()), allow_unused=True)
    used = [
        name
        for (name, output), gradient in zip(outputs.items(), gradients, strict=True)
        if output.shape == outputs[layer].shape and gradient is not None
        if as_maps(gradient).any()
    ]
    kinds = {name: type(network.get_submodule(name)).__name__.lower() for name in used}
    norms = [name for name in used if "norm" in kinds[name]]
    return next(reversed(norms or used), None)


def reshaping(
    output: object,
    network: nn.Module,
    image_size: tuple[int, int],
    reshape_transform: Reshape | None = None,
) -> Reshape:
    """What turns a layer's `output`, and its gradient, into N x C x h x w.

    It is `reshape_transform` if there is one, else `to_maps` with the grid that `find_grid` finds.
    Raises UserError if the output is no such map.
    """
    if reshape_transform is None:
        grid = find_grid(output, network, image_size)
        return lambda values: to_maps(values, grid)
    if not isinstance(output, Tensor):
        raise UserError(f"layer: its output is not a tensor but {type(output).__name__}")
    try:
        maps = reshape_transform(output)
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        raise UserError(
            f"reshape_transform: does not fit the layer's output {tuple(output.shape)} ({error})"
        ) from error
    if not isinstance(maps, Tensor) or maps.ndim != 4 or len(maps) != len(output):
        shape = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        raise UserError(
            f"reshape_transform: it must return N x C x h x w for N images, not {shape}"
        )
    return reshape_transform


def find_grid(output: object, network: nn.Module, image_size: tuple[int, int]) -> Grid:
    """The grid in a layer's output for images of `image_size` (height, width).

    4-D: N x C x H x W, or N x H x W x C (Swin) where only the axes 1 and 2 have the proportions of
    the image. 3-D: N x L x C tokens; the `num_prefix_tokens` of timm, else a single class token if
    L itself is no grid, are left out. Raises UserError if there is no grid or it is 1 x 1.
    """
    grid = None
    if isinstance(output, Tensor) and output.ndim == 4:
        grid = _grid_4d(output, *image_size)
    elif isinstance(output, Tensor) and output.ndim == 3:
        grid = _grid_tokens(
            output.shape[1], getattr(network, "num_prefix_tokens", None), image_size
        )
    if grid is None:
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise UserError(f"layer: its output has no spatial grid ({shape}); choose an earlier layer")
    if grid.height * grid.width == 1:
        raise UserError(
            "layer: its output is 1 x 1 for images of {} x {}; choose an earlier layer "
            "or larger images".format(*image_size)
        )
    return grid


def to_maps(output: Tensor, grid: Grid) -> Tensor:
    """A layer's output as N x C x H x W (a view where possible)."""
    if grid.layout == "NCHW":
        return output
    if grid.layout == "NHWC":
        return output.permute(0, 3, 1, 2)
    tokens = output[:, grid.prefix :]
    return tokens.transpose(1, 2).unflatten(2, (grid.height, grid.width))


def _grid_4d(output: Tensor, height: int, width: int) -> Grid | None:
    _, first, second, third = output.shape
    if _proportional(second, third, height, width):
        return Grid("NCHW", second, third)
    if _proportional(first, second, height, width):
        return Grid("NHWC", first, second)
    return None


def _proportional(rows: int, columns: int, height: int, width: int) -> bool:
    """Whether rows x columns is height x width over one stride, up to rounding either way."""
    if rows > height or columns > width:
        return False
    return abs(rows * width - columns * height) <= max(height, width)


def _grid_tokens(length: int, prefix: int | None, image_size: tuple[int, int]) -> Grid | None:
    height, width = image_size
    for skipped in (0, 1) if prefix is None else (prefix,):
        tokens = length - skipped
        if tokens < 1:
            continue
        rows = max(1, round((tokens * height / width) ** 0.5))
        if tokens % rows == 0 and _proportional(rows, tokens // rows, height, width):
            return Grid("tokens", rows, tokens // rows, skipped)
    return None
