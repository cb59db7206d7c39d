"""The scores of a method's maps on the test images: one row per image, whatever the method."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from paper_code.cam.contenders import Part, first_images
from paper_code.cam.faithfulness import deletion_insertion, rank_correlation
from paper_code.cam.localization import (
    CUT,
    matched_area_scores,
    overlap_scores,
    regions,
    threshold_free_scores,
)

CURVE_STEPS = 10
TIE_DRAWS = 2  # random orders for pixels of equal value, over which the curves are averaged
ABOUT = ["image", "group", "label", "predicted"]


def region_rows(
    method: str, maps: Tensor, part: Part, threshold: float, share: float, tuned: np.ndarray
) -> pd.DataFrame:
    """Overlap scores under every rule, one row per image and rule.

    Rules: own; otsu; best, the fixed `threshold` found on validation images; area, the highest
    `share` of each map; lesion, as many of its highest pixels as the lesion has; tuned, the regions
    of `tuned_regions`. The column `lesion` is the lesion's part of the image. Of several draws of
    a map (see `Explained`) the mean of the scores.
    """
    masks = part.masks_of(maps)
    scores = {
        "own": overlap_scores(regions(maps, method, "own"), masks),
        "otsu": overlap_scores(regions(maps, method, "otsu"), masks),
        "best": overlap_scores(regions(maps, method, "fixed", threshold), masks),
        "area": matched_area_scores(maps, masks, share),
        "lesion": matched_area_scores(maps, masks, masks.float().mean((1, 2)).numpy()),
        "tuned": overlap_scores(tuned, masks),
    }
    tables = [_per_image(table, part).assign(rule=rule) for rule, table in scores.items()]
    return _named(method, part, pd.concat(tables), len(tables))


def map_rows(
    method: str, maps: Tensor, shaken: Tensor, part: Part, areas: pd.DataFrame
) -> pd.DataFrame:
    """Scores without a threshold, one row per image: `threshold_free_scores`, `spread`, `stability`
    (rank correlation with `shaken`, the maps of slightly noisy images), and the `curve_areas` of
    the first images."""
    table = threshold_free_scores(maps, part.masks_of(maps))
    table["spread"] = spread(maps)
    table["stability"] = rank_correlation(maps, shaken)
    return _named(method, part, pd.concat([_per_image(table, part), areas], axis=1), 1)


def curve_areas(
    network: nn.Module,
    method: str,
    maps: Tensor,
    part: Part,
    ties: list[Tensor],
    curves: int | None,
    precision: str,
    fast: tuple[nn.Module, int],
) -> pd.DataFrame:
    """Areas under the deletion and insertion curves of the first `curves` images.

    Means over orders of the pixels: a map with few equal ones has one order, and ties of a cut one
    are broken by each of `ties` in turn. The whole image has no order of its own: with random ones
    it is the random map, whose draws these are, so its areas stay empty.
    """
    explained = part.first(len(maps))  # Score-CAM explains fewer
    maps = first_images(maps, len(explained.table), curves)
    part = explained.first(curves)
    count = len(part.table)
    if method == "whole_image":
        return pd.DataFrame({"deletion": np.nan, "insertion": np.nan}, index=range(count))
    draws = maps.split(count)[: len(ties)]
    several = len(draws) > 1 or method in CUT
    areas = []
    for number, tie in enumerate(ties if several else ties[:1]):
        found = deletion_insertion(
            network,
            part.inputs,
            part.classes,
            draws[number % len(draws)],
            steps=CURVE_STEPS,
            ties=tie[:count],
            precision=precision,
            fast=fast,
        )
        areas.append(found.areas())
    return sum(areas) / len(areas)


def spread(maps: Tensor) -> np.ndarray:
    """Entropy of each map read as a distribution over pixels, over that of a uniform one: 0 (one
    pixel) to 1 (flat). NaN for an all-zero map. N x H x W -> N."""
    share = maps.flatten(1).double()
    share = share / share.sum(1, keepdim=True)
    entropy = torch.special.entr(share).sum(1) / np.log(share.shape[1])
    return entropy.cpu().numpy()


def _per_image(table: pd.DataFrame, part: Part) -> pd.DataFrame:
    """The mean over draws of each image."""
    count = len(part.table)
    return table.groupby(np.arange(len(table)) % count).mean()


def _named(method: str, part: Part, scores: pd.DataFrame, times: int) -> pd.DataFrame:
    """Scores beside image, patient, classes, method and the lesion's part of the image."""
    names = part.table[ABOUT].assign(method=method, lesion=part.masks.float().mean((1, 2)).numpy())
    names = pd.concat([names] * times, ignore_index=True)
    return pd.concat([names, scores.reset_index(drop=True)], axis=1)
