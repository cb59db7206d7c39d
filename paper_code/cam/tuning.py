"""The free parameters of every method, chosen on validation images.

The paper gives neither N, sigma nor the kernel of DT Grad-CAM, and the overlap moves a great deal
with them. So each method is given the values that suit it best: those with the highest mean IoU on
validation images, from a grid of its own. Nothing is chosen on test images.
"""

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from paper_code.cam.compute import Options, dt_gradcam_steps
from paper_code.cam.contenders import Explained, Part
from paper_code.cam.dt_gradcam import DTGradCAMSteps, linear_weights, otsu_cut, steps_from_copies
from paper_code.cam.localization import EVERYTHING, best_threshold, overlap_scores
from paper_code.cam.methods import scale

COPIES = (5, 10, 20)
SIGMAS = (0.0, 0.05, 0.1, 0.2, 0.4)  # in units of the [-1, 1] image
KERNELS = (1, 5, 15)  # px
SMOOTHING = (0.0, 1 / 32, 1 / 16, 1 / 8)  # deviation of a Gaussian, of the image's shorter side
COLUMNS = ("method", "copies", "sigma", "kernel_size", "smoothing", "threshold", "iou")


def tune(network: nn.Module, val: Part, explained: Explained, settings: Options) -> pd.DataFrame:
    """Mean IoU on validation images at every point of every method's grid: columns `COLUMNS`.

    DT Grad-CAM: N, sigma and kernel; its cut is Otsu's. dt_average: N, sigma and a fixed threshold.
    Grad-CAM with Otsu's cut: smoothing, and the kernel of the morphology if it has one. All others:
    smoothing and a fixed threshold. Of the fixed thresholds the best one stands in the row, and
    `EVERYTHING` where none is better than marking the whole image. A parameter that a method lacks
    is NaN. The grid holds the configured values (`settings`) besides those above.
    """
    rows = _dt_rows(network, val, settings)
    kernels = _with(KERNELS, settings["kernel_size"])
    for method, maps in explained.maps.items():
        masks = val.masks_of(maps)
        if method == "whole_image":
            rows.append({"method": method, "threshold": EVERYTHING, "iou": _iou(maps, masks)})
        elif method in ("gradcam_otsu", "gradcam_otsu_clean"):
            for smoothing in SMOOTHING:
                smooth = smoothed(explained.maps["gradcam"], smoothing)
                for kernel in kernels if method == "gradcam_otsu_clean" else (1,):
                    row = {"method": method, "smoothing": smoothing}
                    row |= {"kernel_size": kernel} if method == "gradcam_otsu_clean" else {}
                    rows.append(row | {"iou": _iou(otsu_cut(smooth, kernel), masks)})
        elif method not in ("dt_gradcam", "dt_average"):
            for smoothing in SMOOTHING:
                threshold, iou = best_threshold(smoothed(maps, smoothing), masks)
                row = {"method": method, "smoothing": smoothing}
                rows.append(row | {"threshold": threshold, "iou": iou})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def chosen(grid: pd.DataFrame) -> pd.DataFrame:
    """The best row of each method in the table of `tune`; of equals the first. Index: method."""
    best = grid.loc[grid.groupby("method", sort=False)["iou"].idxmax()]
    return best.set_index("method")


def tuned_regions(
    network: nn.Module,
    part: Part,
    explained: Explained,
    choices: pd.DataFrame,
    settings: Options,
) -> dict[str, np.ndarray]:
    """The regions (bool, as many as maps) of every method with its chosen parameters."""
    known = {(settings["copies"], settings["sigma"]): explained.steps.copy_maps}
    found = {}
    for method, choice in choices.iterrows():
        maps = explained.maps[method]
        if method in ("dt_gradcam", "dt_average"):
            key = int(choice["copies"]), float(choice["sigma"])
            if key not in known:
                known[key] = _copies(network, part, *key, settings)
            kernel = int(choice["kernel_size"]) if method == "dt_gradcam" else 1
            steps = _steps(known[key], part, kernel)
            maps = steps.result if method == "dt_gradcam" else scale(steps.average)
        elif method in ("gradcam_otsu", "gradcam_otsu_clean"):
            kernel = 1 if np.isnan(choice["kernel_size"]) else int(choice["kernel_size"])
            maps = otsu_cut(smoothed(explained.maps["gradcam"], choice["smoothing"]), kernel)
        elif method != "whole_image":
            maps = smoothed(maps, choice["smoothing"])
        threshold = 0.0 if np.isnan(choice["threshold"]) else choice["threshold"]
        found[method] = (maps > threshold).cpu().numpy()
    return found


def smoothed(maps: Tensor, smoothing: float) -> Tensor:
    """N x H x W maps under a Gaussian whose deviation is `smoothing` of the shorter side, scaled to
    [0, 1] again; the maps themselves for 0."""
    if smoothing == 0:
        return maps
    deviation = smoothing * min(maps.shape[1:])
    values = gaussian_filter(maps.cpu().numpy(), deviation, axes=(1, 2), mode="nearest", truncate=3)
    return scale(torch.from_numpy(values).to(maps.device))


def _dt_rows(network: nn.Module, val: Part, settings: Options) -> list[dict]:
    """DT Grad-CAM and its average on the grid. The first copies do not depend on how many follow,
    so one set of copies serves every N, and without noise one copy is all."""
    copies = _with(COPIES, settings["copies"])
    rows = []
    for sigma in _with(SIGMAS, settings["sigma"]):
        counts = copies if sigma > 0 else (1,)
        maps = _copies(network, val, max(counts), sigma, settings)
        for count in counts:
            point = {"copies": count, "sigma": sigma}
            for kernel in _with(KERNELS, settings["kernel_size"]):
                steps = _steps(maps[:, :count], val, kernel)
                row = {"method": "dt_gradcam", **point, "kernel_size": kernel}
                rows.append(row | {"iou": _iou(steps.result, val.masks)})
            threshold, iou = best_threshold(scale(steps.average), val.masks)
            rows.append({"method": "dt_average", **point, "threshold": threshold, "iou": iou})
    return rows


def _copies(network: nn.Module, part: Part, copies: int, sigma: float, settings: Options) -> Tensor:
    """B x N x h x w maps of the noisy copies."""
    options = settings | {"copies": copies, "sigma": sigma}
    return dt_gradcam_steps(network, part.inputs, part.classes, **options).copy_maps


def _steps(copies: Tensor, part: Part, kernel_size: int) -> DTGradCAMSteps:
    size = tuple(part.inputs.shape[-2:])
    weights = linear_weights(copies.shape[1])
    return steps_from_copies(copies, weights, part.classes, size, kernel_size)


def _iou(maps: Tensor, masks: Tensor) -> float:
    return float(overlap_scores((maps > 0).cpu().numpy(), masks)["iou"].mean())


def _with(values: tuple, configured: object) -> tuple:
    return tuple(sorted({*values, configured}))
