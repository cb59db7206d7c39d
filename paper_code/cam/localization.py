"""How well maps find lesions: scores of a region, scores without a threshold, reference regions.

Maps are N x H x W in [0, 1] (tensor or array), truth is N x H x W, true inside the lesion. All
functions return one value per image; averaging comes last, as Table XIV evidently did (its F1
equals its Dice, which per image they always are).

Pixels of equal value (the zeros of a map that Otsu has cut) have no order. Wherever a score needs
one, it is the expected score over random orders, so that the raster of the image decides nothing.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from skimage.color import rgb2hed
from skimage.filters import gaussian, threshold_otsu
from sklearn.metrics import average_precision_score
from torch import Tensor

from paper_code.cam.dt_gradcam import otsu_threshold
from paper_code.errors import UserError

RULES = ("own", "otsu", "fixed")
FIXED_THRESHOLD = 0.5
# Maps whose region is what is not zero: Otsu has cut them, or they mark everything.
CUT = ("dt_gradcam", "gradcam_otsu", "gradcam_otsu_clean", "whole_image")
# A fixed threshold is below every value of a map: the region is the whole image.
EVERYTHING = -1.0
THRESHOLDS = (EVERYTHING, *(round(0.02 * step, 2) for step in range(50)))
# Haematoxylin is blurred by this many pixels before Otsu: less than a nucleus, more than chromatin.
SMOOTHING = 2.0

Maps = Tensor | np.ndarray


def regions(
    maps: Maps, method: str, rule: str = "own", threshold: float = FIXED_THRESHOLD
) -> np.ndarray:
    """N x H x W bool: where each map says that the lesion is.

    own: what the method itself prescribes: the non-zero part of a map in `CUT` (Otsu has cut it),
    `threshold` for the others. otsu: Otsu's threshold of each map for every method; those in `CUT`
    have had it, and a second one would be another method. fixed: `threshold` for every method, for
    instance the one that `best_threshold` found on validation images; `EVERYTHING` marks all.
    """
    if rule not in RULES:
        raise UserError(f"rule: {rule!r} is not one of {', '.join(RULES)}")
    maps = torch.as_tensor(maps)
    if method in CUT and rule != "fixed":
        chosen = maps > 0
    elif rule == "otsu":
        chosen = maps > otsu_threshold(maps)[:, None, None]
    else:
        chosen = maps > threshold
    return chosen.cpu().numpy()


def overlap_scores(predicted: np.ndarray, truth: Maps) -> pd.DataFrame:
    """iou, dice, recall, precision, f1 and area (part of the image predicted), one row per image.

    An empty prediction scores 0. Raises UserError for another shape or an image without a lesion.
    """
    truth = _truth(truth, predicted.shape)
    axes = (1, 2)
    hit, pixels = (predicted & truth).sum(axes), predicted[0].size
    return _overlap(hit, predicted.sum(axes), truth.sum(axes), pixels)


def _overlap(hit: np.ndarray, found: np.ndarray, wanted: np.ndarray, pixels: int) -> pd.DataFrame:
    """The scores of regions of `found` pixels, `hit` of which are among the lesion's `wanted`."""
    dice = 2 * hit / (found + wanted)
    return pd.DataFrame(
        {
            "iou": hit / (found + wanted - hit),
            "dice": dice,
            "recall": hit / wanted,
            "precision": hit / np.maximum(found, 1),
            "f1": dice,
            "area": found / pixels,
        }
    )


def matched_area_scores(maps: Maps, truth: Maps, share: float | np.ndarray) -> pd.DataFrame:
    """`overlap_scores` of the highest `share` of each map's pixels, the same for every method.

    IoU and recall reward a larger region; here all regions of an image are equally large. `share`
    is one number, or one for each image. Where pixels of equal value compete for the last places,
    the hits are those expected of a random choice (exact for Dice, recall and precision; for IoU,
    convex in the hits, a bound from below).
    """
    maps = torch.as_tensor(maps).cpu().numpy()
    truth = _truth(truth, maps.shape)
    flat, inside = maps.reshape(len(maps), -1), truth.reshape(len(maps), -1)
    pixels = flat.shape[1]
    count = np.broadcast_to(np.rint(np.multiply(share, pixels)), len(flat)).astype(int)
    count = count.clip(1, pixels)
    lowest = pixels - count  # place of the lowest pixel above or at the cut, from below
    cut = np.array([[np.partition(row, k)[k]] for row, k in zip(flat, lowest, strict=True)])
    above, tied = flat > cut, flat == cut
    chosen = (count - above.sum(1)) / tied.sum(1)  # of the tied pixels
    hit = (above & inside).sum(1) + chosen * (tied & inside).sum(1)
    return _overlap(hit, count, inside.sum(1), pixels)


