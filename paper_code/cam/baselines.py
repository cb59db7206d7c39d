"""Maps that know nothing of the network or the image: what every score is read beside.

They go through the same rules and scores as the maps of the methods.
"""

import torch
from torch import Tensor

from paper_code.cam.methods import finish

BASELINES = ("whole_image", "centre_prior", "random_map")
# Fixed before any score was seen: a quarter of the image, so that half the maximum lies at 0.29 of
# the side from the centre. Lesions had no part in the choice.
CENTRE_SIGMA = 0.25
DRAWS = 5  # of the random map; scores are averaged over them


def whole_image(count: int, size: tuple[int, int]) -> Tensor:
    """`count` x H x W float32 ones: everything is marked, and no pixel goes before another."""
    return torch.ones(count, *size)


def centre_prior(count: int, size: tuple[int, int], sigma: float = CENTRE_SIGMA) -> Tensor:
    """`count` x H x W float32 in (0, 1]: a Gaussian round the centre; `sigma` is a part of each
    side."""
    rows, columns = (
        torch.exp(-(((torch.arange(side) + 0.5) / side - 0.5) ** 2) / (2 * sigma**2))
        for side in size
    )
    return (rows[:, None] * columns).expand(count, *size).clone()


def random_maps(count: int, grid: tuple[int, int], size: tuple[int, int], seed: int) -> Tensor:
    """`count` x H x W float32 in [0, 1]: uniform values on the `grid` of the layer that the methods
    read, finished like any map, so that it is as smooth as theirs."""
    generator = torch.Generator().manual_seed(seed)
    return finish(torch.rand(count, *grid, generator=generator), size)
