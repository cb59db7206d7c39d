"""The methods as plain functions: N x C x h x w activations (and gradients) -> N x h x w maps.

The maps are raw: ReLU and scaling to [0, 1] at image size are `finish`, the same for all methods.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def gradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM (Selvaraju et al. 2017; Eq. 6-7 of the paper before its ReLU)."""
    return torch.einsum("nchw,nc->nhw", activations, gradients.mean((2, 3)))


def hirescam(activations: Tensor, gradients: Tensor) -> Tensor:
    """HiResCAM (Draelos and Carin 2020): the gradient weighs each position, not the channel."""
    return torch.einsum("nchw,nchw->nhw", activations, gradients)


def gradcam_plusplus(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM++ (Chattopadhay et al. 2018), Eq. 19 with the ReLU of Eq. 7; 1e-6 in the divisor, as
    in pytorch-grad-cam."""
    squared = gradients**2
    total = activations.sum((2, 3), keepdim=True)
    alpha = squared / (2 * squared + total * squared * gradients + 1e-6)
    weights = (gradients.relu() * alpha).sum((2, 3))
    return torch.einsum("nchw,nc->nhw", activations, weights)


def eigencam(activations: Tensor) -> Tensor:
    """Eigen-CAM (Muhammad and Yeasin 2020): projection on the first principal direction.

    With A (positions x channels, centred per channel) = U S V', the projection A v1 equals s1 u1,
    so it needs only the smaller of the two Gram matrices: A A' (49 x 49 for a 7 x 7 grid), whose
    first eigenvector is u1, or A'A. In float64, because a Gram matrix squares the condition number.

    Sign rule: singular vectors have none, so the projection is turned such that it correlates
    positively with the mean activation over channels: high means active. Where that correlation is
    zero, the entry of largest size is made positive.
    """
    height, width = activations.shape[2:]
    matrix = activations.flatten(2).double()  # N x C x P
    matrix = matrix - matrix.mean(2, keepdim=True)
    channels, positions = matrix.shape[1:]
    if positions <= channels:
        values, vectors = torch.linalg.eigh(matrix.mT @ matrix)
        projection = values[:, -1:].clamp(min=0).sqrt() * vectors[:, :, -1]
    else:
        direction = torch.linalg.eigh(matrix @ matrix.mT).eigenvectors[:, :, -1:]
        projection = (matrix.mT @ direction).squeeze(2)
    agreement = (projection * matrix.mean(1)).sum(1)
    peak = projection.gather(1, projection.abs().argmax(1, keepdim=True)).squeeze(1)
    sign = torch.where(agreement != 0, agreement, peak).sign()
    return (projection * sign[:, None]).to(activations.dtype).unflatten(1, (height, width))


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """N x h x w -> N x H x W, bilinear with half-pixel centres (OpenCV's INTER_LINEAR)."""
    return F.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)[:, 0]


def scale(maps: Tensor) -> Tensor:
    """Each map min-max scaled to [0, 1]; a constant map, up to rounding, becomes zero."""
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    constant = same_up_to_rounding(low, high)
    return torch.where(constant, 0, (maps - low) / torch.where(constant, 1, high - low))


def same_up_to_rounding(low: Tensor, high: Tensor) -> Tensor:
    """Whether a map with these extremes is constant but for rounding errors."""
    return high - low <= 16 * torch.finfo(low.dtype).eps * torch.maximum(low.abs(), high.abs())


def finish(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """ReLU, then up to image size, then scaled to [0, 1]."""
    return scale(upsample(maps.relu(), size))
