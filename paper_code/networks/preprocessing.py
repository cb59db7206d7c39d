"""Images from bytes to network input."""

import torch


def normalize(images: torch.Tensor) -> torch.Tensor:
    """Map uint8 [0, 255] to float32 [-1, 1] (section IV-C); N x 3 x H x W, channels last."""
    return images.float().div_(127.5).sub_(1).contiguous(memory_format=torch.channels_last)
