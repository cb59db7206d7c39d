"""What each part of DT Grad-CAM brings, and a measured quantity for each of the five claims of
Table XIII."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from paper_code.cam import dt_gradcam
from paper_code.cam.compute import compute_cam
from paper_code.cam.faithfulness import rank_correlation
from paper_code.cam.localization import localization_scores
from paper_code.cam.methods import scale, upsample

INPUT_NOISE = 0.05  # of the [-1, 1] image, for the stability of maps
STAGES = ("Grad-CAM", "+ noise averaging", "+ linear weights", "+ Otsu", "+ morphology")


def stage_maps(steps: dt_gradcam.DTGradCAMSteps, plain: Tensor) -> dict[str, Tensor]:
    """Each of `STAGES` -> N x H x W float32 maps in [0, 1], from the steps of DT Grad-CAM and the
    maps of Grad-CAM (`plain`) of the same images."""
    uniform = dt_gradcam.weighted_average(steps.copy_maps, torch.ones_like(steps.weights))
    maps = (
        plain,
        scale(upsample(uniform, plain.shape[-2:])),
        scale(steps.average),
        scale(steps.thresholded),
        steps.result,
    )
    return {stage: part.float() for stage, part in zip(STAGES, maps, strict=True)}


def stage_scores(maps: dict[str, Tensor], masks: Tensor | np.ndarray) -> pd.DataFrame:
    """`localization_scores` and `spread` of each image after each stage of `stage_maps`, one row
    each."""
    rows = []
    for stage, of_stage in maps.items():
        cut = stage in STAGES[3:]
        scores = localization_scores(of_stage, masks, "dt_gradcam" if cut else "gradcam")
        scores.insert(0, "stage", stage)
        scores.insert(1, "spread", spread(of_stage))
        rows.append(scores)
    return pd.concat(rows)


def spread(maps: Tensor) -> np.ndarray:
    """Entropy of each map read as a distribution over pixels, over that of a uniform one: 0 (one
    pixel) to 1 (flat). NaN for an all-zero map. N x H x W -> N."""
    share = maps.flatten(1).double()
    share = share / share.sum(1, keepdim=True)
    entropy = torch.special.entr(share).sum(1) / np.log(share.shape[1])
    return entropy.cpu().numpy()


def stability(
    network: nn.Module,
    images: Tensor,
    classes: Tensor,
    maps: Tensor,
    method: str,
    layer: str | nn.Module | None = None,
    input_noise: float = INPUT_NOISE,
    seed: int = 1,
    **options: object,
) -> np.ndarray:
    """Rank correlation (N) of `maps` with those after Gaussian noise of deviation `input_noise` on
    the [-1, 1] images. The noise seed differs from DT Grad-CAM's own default."""
    added = dt_gradcam.noise(len(images), tuple(images.shape[1:]), input_noise, seed)
    shaken = compute_cam(network, images + added.to(images), classes, method, layer, **options)
    return rank_correlation(maps, shaken)
