"""Every map that is scored on a part of a run's images: the methods, the controls that tell DT
Grad-CAM's steps apart, and the baselines that know nothing."""

from dataclasses import dataclass

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from paper_code.cam.compute import METHODS, Options, compute_cam, dt_gradcam_steps
from paper_code.cam.dt_gradcam import DTGradCAMSteps, otsu_cut
from paper_code.cam.methods import finish, scale
from paper_code.device import clock
from paper_code.progress import count_text, say

# dt_average: Eq. 8, DT Grad-CAM before its cut. gradcam_otsu: Grad-CAM with DT Grad-CAM's cut but
# without its noise; gradcam_otsu_clean: with its morphology too.
CONTROLS = ("dt_average", "gradcam_otsu", "gradcam_otsu_clean")
# What every score is read beside; they go through the same rules and scores.
BASELINES = ("whole_image", "centre_prior", "random_map")
CONTENDERS = (*METHODS, *CONTROLS, *BASELINES)
# Of grey images too: how bright they are, as coarse as the maps (dense tissue is bright), and what
# the lesion itself keeps of its shape on the grid of the layer.
GREY = ("brightness", "lesion_on_grid")
# Fixed before any score was seen: a quarter of the image, so that half the maximum lies at 0.29 of
# the side from the centre. Lesions had no part in the choice.
CENTRE_SIGMA = 0.25
DRAWS = 5  # of the random map; scores are averaged over them


@dataclass(frozen=True)
class Part:
    """Images of one part of the split that show a lesion, ready for the network."""

    table: pd.DataFrame  # image, label, group, predicted; numbered from 0
    inputs: Tensor  # N x 3 x H x W on the device
    masks: Tensor  # bool N x H x W, on the CPU
    classes: Tensor  # predicted class indices, N on the device
    grey: bool = False  # the images, whose three channels are then the same

    def first(self, count: int | None) -> "Part":
        """The first `count` images; all for None."""
        rows = slice(count)
        kept = (self.table, self.inputs, self.masks, self.classes)
        return Part(*(values[rows] for values in kept), self.grey)

    def masks_of(self, maps: Tensor) -> Tensor:
        """The mask of each map: of the first images, or of all of them once for each draw."""
        masks = self.masks[: len(maps)]
        return masks.repeat(len(maps) // len(masks), 1, 1)


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
    settings: Options,
    scorecam_images: int,
    seed: int,
    label: str = "",
) -> Explained:
    """Maps of all `CONTENDERS` on a part, and of `GREY` if its images are; each method timed.

    settings: copies, sigma, kernel_size and seed of DT Grad-CAM, and the precision of all methods.
    With a `label`, which begins the line, each method's seconds per image are said.
    """
    device, maps, seconds = part.inputs.device, {}, {}
    precision = settings["precision"]
    for method in METHODS:
        limited = part.first(scorecam_images if method == "scorecam" else None)
        start = clock(device)
        if method == "dt_gradcam":
            steps = dt_gradcam_steps(network, part.inputs, part.classes, **settings)
            maps[method] = steps.result.float()
        else:
            maps[method] = compute_cam(
                network, limited.inputs, limited.classes, method, precision=precision
            )
        seconds[method] = (clock(device) - start) / len(maps[method])
        if label:
            images = count_text(len(maps[method]), "image")
            say(f"{label}: {method}, {images}, {seconds[method]:.3f} s each")
    plain = maps["gradcam"]
    maps["dt_average"] = scale(steps.average).float()
    maps["gradcam_otsu"] = otsu_cut(plain)
    maps["gradcam_otsu_clean"] = otsu_cut(plain, settings["kernel_size"])
    count, size = len(plain), tuple(plain.shape[1:])
    grid = tuple(steps.copy_maps.shape[-2:])
    maps["whole_image"] = whole_image(count, size).to(device)
    maps["centre_prior"] = centre_prior(count, size).to(device)
    maps["random_map"] = random_maps(DRAWS * count, grid, size, seed).to(device)
    if part.grey:
        maps["brightness"] = on_grid(part.inputs[:, 0], grid)
        maps["lesion_on_grid"] = on_grid(part.masks.to(device), grid)
    return Explained(maps, seconds, steps)


def tie_breakers(explained: Explained, draws: int, seed: int) -> list[Tensor]:
    """`draws` random orders, N x H x W each, as smooth as the maps."""
    plain, grid = explained.maps["gradcam"], tuple(explained.steps.copy_maps.shape[-2:])
    size = tuple(plain.shape[1:])
    maps = random_maps(draws * len(plain), grid, size, seed).to(plain.device)
    return list(maps.split(len(plain)))


def whole_image(count: int, size: tuple[int, int]) -> Tensor:
    """`count` x H x W float32 ones: everything is marked, and no pixel goes before another."""
    return torch.ones(count, *size)


def centre_prior(count: int, size: tuple[int, int], sigma: float = CENTRE_SIGMA) -> Tensor:
    """`count` x H x W float32 in (0, 1]: a Gaussian round the centre; `sigma` is a part of each
    side."""
    rows, columns = (
        torch.exp(-(((torch.arange(side) + 0.5) / side - 0.5) ** 2) / (2 * sigma**2))
        for side in size
    )
    return (rows[:, None] * columns).expand(count, *size).clone()


def on_grid(values: Tensor, grid: tuple[int, int]) -> Tensor:
    """N x H x W values averaged over the cells of `grid`, then finished like any map: N x H x W
    float32 in [0, 1]."""
    cells = F.adaptive_avg_pool2d(values.float(), grid)
    return finish(cells - cells.amin((1, 2), keepdim=True), tuple(values.shape[1:]))


def random_maps(count: int, grid: tuple[int, int], size: tuple[int, int], seed: int) -> Tensor:
    """`count` x H x W float32 in [0, 1]: uniform values on the `grid` of the layer that the methods
    read, finished like any map, so that it is as smooth as theirs."""
    generator = torch.Generator().manual_seed(seed)
    return finish(torch.rand(count, *grid, generator=generator), size)
