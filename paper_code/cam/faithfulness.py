"""Do maps say what the network does? Deletion and insertion (Petsiuk et al. 2018)."""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.stats import ConstantInputWarning, spearmanr
from torch import Tensor, nn
from torchvision.transforms.functional import gaussian_blur

from paper_code.cam.capture import as_evaluated, logits_in_chunks, memory_format
from paper_code.cam.fusion import for_inference
from paper_code.device import resolve_precision


class Curves(NamedTuple):
    """Class probabilities while pixels go from most to least salient. N images, S + 1 points."""

    deletion: Tensor  # N x (S + 1): first point the image, last the blank; low area is good
    insertion: Tensor  # N x (S + 1): first point the blurred image, last the image; high is good

    def areas(self) -> pd.DataFrame:
        """Area under each curve over the part of pixels changed (0-1), one row per image."""
        return pd.DataFrame(
            {
                name: torch.trapezoid(curve.double(), dx=1 / (curve.shape[1] - 1)).cpu().numpy()
                for name, curve in self._asdict().items()
            }
        )


def deletion_insertion(
    network: nn.Module,
    images: Tensor,
    classes: Tensor,
    maps: Tensor,
    steps: int = 20,
    batch_size: int = 16,
    *,
    ties: Tensor,
    precision: str = "fp32",
    fast: tuple[nn.Module, int] | None = None,
) -> Curves:
    """Softmax probability of `classes` (N) as pixels are removed or shown, in `steps` equal parts.

    Deleted pixels become the image's mean colour; insertion starts from the image blurred with a
    sigma of an eighth of its shorter side, so that nothing has a sharp edge. Pixels of equal value
    (the zeros of a map that Otsu has cut) go in the order of `ties` (N x H x W, highest first):
    give a random map as smooth as the maps, since pixels removed one by one all over the image
    would disturb the network more than patches do. A constant map then has a random order.
    `fast` is what `for_inference` gives for these images, where there are several calls.
    """
    precision = resolve_precision(precision, images.device)
    ranks = _ranks(maps, ties.to(maps)).to(images.device)
    pixels = ranks[0].numel()
    cuts = torch.linspace(0, pixels, steps + 1).round().long().to(images.device)
    blank = images.mean((2, 3), keepdim=True).expand_as(images)
    side = min(images.shape[-2:])
    size = 2 * (side // 4) + 1  # two sigma either way; less than the image, so that it can reflect
    blurred = gaussian_blur(images, [size, size], [side / 8, side / 8])
    classes = torch.as_tensor(classes, device=images.device)

    def curve(changed: Tensor, unchanged: Tensor) -> Tensor:
        points = []
        pairs = torch.arange(len(images) * (steps + 1), device=images.device)
        for pair in pairs.split(together):
            image, cut = pair // (steps + 1), pair % (steps + 1)
            above = (ranks[image] < cuts[cut][:, None, None])[:, None]
            mixed = torch.where(above, changed[image], unchanged[image])
            mixed = mixed.contiguous(memory_format=memory_format(images))
            logits = logits_in_chunks(fused, mixed, together, precision)
            points.append(logits.float().softmax(1).gather(1, classes[image][:, None])[:, 0])
        return torch.cat(points).unflatten(0, (len(images), steps + 1))

    with as_evaluated(network):
        fused, together = fast or for_inference(network, images, precision, batch_size)
        return Curves(deletion=curve(blank, images), insertion=curve(images, blurred))


def _ranks(maps: Tensor, ties: Tensor) -> Tensor:
    """N x H x W: 0 for the highest pixel of each map, of equal ones for that with the highest tie
    breaker."""
    by_tie = ties.flatten(1).argsort(dim=1, descending=True, stable=True)
    order = maps.flatten(1).gather(1, by_tie).argsort(dim=1, descending=True, stable=True)
    order = by_tie.gather(1, order)
    ranks = torch.empty_like(order)
    ranks.scatter_(1, order, torch.arange(order.shape[1], device=order.device).expand_as(order))
    return ranks.view_as(maps)


def rank_correlation(first: Tensor, second: Tensor) -> np.ndarray:
    """Spearman's correlation of the pixels of N pairs of maps; NaN where a map is constant."""
    pairs = zip(first.flatten(1).cpu().numpy(), second.flatten(1).cpu().numpy(), strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)  # NaN says it
        return np.array([spearmanr(a, b).statistic for a, b in pairs])
