"""Drawn mammograms: outline, muscle, gland and lesions."""

import dataclasses

import cv2
import numpy as np
import pytest

from paper_code.phantoms.mammography import draw_lesion, draw_patient, render_mammogram


def view(seed, kind, side="LEFT", name="CC", height=256, **changes):
    patient = dataclasses.replace(draw_patient(np.random.default_rng(seed)), **changes)
    lesion = None
    if kind != "normal":
        lesion = draw_lesion(np.random.default_rng([seed, 1]), kind == "malignant")
    return render_mammogram(patient, side, name, height, np.random.default_rng([seed, 2]), lesion)


@pytest.mark.parametrize("name", ["CC", "MLO"])
@pytest.mark.parametrize("kind", ["benign", "malignant"])
def test_mass_is_one_bright_area_inside_the_breast_of_the_stated_size(kind, name):
    for seed in range(12):
        image, mask, breast = view(seed, kind, name=name)
        assert image.dtype == np.uint8 and mask.dtype == breast.dtype == bool
        assert image.shape == mask.shape == breast.shape and image.shape[0] == 256
        assert mask.any() and not (mask & ~breast).any()
        assert cv2.connectedComponents(mask.astype(np.uint8))[0] == 2
        tall = np.ptp(np.flatnonzero(breast.any(axis=1)))
        core = np.sqrt(mask.sum() * 4 / np.pi) / tall  # of the disc of equal area
        assert 0.04 < core < 0.26
        near = cv2.dilate(mask.astype(np.uint8), np.ones((15, 15))).astype(bool) & breast & ~mask
        assert image[mask].mean() > image[near].mean() + 8


def test_normal_has_no_lesion_and_right_breasts_lie_on_the_right():
    for side in ("LEFT", "RIGHT"):
        image, mask, breast = view(3, "normal", side=side)
        assert not mask.any()
        columns = np.flatnonzero(breast.any(axis=0))
        assert (columns[0] == 0) == (side == "LEFT")
        assert (columns[-1] == image.shape[1] - 1) == (side == "RIGHT")
        assert image[breast].mean() > 3 * image[~breast].mean()
