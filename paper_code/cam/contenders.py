"""Every map that is scored on a part of a run's images: the methods, the controls that tell DT
Grad-CAM's steps apart, and the baselines that know nothing."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

from paper_code.cam import baselines
from paper_code.cam.baselines import BASELINES, DRAWS
from paper_code.cam.compute import METHODS, compute_cam, dt_gradcam_steps
from paper_code.cam.dt_gradcam import DTGradCAMSteps, otsu_cut
from paper_code.cam.methods import scale
from paper_code.device import clock

# dt_average: Eq. 8, DT Grad-CAM before its cut. gradcam_otsu: Grad-CAM with DT Grad-CAM's cut but
# without its noise; gradcam_otsu_clean: with its morphology too.
CONTROLS = ("dt_average", "gradcam_otsu", "gradcam_otsu_clean")
CONTENDERS = (*METHODS, *CONTROLS, *BASELINES)


@dataclass(frozen=True)
class Part:
    """Images of one part of the split that show a lesion, ready for the network."""

    table: pd.DataFrame  # image, label, group, predicted; numbered from 0
    inputs: Tensor  # N x 3 x H x W on the device
    masks: Tensor  # bool N x H x W, on the CPU
    classes: Tensor  # predicted class indices, N on the device

    def first(self, count: int | None) -> "Part":
        """The first `count` images; all for None."""
        rows = slice(count)
        return Part(self.table[rows], self.inputs[rows], self.masks[rows], self.classes[rows])


@dataclass(frozen=True)
class Explained:
    """The maps of one part, N x H x W each; Score-CAM has those of its first images, and the random
    map has `DRAWS` times N, one draw of all images after the other."""

    maps: dict[str, Tensor]
    seconds: dict[str, float]  # per image, of each method
    steps: DTGradCAMSteps

    def cpu(self) -> "Explained":
        """The same on the CPU."""
        maps = {name: maps.cpu() for name, maps in self.maps.items()}
        return Explained(maps, self.seconds, DTGradCAMSteps(*(value.cpu() for value in self.steps)))


def first_images(maps: Tensor, images: int, count: int | None) -> Tensor:
    """The maps of the first `count` of `images` images, of each draw of a map."""
    return torch.cat([draw[:count] for draw in maps.split(images)])


def explain_part(
    network: nn.Module,
    part: Part,
    settings: dict[str, object],
    shared: dict[str, object],
    scorecam_images: int,
    seed: int,
    report: Callable[[str, int, float], None] = lambda *_: None,
) -> Explained:
    """Maps of all `CONTENDERS` on a part, each method timed.

    settings: copies, sigma, kernel_size and seed of DT Grad-CAM. shared: options of every method.
    `report` is called with each method, its number of images and its seconds per image.
    """
    device, maps, seconds = part.inputs.device, {}, {}
    for method in METHODS:
        limited = part.first(scorecam_images if method == "scorecam" else None)
        start = clock(device)
        if method == "dt_gradcam":
            steps = dt_gradcam_steps(network, part.inputs, part.classes, **shared, **settings)
            maps[method] = steps.result.float()
        else:
            maps[method] = compute_cam(network, limited.inputs, limited.classes, method, **shared)
        seconds[method] = (clock(device) - start) / len(maps[method])
        report(method, len(maps[method]), seconds[method])
    plain = maps["gradcam"]
    maps["dt_average"] = scale(steps.average).float()
    maps["gradcam_otsu"] = otsu_cut(plain)
    maps["gradcam_otsu_clean"] = otsu_cut(plain, settings["kernel_size"])
    count, size = len(plain), tuple(plain.shape[1:])
    grid = tuple(steps.copy_maps.shape[-2:])
    maps["whole_image"] = baselines.whole_image(count, size).to(device)
    maps["centre_prior"] = baselines.centre_prior(count, size).to(device)
    maps["random_map"] = baselines.random_maps(DRAWS * count, grid, size, seed).to(device)
    return Explained(maps, seconds, steps)


def tie_breakers(explained: Explained, draws: int, seed: int) -> list[Tensor]:
    """`draws` random orders, N x H x W each, as smooth as the maps."""
    plain, grid = explained.maps["gradcam"], tuple(explained.steps.copy_maps.shape[-2:])
    size = tuple(plain.shape[1:])
    maps = baselines.random_maps(draws * len(plain), grid, size, seed).to(plain.device)
    return list(maps.split(len(plain)))
