"""Localisation scores by hand, reference regions on real nuclei, faithfulness."""

import numpy as np
import pandas as pd
import pytest
import torch
from skimage.color import hed2rgb
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from paper_code.cam.contenders import centre_prior, random_maps
from paper_code.cam.faithfulness import deletion_insertion
from paper_code.cam.localization import (
    THRESHOLDS,
    best_threshold,
    matched_area_scores,
    overlap_scores,
    reference_region,
    regions,
    threshold_free_scores,
)
from paper_code.errors import UserError


@pytest.fixture
def maps():
    return torch.rand(4, 12, 10, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def truth():
    generator = np.random.default_rng(0)
    return generator.random((4, 12, 10)) < 0.3


def test_overlap_scores_are_those_of_scikit_learn(maps, truth):
    predicted = (maps > 0.6).numpy()
    scores = overlap_scores(predicted, truth)
    for i in range(4):
        pair = truth[i].ravel(), predicted[i].ravel()
        assert scores.iou[i] == pytest.approx(jaccard_score(*pair))
        assert scores.dice[i] == scores.f1[i] == pytest.approx(f1_score(*pair))
        assert scores.recall[i] == pytest.approx(recall_score(*pair))
        assert scores.precision[i] == pytest.approx(precision_score(*pair))
        assert scores.area[i] == predicted[i].mean()


def test_an_empty_prediction_scores_zero_and_an_empty_truth_is_an_error(truth):
    nothing = np.zeros_like(truth)
    assert (overlap_scores(nothing, truth) == 0).all(axis=None)
    truth[2] = False
    with pytest.raises(UserError, match="image 2 has no lesion"):
        overlap_scores(nothing, truth)
    with pytest.raises(UserError, match="both must be N x H x W"):
        overlap_scores(nothing, truth[:, :5])


def test_regions_follow_their_rule(maps):
    assert np.array_equal(regions(maps, "gradcam"), maps.numpy() > 0.5)
    cut = torch.where(maps > 0.3, maps, 0)
    for rule in ("own", "otsu"):
        assert np.array_equal(regions(cut, "dt_gradcam", rule), maps.numpy() > 0.3)
    assert np.array_equal(regions(cut, "dt_gradcam", "fixed", 0.7), maps.numpy() > 0.7)
    two = torch.full((1, 8, 8), 0.1)
    two[0, :2] = 0.3
    assert np.array_equal(regions(two, "eigencam", "otsu"), two.numpy() > 0.2)
    with pytest.raises(UserError, match="rule: 'mine'"):
        regions(maps, "gradcam", "mine")


def test_threshold_free_scores_by_hand():
    maps = np.zeros((4, 2, 2))
    maps[0] = [[0.5, 0.25], [0.25, 0]]
    maps[1] = [[0.1, 0.8], [0.1, 0]]
    maps[3] = [[0.5, 0.5], [0, 0]]  # two highest pixels, one of them in the lesion
    truth = np.zeros((4, 2, 2), dtype=bool)
    truth[:, 0, 0] = True
    scores = threshold_free_scores(maps, truth)
    assert scores.pointing_game.tolist() == pytest.approx([1, 0, 1 / 4, 1 / 2])
    assert scores.energy_inside.tolist() == pytest.approx([0.5, 0.1, 1 / 4, 1 / 2])
    assert scores.auprc.tolist() == pytest.approx([1, 1 / 3, 1 / 4, 1 / 2])


def test_matched_area_is_the_top_of_each_map_and_the_mean_over_random_ties(maps, truth):
    flat = maps.flatten(1)
    top = torch.zeros_like(flat, dtype=torch.bool).scatter(1, flat.topk(30, dim=1).indices, True)
    expected = overlap_scores(top.view_as(maps).numpy(), truth)
    found = matched_area_scores(maps, truth, 30 / 120)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)

    # Another share for each image: the same scores as one by one.
    shares = np.array([0.1, 0.25, 0.5, 0.75])[: len(maps)]
    one_by_one = [
        matched_area_scores(maps[[i]], truth[[i]], share) for i, share in enumerate(shares)
    ]
    found = matched_area_scores(maps, truth, shares)
    pd.testing.assert_frame_equal(found, pd.concat(one_by_one, ignore_index=True))

    cut = torch.where(maps > 0.9, maps, 0)  # fewer than 30 pixels are left: zeros fill the places
    assert ((cut > 0).sum((1, 2)) < 30).all()
    found = matched_area_scores(cut, truth, 30 / 120)
    generator = np.random.default_rng(0)
    drawn = []
    for _ in range(2000):
        order = cut.numpy() + 1e-6 * generator.random(cut.shape)
        drawn.append(matched_area_scores(order, truth, 30 / 120))
    means = sum(drawn) / len(drawn)
    for name in ("dice", "recall", "precision", "area"):
        np.testing.assert_allclose(found[name], means[name], atol=0.005)
    assert (found["iou"] <= means["iou"] + 0.002).all(), "a bound from below"
    np.testing.assert_allclose(found["iou"], means["iou"], atol=0.01)


