"""How well maps find lesions: scores of a region, scores without a threshold, reference regions.

Maps are N x H x W in [0, 1] (tensor or array), truth is N x H x W, true inside the lesion. All
functions return one value an image; averaging comes last, as Table XIV evidently did (its F1 equals
its Dice, which per image they always are).
"""

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
# Haematoxylin is blurred by this many pixels before Otsu: less than a nucleus, more than chromatin.
SMOOTHING = 2.0

Maps = Tensor | np.ndarray


def regions(
    maps: Maps, method: str, rule: str = "own", threshold: float = FIXED_THRESHOLD
) -> np.ndarray:
    """N x H x W bool: where each map says that the lesion is.

    own: what the method itself prescribes: DT Grad-CAM's non-zero part (Otsu has cut it),
    `threshold` for the others. otsu: Otsu's threshold of each map for every method; DT Grad-CAM has
    had it, and a second one would be another method. fixed: `threshold` for every method, for
    instance the one that `best_threshold` found on validation images.
    """
    if rule not in RULES:
        raise UserError(f"rule: {rule!r} is not one of {', '.join(RULES)}")
    maps = torch.as_tensor(maps)
    if method == "dt_gradcam" and rule != "fixed":
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
    hit = (predicted & truth).sum(axes)
    found, wanted = predicted.sum(axes), truth.sum(axes)
    dice = 2 * hit / (found + wanted)
    return pd.DataFrame(
        {
            "iou": hit / (found + wanted - hit),
            "dice": dice,
            "recall": hit / wanted,
            "precision": hit / np.maximum(found, 1),
            "f1": dice,
            "area": predicted.mean(axes),
        }
    )


def threshold_free_scores(maps: Maps, truth: Maps) -> pd.DataFrame:
    """pointing_game, energy_inside and auprc, one row per image.

    pointing_game: 1 if the map's highest pixel lies in the lesion. energy_inside: part of the map's
    sum that does. auprc: average precision of the pixels. An all-zero map scores 0, 0 and the
    lesion's share of the image.
    """
    maps = torch.as_tensor(maps).cpu().numpy()
    truth = _truth(truth, maps.shape)
    flat, inside = maps.reshape(len(maps), -1), truth.reshape(len(maps), -1)
    total = flat.sum(1)
    highest = inside[np.arange(len(flat)), flat.argmax(1)]
    return pd.DataFrame(
        {
            "pointing_game": (highest & (total > 0)).astype(float),
            "energy_inside": (flat * inside).sum(1) / np.where(total > 0, total, 1),
            "auprc": [
                average_precision_score(y, score) for y, score in zip(inside, flat, strict=True)
            ],
        }
    )


def localization_scores(
    maps: Maps, truth: Maps, method: str, rule: str = "own", threshold: float = FIXED_THRESHOLD
) -> pd.DataFrame:
    """`overlap_scores` under `rule` beside `threshold_free_scores`, one row per image."""
    overlap = overlap_scores(regions(maps, method, rule, threshold), truth)
    return pd.concat([overlap, threshold_free_scores(maps, truth)], axis=1)


def best_threshold(
    maps: Maps, truth: Maps, thresholds: np.ndarray | None = None, score: str = "iou"
) -> float:
    """The fixed threshold with the highest mean `score` on these (validation) images.

    Of equals the lowest. Default candidates: 0, 0.02, ..., 0.98.
    """
    thresholds = np.arange(0, 1, 0.02) if thresholds is None else np.asarray(thresholds)
    maps = torch.as_tensor(maps).cpu().numpy()
    means = [overlap_scores(maps > cut, truth)[score].mean() for cut in thresholds]
    return float(thresholds[int(np.argmax(means))])


def reference_region(image: np.ndarray, smoothing: float = SMOOTHING) -> np.ndarray:
    """Haematoxylin-dense region of an H x W x 3 uint8 RGB slide image: H x W bool.

    Our stand-in for the localisation truth that BreakHis lacks: colour deconvolution (Ruifrok and
    Johnston), Gaussian smoothing with sigma `smoothing` pixels, Otsu's threshold. It marks nuclei,
    benign and malignant alike, not tumour; docs/results/cam.md says how well. A blank image has
    no region.
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
