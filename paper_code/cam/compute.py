"""The one call: `compute_cam`, and `dt_gradcam_steps` for a look inside DT Grad-CAM."""

import difflib
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from paper_code.cam import dt_gradcam, methods
from paper_code.cam.capture import Score, Targets, View, as_evaluated, capture
from paper_code.cam.layers import default_layer, layer_name
from paper_code.cam.score_cam import scorecam
from paper_code.device import resolve_precision
from paper_code.errors import UserError


def of_gradients(formula: Callable[[Tensor, Tensor], Tensor]) -> Callable[[View], Tensor]:
    """A method from a formula of the layer's activations and gradients.

    The formula maps N x C x h x w activations and gradients to N x h x w raw maps.
    """

    def method(view: View) -> Tensor:
        seen = capture(_laid_out(view), gradients=True)
        return formula(seen.activations, seen.gradients)

    return method


def eigencam(view: View) -> Tensor:
    """Eigen-CAM: needs no gradient and does not depend on the class."""
    return methods.eigencam(capture(_laid_out(view), gradients=False).activations)


def _laid_out(view: View) -> View:
    """On a CPU a few images in PyTorch's own layout: for channels last, each convolution would lay
    out its weights anew, which takes longer than it saves."""
    if len(view.images) >= _FEW or view.images.device.type != "cpu":
        return view
    return replace(view, images=view.images.contiguous())


# Each method maps a batch, and options by keyword, to raw maps (N x h x w, or already at image
# size). One line adds a method.
METHODS: dict[str, Callable[..., Tensor]] = {
    "gradcam": of_gradients(methods.gradcam),
    "scorecam": scorecam,
    "eigencam": eigencam,
    "dt_gradcam": dt_gradcam.dt_gradcam,
    "gradcam_plusplus": of_gradients(methods.gradcam_plusplus),
    "hirescam": of_gradients(methods.hirescam),
}
# Images in one forward pass. On a CPU more than 16 images of 224 px gain nothing and take memory;
# with fewer, on one thread, PyTorch leaves 1 x 1 convolutions to a slower kernel than oneDNN's.
_BATCH_SIZE = {"cpu": 16}
_BATCH_SIZE_GPU = 128
_FEW = 4
# Their networks flatten with `flatten`, which takes any memory layout; `view` in others would not.
_ANY_LAYOUT = ("paper_code.", "torchvision.", "timm.")

Classes = Tensor | Sequence[int] | Sequence[Score] | None
Options = dict[str, object]  # of a method, by name


def compute_cam(
    network: nn.Module,
    images: Tensor,
    classes: Classes,
    method: str,
    layer: str | nn.Module | None = None,
    **options: object,
) -> Tensor:
    """Class activation maps of a batch: N x H x W, float32 in [0, 1], on the network's device.

    images: N x 3 x H x W (N x 1 where the network takes grey), floating point, scaled as the
        network expects ([-1, 1] here).
    classes: N class indices, or None for the predicted classes. Instead of an index, a function
        from the network's output for one image to the number to explain (a target of
        pytorch-grad-cam). Eigen-CAM does not depend on it.
    method: "gradcam", "scorecam", "eigencam", "dt_gradcam", "gradcam_plusplus" or "hirescam".
    layer: dotted name (or module) to read the map from; None: `default_layer` decides.
    options: for every method precision ("fp32", "bf16", "fp16" or "auto", see `resolve_precision`:
        below fp32 the part that needs no gradient runs under autocast), batch_size, and
        reshape_transform (from the layer's output to N x C x h x w where that is not recognised);
        masks for Score-CAM (see `score_cam.MASKS`); copies, sigma, seed and kernel_size for DT
        Grad-CAM.

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
    own = list(inspect.signature(METHODS[method]).parameters)[1:]
    known = ("precision", "batch_size", "reshape_transform", *own)
    for name in sorted(options.keys() - set(known)):
        raise UserError(f"{method} has no option {name!r}; it has {', '.join(known)}")
    maps = []
    with as_evaluated(network):
        view = _view(network, images, classes, layer, options)
        for part in _parts(view):
            maps.append(methods.finish(METHODS[method](part, **options), view.images.shape[-2:]))
    return torch.cat(maps)


def map_layer(
    network: nn.Module, images: Tensor, layer: str | nn.Module | None = None
) -> tuple[str, tuple[int, int]]:
    """Dotted name of the layer that `compute_cam` reads, and its grid's height and width."""
    with as_evaluated(network):
        view = _view(network, images[:1], None, layer, {})
        return view.layer, tuple(capture(view, gradients=False).activations.shape[-2:])


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
    **options: object,
) -> dt_gradcam.DTGradCAMSteps:
    """DT Grad-CAM of N images with every stage kept; arguments as `compute_cam`."""
    dt_gradcam.check_options(copies, sigma, kernel_size)
    with as_evaluated(network):
        view = _view(network, images, classes, layer, options)
        return dt_gradcam.steps(view, copies, sigma, seed, kernel_size)


def _view(
    network: nn.Module,
    images: Tensor,
    classes: Classes,
    layer: str | nn.Module | None,
    options: dict[str, object],
) -> View:
    """The checked batch; takes what all methods share out of `options`."""
    images, classes = _prepared(network, images, classes)
    precision = resolve_precision(options.pop("precision", "fp32"), images.device)
    batch_size = options.pop("batch_size", None)
    if batch_size is None:
        batch_size = _BATCH_SIZE.get(images.device.type, _BATCH_SIZE_GPU)
    elif batch_size < 1:
        raise UserError(f"batch_size: {batch_size} is not 1 or more")
    reshape_transform = options.pop("reshape_transform", None)
    layer = layer_name(network, default_layer(network, images) if layer is None else layer)
    return View(network, images, classes, layer, precision, batch_size, reshape_transform)


def _parts(view: View) -> Iterator[View]:
    """The batch in parts of `batch_size` images."""
    for start in range(0, len(view.images), view.batch_size):
        rows = slice(start, start + view.batch_size)
        classes = None if view.classes is None else view.classes[rows]
        yield replace(view, images=view.images[rows], classes=classes)


def _prepared(
    network: nn.Module, images: Tensor, classes: Classes
) -> tuple[Tensor, Targets | None]:
    """Checked images and classes on the network's device, in its floating-point type."""
    if not isinstance(images, Tensor) or images.ndim != 4:
        raise UserError("images: give a tensor N x 3 x H x W")
    if len(images) == 0:
        raise UserError("images: the batch is empty")
    layers = (layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    if (channels := images.shape[1]) != 3 and channels != getattr(
        next(layers, 0), "in_channels", 3
    ):
        raise UserError(
            f"images: {channels} channel(s); 3 are needed, or 1 where a network is grey"
        )
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
    # Clones, because PyTorch keeps nothing made under inference_mode for a backward pass.
    images = images.clone() if images.is_inference() else images.detach()
    images = images.to(home, memory_format=layout)
    if classes is None:
        return images, None
    if not isinstance(classes, Tensor) and any(callable(target) for target in classes):
        if not all(callable(target) for target in classes):
            raise UserError("classes: give class indices or functions, not both")
        if len(classes) != len(images):
            raise UserError(f"classes: {len(classes)} functions given for {len(images)} images")
        return images, list(classes)
    classes = torch.as_tensor(classes, device=images.device)
    if classes.is_floating_point() or classes.dtype == torch.bool or classes.ndim != 1:
        raise UserError("classes: give a list of whole numbers, one for each image, or None")
    if len(classes) != len(images):
        raise UserError(f"classes: {len(classes)} given for {len(images)} images")
    return images, classes.long().clone()