def test_best_threshold_is_the_best_of_all_thresholds_tried_one_by_one(maps, truth):
    maps = (maps * 50).round() / 50  # values on the thresholds
    means = [
        overlap_scores(regions(maps, "gradcam", "fixed", cut), truth)["iou"].mean()
        for cut in THRESHOLDS
    ]
    threshold, iou = best_threshold(maps, truth)
    assert threshold == THRESHOLDS[int(np.argmax(means))]
    assert iou == pytest.approx(max(means))


def test_baselines_know_nothing_of_the_image():
    prior = centre_prior(2, (32, 48))
    assert prior.shape == (2, 32, 48)
    assert torch.allclose(prior, prior.flip(1)) and torch.allclose(prior, prior.flip(2))
    rows, columns = torch.nonzero(prior[0] > np.exp(-0.5), as_tuple=True)
    # One deviation, a quarter of the side, either way of the centre.
    assert rows.max() - rows.min() + 1 == pytest.approx(16, abs=2)
    assert columns.max() - columns.min() + 1 == pytest.approx(24, abs=2)
    maps = random_maps(500, (2, 2), (32, 32), seed=1)
    assert torch.equal(maps, random_maps(500, (2, 2), (32, 32), seed=1))
    assert not torch.equal(maps, random_maps(500, (2, 2), (32, 32), seed=2))
    assert maps.amin() == 0 and maps.amax() == 1
    np.testing.assert_allclose(maps.mean((1, 2)).mean(), 0.5, atol=0.02)


def test_reference_region_marks_haematoxylin():
    stains = np.zeros((64, 64, 3))
    stains[..., 1] = 0.05  # eosin
    stains[20:40, 24:44, 0] = 0.2
    image = (hed2rgb(stains) * 255).round().astype(np.uint8)
    nucleus = stains[..., 0] > 0
    assert overlap_scores(reference_region(image)[None], nucleus[None]).iou[0] > 0.85
    assert not reference_region(np.full((32, 32, 3), 255, dtype=np.uint8)).any()
    with pytest.raises(UserError, match="uint8 RGB"):
        reference_region(image / 255)


# ---- faithfulness, on a network whose evidence is known


class BrightSpot(torch.nn.Module):
    """Class 1 is the brightness of one channel after a positive blur: its evidence is the spot."""

    cam_layer = "body"

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)
        )
        self.head = torch.nn.Linear(4, 2)
        with torch.no_grad():
            self.body[0].weight.fill_(1 / 27)
            self.body[0].bias.fill_(0.0)
            self.head.weight.copy_(torch.tensor([[-20.0], [20.0]]).expand(2, 4))
            self.head.bias.copy_(torch.tensor([2.0, -2.0]))

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


def bright_spots(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (count x 3 x 32 x 32), each with a spot in another row, and its mask."""
    generator = torch.Generator().manual_seed(0)
    images = 0.05 * torch.randn(count, 3, 32, 32, generator=generator) - 0.5
    masks = torch.zeros(count, 32, 32, dtype=torch.bool)
    for i in range(count):
        masks[i, 2 + 3 * i : 12 + 3 * i, 8:18] = True
    return torch.where(masks[:, None], images + 1.3, images), masks


@pytest.fixture
def spot():
    return BrightSpot(), *bright_spots(3)


def test_true_maps_beat_inverted_ones_at_deletion_and_insertion(spot):
    network, images, masks = spot
    options = {"steps": 8, "ties": torch.rand(masks.shape)}
    true, wrong = (
        deletion_insertion(network, images, [1, 1, 1], maps, **options)
        for maps in (masks.float(), 1 - masks.float())
    )
    assert (true.areas().deletion < wrong.areas().deletion).all()
    assert (true.areas().insertion > wrong.areas().insertion).all()
    with torch.no_grad():
        clean = network(images).softmax(1)[:, 1]
    assert true.deletion.shape == (3, 9)
    assert torch.allclose(true.deletion[:, 0], clean)
    assert torch.allclose(true.insertion[:, -1], clean)
    assert torch.allclose(true.deletion[:, -1], wrong.deletion[:, -1])


def test_ties_go_in_the_order_of_the_tie_breaker(spot):
    """A map that is zero everywhere is the tie breaker; one without equal pixels ignores it."""
    network, images, _ = spot
    call = [network, images, [1, 1, 1]]
    smooth = random_maps(3, (5, 5), (32, 32), seed=0) + 1e-4 * torch.rand(3, 32, 32)
    flat = deletion_insertion(*call, torch.zeros(3, 32, 32), steps=6, ties=smooth)
    assert torch.allclose(
        flat.deletion, deletion_insertion(*call, smooth, steps=6, ties=-smooth).deletion
    )
    # The zeros of a cut map: the order above the cut is the map's, below it the tie breaker's.
    cut = torch.where(smooth > 0.6, smooth, 0)
    found = deletion_insertion(*call, cut, steps=6, ties=smooth)
    assert torch.allclose(found.deletion, flat.deletion)
    other = deletion_insertion(*call, cut, steps=6, ties=-smooth)
    assert not torch.allclose(other.deletion, flat.deletion)
