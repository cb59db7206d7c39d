"""Free parameters are chosen on validation images, and the controls tell the steps apart."""

import pandas as pd
import pytest
import torch
from torch import nn

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

SETTINGS = {"copies": 3, "sigma": 0.1, "kernel_size": 3, "seed": 0}
SHARED = {"precision": "fp32"}


class TwoSpots(nn.Module):
    """Its evidence for class 1 is brightness; the layer's grid is 8 x 8."""

    cam_layer = "body"

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 4, stride=4), nn.ReLU())
        self.head = nn.Linear(4, 2)
        with torch.no_grad():
            self.body[0].weight.fill_(1 / 48)
            self.body[0].bias.fill_(0.0)
            self.head.weight.copy_(torch.tensor([[-9.0], [9.0]]).expand(2, 4))
            self.head.bias.zero_()

    def forward(self, images):
        return self.head(self.body(images).mean((2, 3)))


@pytest.fixture
def part():
    generator = torch.Generator().manual_seed(0)
    masks = torch.zeros(6, 32, 32, dtype=torch.bool)
    for i in range(6):
        masks[i, 2 + 3 * i : 12 + 3 * i, 8:20] = True
    images = -0.5 + 0.05 * torch.randn(6, 3, 32, 32, generator=generator)
    images = torch.where(masks[:, None], images + 1.3, images)
    table = pd.DataFrame({"image": [f"{i}.png" for i in range(6)]})
    table = table.assign(group=table["image"], label="b", predicted="b")
    return Part(table, images, masks, torch.ones(6, dtype=torch.long))


@pytest.fixture
def explained(part):
    return explain_part(TwoSpots().eval(), part, SETTINGS, SHARED, 2, seed=0)


def test_every_contender_has_maps_and_each_control_is_what_it_says(part, explained):
    assert set(explained.maps) == set(CONTENDERS) == {*METHODS, *CONTROLS, *BASELINES}
    counts = {name: len(maps) for name, maps in explained.maps.items()}
    assert counts.pop("scorecam") == 2
    assert counts.pop("random_map") == DRAWS * 6
    assert set(counts.values()) == {6}
    network = TwoSpots().eval()
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
    network = TwoSpots().eval()
    grid = tune(network, part, explained, SETTINGS, SHARED)
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