def threshold_free_scores(maps: Maps, truth: Maps) -> pd.DataFrame:
    """pointing_game, energy_inside and auprc, one row per image.

    pointing_game: whether the map's highest pixel lies in the lesion; of several equally high ones
    the part that does. energy_inside: part of the map's sum that does. auprc: average precision of
    the pixels. A constant map, also an all-zero one, scores the lesion's share in all three.
    """
    maps = torch.as_tensor(maps).cpu().numpy()
    truth = _truth(truth, maps.shape)
    flat, inside = maps.reshape(len(maps), -1), truth.reshape(len(maps), -1)
    highest = flat == flat.max(1, keepdims=True)
    total = flat.sum(1)
    energy = (flat * inside).sum(1) / np.where(total > 0, total, 1)
    return pd.DataFrame(
        {
            "pointing_game": (highest & inside).sum(1) / highest.sum(1),
            "energy_inside": np.where(total > 0, energy, inside.mean(1)),
            "auprc": [
                average_precision_score(y, score) for y, score in zip(inside, flat, strict=True)
            ],
        }
    )


def best_threshold(
    maps: Maps, truth: Maps, thresholds: Sequence[float] = THRESHOLDS
) -> tuple[float, float]:
    """The fixed threshold with the highest mean IoU on these (validation) images, and that IoU.

    Of equals the lowest. `thresholds` rise; the default ones are `EVERYTHING` (mark the whole
    image), 0, 0.02, ..., 0.98.
    """
    maps = torch.as_tensor(maps).cpu().numpy()
    truth = _truth(truth, maps.shape)
    steps = len(thresholds)
    # How many thresholds lie below each pixel's value; a region under threshold j is what has more
    # than j, so that one count of pixels serves all thresholds.
    below = np.searchsorted(thresholds, maps.reshape(len(maps), -1), side="left")
    below += (steps + 1) * np.arange(len(maps))[:, None]
    total = len(maps) * (steps + 1)
    found, hit = (
        np.bincount(places.ravel(), minlength=total).reshape(len(maps), -1)[:, ::-1].cumsum(1)
        for places in (below, below[truth.reshape(len(maps), -1)])
    )
    found, hit = found[:, -2::-1], hit[:, -2::-1]  # N x thresholds
    wanted = truth.sum((1, 2))[:, None]
    means = (hit / (found + wanted - hit)).mean(0)
    best = int(np.argmax(means))
    return float(thresholds[best]), float(means[best])


def reference_region(image: np.ndarray, smoothing: float = SMOOTHING) -> np.ndarray:
    """Haematoxylin-dense region of an H x W x 3 uint8 RGB slide image: H x W bool.

    Our stand-in for the localisation truth that BreakHis lacks: colour deconvolution (Ruifrok and
    Johnston), Gaussian smoothing with sigma `smoothing` pixels, Otsu's threshold. It marks nuclei,
    benign and malignant alike, not tumour. A blank image has no region.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise UserError("image: give H x W x 3 uint8 RGB")
    stain = gaussian(rgb2hed(image)[..., 0], smoothing)
    if stain.max() - stain.min() < 1e-6:
        return np.zeros(stain.shape, dtype=bool)
    return stain > threshold_otsu(stain)


def _truth(truth: Maps, shape: tuple[int, ...]) -> np.ndarray:
    truth = torch.as_tensor(truth).cpu().numpy() > 0
    if truth.shape != shape or truth.ndim != 3:
        raise UserError(f"truth: {truth.shape} for maps of {shape}; both must be N x H x W")
    if not truth.any((1, 2)).all():
        empty = int(np.flatnonzero(~truth.any((1, 2)))[0])
        raise UserError(f"truth: image {empty} has no lesion; leave such images out")
    return truth
