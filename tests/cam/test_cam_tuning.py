"""Free parameters are chosen on validation images, and the controls tell the steps apart."""

import pandas as pd
import pytest
import torch
from test_cam_localization import BrightSpot, bright_spots

from paper_code.cam import METHODS, compute_cam, dt_gradcam
from paper_code.cam.contenders import (
    BASELINES,
    CONTENDERS,
    CONTROLS,
    DRAWS,
    Part,
    explain_part,
)
from paper_code.cam.localization import EVERYTHING, overlap_scores
from paper_code.cam.tuning import KERNELS, SMOOTHING, chosen, tune

SETTINGS = {"copies": 3, "sigma": 0.1, "kernel_size": 3, "seed": 0, "precision": "fp32"}


@pytest.fixture
def part():
    images, masks = bright_spots(6)
    table = pd.DataFrame({"image": [f"{i}.png" for i in range(6)]})
    table = table.assign(group=table["image"], label="b", predicted="b")
    return Part(table, images, masks, torch.ones(6, dtype=torch.long))


@pytest.fixture
def explained(part):
    return explain_part(BrightSpot().eval(), part, SETTINGS, 2, seed=0)


def test_every_contender_has_maps_and_each_control_is_what_it_says(part, explained):
    assert set(explained.maps) == set(CONTENDERS) == {*METHODS, *CONTROLS, *BASELINES}
    counts = {name: len(maps) for name, maps in explained.maps.items()}
    assert counts.pop("scorecam") == 2
    assert counts.pop("random_map") == DRAWS * 6
    assert set(counts.values()) == {6}
    network = BrightSpot().eval()
    plain = compute_cam(network, part.inputs, part.classes, "gradcam")
    assert torch.equal(explained.maps["gradcam"], plain)
    ours = compute_cam(network, part.inputs, part.classes, "dt_gradcam", **SETTINGS)
    torch.testing.assert_close(explained.maps["dt_gradcam"], ours)
    # With no noise and one copy DT Grad-CAM is the control that has only the cut.
    still = compute_cam(
        network, part.inputs, part.classes, "dt_gradcam", copies=1, sigma=0.0, kernel_size=3
    )
    torch.testing.assert_close(explained.maps["gradcam_otsu_clean"], still)
    cut = explained.maps["gradcam_otsu"]
    threshold = dt_gradcam.otsu_threshold(plain)[:, None, None]
    assert torch.equal(cut > 0, plain > threshold)


def test_the_grid_holds_the_scores_of_its_own_maps(part, explained):
    network = BrightSpot().eval()
    grid = tune(network, part, explained, SETTINGS)
    rows = grid[(grid["method"] == "dt_gradcam") & (grid["sigma"] == 0.2)]
    assert set(rows["copies"]) == {3, 5, 10, 20} and set(rows["kernel_size"]) == {3, *KERNELS}
    for row in rows.itertuples():
        options = {"copies": int(row.copies), "sigma": 0.2, "kernel_size": int(row.kernel_size)}
        maps = compute_cam(network, part.inputs, part.classes, "dt_gradcam", **options, seed=0)
        expected = overlap_scores((maps > 0).numpy(), part.masks)["iou"].mean()
        assert row.iou == pytest.approx(expected, abs=1e-6)
    assert set(grid.loc[grid["method"] == "gradcam", "smoothing"]) == set(SMOOTHING)
    best = chosen(grid)
    assert set(best.index) == set(CONTENDERS)
    assert (best["iou"] == grid.groupby("method")["iou"].max()[best.index]).all()
    assert best.loc["whole_image", "threshold"] == EVERYTHING
