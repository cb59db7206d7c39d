"""The steps of DT Grad-CAM, and constant maps."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_code.cam import compute_cam, dt_gradcam, methods
from paper_code.errors import UserError


def blobs(seed, count=6, height=40, width=56):
    generator = torch.Generator().manual_seed(seed)
    small = torch.rand(count, 5, 7, generator=generator, dtype=torch.float64) ** 3
    return methods.upsample(small, (height, width))


def test_noise_has_the_asked_deviation_and_seed():
    image = torch.rand(3, 64, 64)
    copies = dt_gradcam.noisy_copies(image, copies=20, sigma=0.25, seed=3)
    assert copies.shape == (20, 3, 64, 64)
    assert copies.dtype == image.dtype
    assert (copies - image).std().item() == pytest.approx(0.25, rel=0.01)
    assert (copies - image).mean().item() == pytest.approx(0, abs=0.005)
    assert torch.equal(copies, dt_gradcam.noisy_copies(image, 20, 0.25, 3))
    # the first copies do not depend on how many follow
    assert torch.equal(copies[:5], dt_gradcam.noisy_copies(image, 5, 0.25, 3))
    assert not torch.equal(copies, dt_gradcam.noisy_copies(image, 20, 0.25, 4))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from([0.0, 0.1, 0.5, 2.0, 7.0]), min_size=4, max_size=30))
def test_otsu_separates_any_values_that_differ(values):
    maps = torch.tensor(values, dtype=torch.float64).view(1, 1, -1)
    kept = maps > dt_gradcam.otsu_threshold(maps)[:, None, None]
    if len(set(values)) == 1:
        assert not kept.any()
    else:
        assert kept.any()
        assert not kept.all()
        assert maps[kept].min() > maps[~kept].max()


@pytest.mark.parametrize("size", [1, 3, 15])
def test_morphology_is_that_of_opencv(size):
    maps = dt_gradcam.zero_below(blobs(2), dt_gradcam.otsu_threshold(blobs(2)))
    maps[:, ::7, ::5] += 0.3  # specks
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    for ours, given_map in zip(dt_gradcam.clean(maps, size), maps.numpy(), strict=True):
        theirs = cv2.morphologyEx(given_map, cv2.MORPH_OPEN, kernel)
        theirs = cv2.morphologyEx(theirs, cv2.MORPH_CLOSE, kernel)
        assert np.array_equal(ours.numpy(), theirs)
    with pytest.raises(UserError, match="kernel_size"):
        dt_gradcam.clean(maps, 0)


def test_a_network_that_ignores_the_image_gives_zero_maps():
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.Flatten(), torch.nn.Linear(4 * 49, 2)
    )
    torch.nn.init.zeros_(network[0].weight)
    images = torch.rand(2, 3, 16, 16)
    for method in ("gradcam", "scorecam", "eigencam", "dt_gradcam", "gradcam_plusplus"):
        assert torch.equal(
            compute_cam(network, images, [0, 1], method, "0"), torch.zeros(2, 16, 16)
        )
