"""Images from bytes to network input, in batches on the device."""

import torch
from torch.nn import functional as F


def augment(images: torch.Tensor, rotation: float, generator: torch.Generator) -> torch.Tensor:
    """Flip each image with probability 0.5 and rotate it by its own random angle.

    N x 3 x H x W float in and out, then channels last. One bilinear resampling does both; what
    turns in from outside is the mirrored image, so that no black corners tell the rotated images
    apart. Angles are uniform in [-rotation, rotation] degrees. The generator is on the CPU, so that
    a CPU and a GPU draw the same ones.
    """
    number, _, height, width = images.shape
    draws = torch.rand(2, number, generator=generator).to(images.device, non_blocking=True)
    angle = torch.deg2rad((2 * draws[0] - 1) * rotation)
    flip = torch.where(draws[1] < 0.5, -1.0, 1.0)
    theta = torch.zeros(number, 2, 3, device=images.device)
    # Sampling positions are in units of half the width and half the height: keep circles round.
    theta[:, 0, 0] = flip * torch.cos(angle)
    theta[:, 0, 1] = -torch.sin(angle) * height / width
    theta[:, 1, 0] = flip * torch.sin(angle) * width / height
    theta[:, 1, 1] = torch.cos(angle)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    turned = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    return turned.contiguous(memory_format=torch.channels_last)
