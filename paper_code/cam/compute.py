"""The one call: `compute_cam`, and `dt_gradcam_steps` for a look inside DT Grad-CAM."""

import difflib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from paper_code.cam import dt_gradcam, methods
from paper_code.cam.capture import as_evaluated, autocast, capture, check_logits
from paper_code.cam.layers import default_layer, layer_name
from paper_code.cam.score_cam import scorecam
from paper_code.errors import UserError

# A function of the layer's activations and gradients (N x C x h x w each -> N x h x w raw maps), or
# None for a method that takes a way of its own through `raw_cam`. One line adds a method.
METHODS: dict[str, Callable[[Tensor, Tensor], Tensor] | None] = {
    "gradcam": methods.gradcam,
    "scorecam": None,
    "eigencam": None,
    "dt_gradcam": None,
    "gradcam_plusplus": methods.gradcam_plusplus,
    "hirescam": methods.hirescam,
}
_OPTIONS = {
    "scorecam": ("masks",),
    "dt_gradcam": ("copies", "sigma", "seed", "kernel_size"),
}
# Images in one forward pass. On a CPU more than 16 images of 224 px gain nothing and take memory;
# with fewer, on one thread, PyTorch leaves 1 x 1 convolutions to a slower kernel than oneDNN's.
_BATCH_SIZE = {"cpu": 16}
_BATCH_SIZE_GPU = 128
# Their networks flatten with `flatten`, which takes any memory layout; `view` in others would not.
_ANY_LAYOUT = ("paper_code.", "torchvision.", "timm.")

Classes = Tensor | Sequence[int] | None


def compute_cam(
    network: nn.Module,
    images: Tensor,
    classes: Classes,
    method: str,
    layer: str | nn.Module | None = None,
    **options: object,
) -> Tensor:
    """Class activation maps of a batch: N x H x W, float32 in [0, 1], on the network's device.

    images: N x 3 x H x W, floating point, scaled as the network expects ([-1, 1] here).
    classes: N class indices, or None for the predicted classes. Eigen-CAM does not depend on it.
    method: "gradcam", "scorecam", "eigencam", "dt_gradcam", "gradcam_plusplus" or "hirescam".
    layer: dotted name (or module) to read the map from; None: `default_layer` decides.
    options: precision ("full" or "bfloat16": the part that needs no gradient runs under autocast)
        and batch_size for every method; masks for Score-CAM (see `score_cam.MASKS`); copies, sigma,
        seed and kernel_size for DT Grad-CAM.

    The network comes back as it was: mode, hooks, parameters, gradients, BatchNorm statistics.
    Raises UserError for any argument that does not fit.
    """
    return raw_cam(network, images, classes, method, layer, **options).float()


