"""One forward pass that keeps an autograd graph only above the layer of interest."""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from paper_code.cam.layers import Reshape, last_used_tokens, reshaping
from paper_code.device import autocast
from paper_code.errors import UserError
from paper_code.networks.forward import class_scores

# What is explained in each of N images: the score of a class, or any scalar made from the network's
# output for that image.
Score = Callable[[Tensor], Tensor]
Targets = Tensor | Sequence[Score]


class Captured(NamedTuple):
    """What one pass gives. N images, C channels, h x w the layer's grid."""

    activations: Tensor  # N x C x h x w
    gradients: Tensor | None  # N x C x h x w: d score of the image / d activation
    classes: Targets  # N class indices (int64), or N scoring functions


@dataclass(frozen=True)
class View:
    """A batch as a CAM method sees it; the caller holds `as_evaluated(network)`."""

    network: nn.Module  # in evaluation mode
    images: Tensor  # N x 3 x H x W, on the network's device
    classes: Targets | None  # None: the predicted ones
    layer: str  # dotted name
    precision: str = "fp32"
    batch_size: int = 16  # images in one forward pass
    reshape_transform: Reshape | None = None  # None: `find_grid` decides


@contextlib.contextmanager
def as_evaluated(network: nn.Module) -> Iterator[None]:
    """Put `network` in evaluation mode without parameter gradients; restore every module's mode and
    every parameter's flag afterwards, whatever happens.

    A caller's `torch.inference_mode()` does not hold inside, because maps need gradients.
    """
    training = [module for module in network.modules() if module.training]
    trainable = [
        parameter
        for parameter in network.parameters()
        if parameter.requires_grad and not parameter.is_inference()
    ]
    try:
        network.eval()
        for parameter in trainable:
            parameter.requires_grad_(False)
        with torch.inference_mode(False):
            yield
    finally:
        for module in training:
            module.training = True
        for parameter in trainable:
            parameter.requires_grad_(True)


def capture(view: View, *, gradients: bool) -> Captured:
    """One pass over all images: the layer's output, and its gradient if asked for.

    The hook on the layer replaces its output by a detached leaf: everything below runs without
    autograd (under autocast if `precision` is lower than fp32), everything above in the network's
    own precision. A layer that runs several times counts by its last run.
    """
    network, images, classes, layer = view.network, view.images, view.classes, view.layer
    if gradients and any(t.is_inference() for t in (*network.parameters(), *network.buffers())):
        raise UserError(
            "network: it was built or loaded under torch.inference_mode(), so PyTorch computes no "
            "gradients for it; do that outside"
        )
    leaf: Tensor | None = None
    as_maps: Reshape | None = None
    device = images.device.type

    def cut(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        nonlocal leaf, as_maps
        as_maps = reshaping(output, network, images.shape[-2:], view.reshape_transform)
        torch.set_autocast_enabled(device, False)
        leaf = output.detach().to(images.dtype).requires_grad_(gradients)
        torch.set_grad_enabled(gradients)
        # A copy, because the next module may work in place (the ReLU after DenseNet's features):
        # that would change the activations kept here and is an error on a leaf.
        return leaf.clone()

    handle = network.get_submodule(layer).register_forward_hook(cut)
    try:
        with torch.no_grad(), autocast(images.device, view.precision):
            outputs = network(images)
    finally:
        handle.remove()
    if leaf is None:
        raise UserError(f"layer: {layer!r} is not used in the forward pass of this network")
    if classes is None or isinstance(classes, Tensor):
        outputs = class_scores(outputs)
        check_logits(outputs, len(images))
        classes = check_classes(classes, outputs)
    slopes = None
    if gradients:
        with torch.enable_grad():
            score = scores(outputs, classes).sum()
        if not score.requires_grad:
            raise UserError(f"layer: the class scores do not depend on {layer!r}")
        (slopes,) = torch.autograd.grad(score, leaf)
        slopes = as_maps(slopes)
        if leaf.ndim == 3 and not slopes.any():
            # After the last attention, a class token's head reads no other token.
            first = chosen(classes, torch.tensor([0]))
            better = last_used_tokens(
                network, images[:1], lambda out: scores(out, first).sum(), layer, as_maps
            )
            if better:
                warnings.warn(
                    f"layer: the class scores do not depend on the image's tokens of {layer!r}, so "
                    f"maps made from their gradients are zero everywhere; take {better!r}",
                    stacklevel=2,
                )
    return Captured(as_maps(leaf.detach()), slopes, classes)


def scores(outputs: Tensor, targets: Targets) -> Tensor:
    """The N scores to explain, from the network's outputs for N images.

    Of a class index it is that logit, of a function what it returns for the image's own output.
    """
    if isinstance(targets, Tensor):
        return class_scores(outputs).gather(1, targets[:, None])[:, 0]
    if not isinstance(outputs, Tensor | list | tuple) or len(outputs) != len(targets):
        raise UserError("network: it must return one output for each image, in a tensor or a list")
    values = [target(output) for target, output in zip(targets, outputs, strict=True)]
    for value in values:
        if not isinstance(value, Tensor) or value.numel() != 1:
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise UserError(f"targets: each must return one number as a tensor, not {shape}")
    result = torch.stack([value.reshape(()) for value in values])
    if not result.isfinite().all():
        raise UserError("targets: a score is NaN or infinite")
    return result


def chosen(targets: Targets, rows: Tensor) -> Targets:
    """The targets of the images at `rows` (int64), which may repeat."""
    if isinstance(targets, Tensor):
        return targets[rows]
    return [targets[row] for row in rows.tolist()]


def logits_in_chunks(
    network: nn.Module, images: Tensor, batch_size: int, precision: str = "fp32"
) -> Tensor:
    """N x K logits of a network in evaluation mode, without a graph."""
    logits = []
    with torch.no_grad(), autocast(images.device, precision):
        for part in images.split(batch_size):
            logits.append(class_scores(network(part)))
            check_logits(logits[-1], len(part))
    return torch.cat(logits)


def check_logits(logits: Tensor, count: int) -> None:
    """Raise UserError unless `logits` is a finite tensor of `count` x K."""
    if logits.ndim != 2 or len(logits) != count:
        raise UserError("network: it must return N x K class scores for N images")
    if not logits.isfinite().all():
        raise UserError("network: its class scores are NaN or infinite; did its training diverge?")


def check_classes(classes: Tensor | None, logits: Tensor) -> Tensor:
    """`classes`, or the predicted ones where None; UserError if one is out of range."""
    if classes is None:
        return logits.argmax(1)
    count = logits.shape[1]
    for index in classes[(classes < 0) | (classes >= count)].tolist():
        raise UserError(
            f"classes: {index} is out of range; this network has {count} (0-{count - 1})"
        )
    return classes


def memory_format(images: Tensor) -> torch.memory_format:
    """The layout of `images`, for new ones made from them."""
    channels_last = images.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if channels_last else torch.contiguous_format
