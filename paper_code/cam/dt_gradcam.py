"""DT Grad-CAM, section V of the paper, one function a step.

noise (Eq. 5) -> Grad-CAM of each copy (Eq. 6, 7) -> weighted average (Eq. 8) -> Otsu (Eq. 9) ->
zero below the threshold (Eq. 10) -> morphology.

The paper gives neither N, sigma nor the kernel; the defaults here are our choices
(docs/reference/cam.md).
"""

from dataclasses import replace
from typing import NamedTuple

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor

from paper_code.cam.capture import (
    Targets,
    View,
    capture,
    chosen,
    logits_in_chunks,
    memory_format,
)
from paper_code.cam.methods import gradcam, same_up_to_rounding, scale, upsample
from paper_code.errors import UserError

COPIES = 10
SIGMA = 0.1
KERNEL_SIZE = 5


class DTGradCAMSteps(NamedTuple):
    """Every stage for B images and N copies. h x w is the layer's grid, H x W the image."""

    classes: Targets  # B class indices (int64), or B scoring functions
    weights: Tensor  # N: 1 ... 0.5
    copy_maps: Tensor  # B x N x h x w: Grad-CAM of each noisy copy after ReLU, unscaled
    average: Tensor  # B x H x W: Eq. 8, upsampled, unscaled
    threshold: Tensor  # B: Otsu's T, in the units of `average`
    thresholded: Tensor  # B x H x W: Eq. 10
    cleaned: Tensor  # B x H x W: after morphology
    result: Tensor  # B x H x W: `cleaned` scaled to [0, 1]


def noise(copies: int, shape: tuple[int, ...], sigma: float, seed: int) -> Tensor:
    """sigma N(0, 1): `copies` x *shape, float64, drawn on the CPU so that every device, chunk size
    and batch sees the same noise. `sigma` is in units of the [-1, 1] image."""
    generator = torch.Generator().manual_seed(seed)
    return sigma * torch.randn(copies, *shape, generator=generator, dtype=torch.float64)


def noisy_copies(
    image: Tensor, copies: int = COPIES, sigma: float = SIGMA, seed: int = 0
) -> Tensor:
    """Eq. 5: C x H x W -> N x C x H x W noisy copies, not clipped."""
    return image + noise(copies, tuple(image.shape), sigma, seed).to(image)


def linear_weights(copies: int) -> Tensor:
    """Weights of Eq. 8: from 1 for the first copy linearly to 0.5 for the last (1 for one copy)."""
    return torch.linspace(1, 0.5, copies, dtype=torch.float64)


def weighted_average(copy_maps: Tensor, weights: Tensor) -> Tensor:
    """Eq. 8: B x N x h x w maps and N weights -> B x h x w."""
    return torch.einsum("bnhw,n->bhw", copy_maps, weights.to(copy_maps) / weights.sum())


def otsu_threshold(maps: Tensor, bins: int = 256) -> Tensor:
    """Eq. 9 for each of B maps (B x H x W) at once -> B thresholds.

    Same histogram over [min, max], and same bin centre as the answer, as
    `skimage.filters.threshold_otsu`; that of a constant map (up to rounding) is its maximum, so
    that nothing lies above.
    """
    low, high = maps.flatten(1).aminmax(dim=1, keepdim=True)
    constant = same_up_to_rounding(low, high)
    values, low, high = maps.flatten(1).double(), low.double(), high.double()
    span = torch.where(constant, 1, high - low)
    index = ((values - low) / span * bins).long().clamp(max=bins - 1)
    counts = torch.zeros(len(maps), bins, dtype=torch.float64, device=maps.device)
    counts.scatter_add_(1, index, torch.ones_like(values))
    centres = low + span * (torch.arange(bins, device=maps.device) + 0.5) / bins
    below, moment = counts.cumsum(1), (counts * centres).cumsum(1)
    above = below[:, -1:] - below
    mean_below = moment / below.clamp(min=1)
    mean_above = (moment[:, -1:] - moment) / above.clamp(min=1)
    between = below * above * (mean_below - mean_above) ** 2
    best = centres.gather(1, between.argmax(1, keepdim=True))
    return torch.where(constant, high, best)[:, 0].to(maps.dtype)


def zero_below(maps: Tensor, threshold: Tensor) -> Tensor:
    """Eq. 10: keep values above each map's threshold, zero elsewhere."""
    return torch.where(maps > threshold[:, None, None], maps, 0)