def raw_cam(
    network: nn.Module,
    images: Tensor,
    classes: Classes,
    method: str,
    layer: str | nn.Module | None = None,
    **options: object,
) -> Tensor:
    """`compute_cam` in the network's own floating-point type (float64 for a float64 network)."""
    if method not in METHODS:
        near = difflib.get_close_matches(str(method).lower(), METHODS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UserError(f"method: {method!r} is not one of {', '.join(METHODS)}{hint}")
    known = ("precision", "batch_size", *_OPTIONS.get(method, ()))
    for name in sorted(options.keys() - set(known)):
        raise UserError(f"{method} has no option {name!r}; it has {', '.join(known)}")
    if method == "dt_gradcam":
        return dt_gradcam_steps(network, images, classes, layer, **options).result

    images, classes = _prepared(network, images, classes)
    precision = options.pop("precision", "full")
    batch_size = _batch_size(options.pop("batch_size", None), images)
    maps = []
    with as_evaluated(network):
        layer = _layer(network, layer, images)
        for part, wanted in _parts(images, classes, batch_size):
            of_gradients = METHODS[method]
            seen = capture(network, part, wanted, layer, of_gradients is not None, precision)
            if of_gradients:
                raw = of_gradients(seen.activations, seen.gradients)
            elif method == "eigencam":
                raw = methods.eigencam(seen.activations)
            else:
                raw = scorecam(
                    network, part, seen, **options, precision=precision, batch_size=batch_size
                )
            maps.append(methods.finish(raw, images.shape[-2:]))
    return torch.cat(maps)


def dt_gradcam_steps(
    network: nn.Module,
    images: Tensor,
    classes: Classes,
    layer: str | nn.Module | None = None,
    *,
    copies: int = dt_gradcam.COPIES,
    sigma: float = dt_gradcam.SIGMA,
    seed: int = 0,
    kernel_size: int = dt_gradcam.KERNEL_SIZE,
    precision: str = "full",
    batch_size: int | None = None,
) -> dt_gradcam.DTGradCAMSteps:
    """DT Grad-CAM of N images with every stage kept; arguments as `compute_cam`.

    Where `classes` is None the class predicted for the clean image is explained in all its copies.
    """
    dt_gradcam.check_options(copies, sigma, kernel_size)
    images, classes = _prepared(network, images, classes)
    batch_size = _batch_size(batch_size, images)
    with as_evaluated(network):
        layer = _layer(network, layer, images)
        if classes is None:
            classes = predict(network, images, batch_size, precision).argmax(1)
        maps = dt_gradcam.copy_maps(
            network, images, classes, layer, copies, sigma, seed, precision, batch_size
        )
    return dt_gradcam.steps_from_copies(
        maps, dt_gradcam.linear_weights(copies), classes, images.shape[-2:], kernel_size
    )


def predict(network: nn.Module, images: Tensor, batch_size: int, precision: str = "full") -> Tensor:
    """N x K logits of a network in evaluation mode, in chunks, without a graph."""
    logits = []
    with torch.no_grad(), autocast(images.device.type, precision):
        for part in images.split(batch_size):
            logits.append(network(part))
            check_logits(logits[-1], len(part))
    return torch.cat(logits)


def _prepared(network: nn.Module, images: Tensor, classes: Classes) -> tuple[Tensor, Tensor | None]:
    """Checked images and classes on the network's device, in its floating-point type."""
    if not isinstance(images, Tensor) or images.ndim != 4:
        raise UserError("images: give a tensor N x 3 x H x W")
    if len(images) == 0:
        raise UserError("images: the batch is empty")
    if images.shape[1] != 3:
        raise UserError(f"images: {images.shape[1]} channel(s); 3 are needed (repeat a grey one)")
    if not images.is_floating_point():
        raise UserError(f"images: {images.dtype}; give floating-point values in [-1, 1]")
    if not images.isfinite().all():
        raise UserError("images: NaN or infinite pixels")
    if (largest := images.abs().max().item()) > 10:
        raise UserError(f"images: values up to {largest:g}; scale them to [-1, 1]")
    home = next(network.parameters(), torch.empty(0))
    layout = torch.preserve_format
    if type(network).__module__.startswith(_ANY_LAYOUT):
        layout = torch.channels_last  # the faster layout of convolutions
    images = images.detach().to(home, memory_format=layout)
    if classes is None:
        return images, None
    classes = torch.as_tensor(classes, device=images.device)
    if classes.is_floating_point() or classes.dtype == torch.bool or classes.ndim != 1:
        raise UserError("classes: give a list of whole numbers, one for each image, or None")
    if len(classes) != len(images):
        raise UserError(f"classes: {len(classes)} given for {len(images)} images")
    return images, classes.long()


def _batch_size(batch_size: int | None, images: Tensor) -> int:
    if batch_size is None:
        return _BATCH_SIZE.get(images.device.type, _BATCH_SIZE_GPU)
    if batch_size < 1:
        raise UserError(f"batch_size: {batch_size} is not 1 or more")
    return batch_size


def _layer(network: nn.Module, layer: str | nn.Module | None, images: Tensor) -> str:
    return layer_name(network, default_layer(network, images) if layer is None else layer)


def _parts(images: Tensor, classes: Tensor | None, size: int):
    for start in range(0, len(images), size):
        yield (
            images[start : start + size],
            None if classes is None else classes[start : start + size],
        )