def clean(maps: Tensor, kernel_size: int = KERNEL_SIZE) -> Tensor:
    """Grey-scale opening (drops specks), then closing (fills pits) with OpenCV's elliptic kernel.

    B x H x W on the maps' device, all at once; the same as `cv2.morphologyEx` on each. Size 1
    leaves the maps as they are. Raises UserError for an even size or one below 1.
    """
    rectangles = _rectangles(kernel_size)
    opened = _dilate(_erode(maps, rectangles), rectangles)
    return _erode(_dilate(opened, rectangles), rectangles)


def otsu_cut(maps: Tensor, kernel_size: int = 1) -> Tensor:
    """The last steps of DT Grad-CAM on any B x H x W maps: Otsu, zero below, morphology (none for
    size 1), scaled to [0, 1]. On Grad-CAM's it is the control with the cut but without noise."""
    return scale(clean(zero_below(maps, otsu_threshold(maps)), kernel_size))


def check_options(copies: int, sigma: float, kernel_size: int) -> None:
    """UserError for a value out of range."""
    if copies < 1 or not sigma >= 0:
        raise UserError("dt_gradcam: copies must be at least 1 and sigma at least 0")
    _rectangles(kernel_size)


def dt_gradcam(
    view: View,
    *,
    copies: int = COPIES,
    sigma: float = SIGMA,
    seed: int = 0,
    kernel_size: int = KERNEL_SIZE,
) -> Tensor:
    """Eq. 5-10: N x H x W, the cleaned maps at image size."""
    return steps(view, copies, sigma, seed, kernel_size).cleaned


def steps(view: View, copies: int, sigma: float, seed: int, kernel_size: int) -> DTGradCAMSteps:
    """Every stage of Eq. 5-10 for N images.

    Where the classes are not given, the class predicted for the clean image is explained in all
    its copies.
    """
    check_options(copies, sigma, kernel_size)
    classes = view.classes
    if classes is None:
        logits = logits_in_chunks(view.network, view.images, view.batch_size, view.precision)
        classes = logits.argmax(1)
    maps = copy_maps(view, classes, copies, sigma, seed)
    size = view.images.shape[-2:]
    return steps_from_copies(maps, linear_weights(copies), classes, size, kernel_size)


def copy_maps(view: View, classes: Targets, copies: int, sigma: float, seed: int) -> Tensor:
    """Eq. 5-7: B x N x h x w, Grad-CAM after ReLU of all noisy copies of all images, in chunks."""
    images = view.images
    added = noise(copies, tuple(images.shape[1:]), sigma, seed).to(images)
    pairs = torch.arange(len(images) * copies, device=images.device)
    maps = []
    for pair in pairs.split(view.batch_size):
        image, copy = pair // copies, pair % copies
        noisy = images[image] + added[copy]
        noisy = noisy.contiguous(memory_format=memory_format(images))
        part = replace(view, images=noisy, classes=chosen(classes, image))
        seen = capture(part, gradients=True)
        maps.append(gradcam(seen.activations, seen.gradients).relu())
    return torch.cat(maps).unflatten(0, (len(images), copies))


def steps_from_copies(
    maps: Tensor, weights: Tensor, classes: Targets, size: tuple[int, int], kernel_size: int
) -> DTGradCAMSteps:
    """Eq. 8-10 and morphology on the B x N x h x w maps of `copy_maps`, at image `size`."""
    average = upsample(weighted_average(maps, weights), size)
    threshold = otsu_threshold(average)
    thresholded = zero_below(average, threshold)
    cleaned = clean(thresholded, kernel_size)
    return DTGradCAMSteps(
        classes, weights, maps, average, threshold, thresholded, cleaned, scale(cleaned)
    )


def _rectangles(kernel_size: int) -> list[tuple[int, int]]:
    """Centred rectangles (height, width) whose union is OpenCV's elliptic kernel."""
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise UserError(f"kernel_size: {kernel_size} is not an odd number of 1 or more")
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (kernel_size, kernel_size))
    widths = ellipse.sum(1)
    return [(int((widths >= width).sum()), int(width)) for width in sorted(set(widths.tolist()))]


def _dilate(maps: Tensor, rectangles: list[tuple[int, int]]) -> Tensor:
    """Maximum under the union of `rectangles`; pixels outside the map do not count."""
    parts = [
        F.max_pool2d(maps[:, None], size, stride=1, padding=(size[0] // 2, size[1] // 2))[:, 0]
        for size in rectangles
    ]
    return torch.stack(parts).amax(0)


def _erode(maps: Tensor, rectangles: list[tuple[int, int]]) -> Tensor:
    return -_dilate(-maps, rectangles)
