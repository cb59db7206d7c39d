"""Time of class activation maps: ours, pytorch-grad-cam and torchcam, side by side.

    python benchmarks/cam.py [--image-size 224] [--methods gradcam scorecam ...]

One image through an untrained torchvision ResNet50 at layer4. Times are medians after a warm-up
call, but Score-CAM's on a CPU, which take minutes, are single. Ours is also measured in the lower
precision that `auto` stands for on the device, if it has one. On a busy machine read `CPU s`, the
process's own processor time (best with OMP_NUM_THREADS=1, since waiting threads spin). Differences
are the largest of any pixel, against pytorch-grad-cam's map; for DT Grad-CAM, which it lacks,
against ours in float32. Beside Score-CAM stands what its forward passes alone take: one for each
of layer4's 2,048 channels. The results go to benchmarks/results/cam_*.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytorch_grad_cam
import torch
import torch.nn.functional as F
import torchcam.methods
import torchvision
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from paper_code.cam import compute_cam, methods
from paper_code.device import clock, default_device, resolve_precision
from paper_code.progress import say
from paper_code.provenance import hardware
from paper_code.reporting.markdown import code_provenance_block, markdown, write_table

RESULTS = Path(__file__).parent / "results"
LAYER = "layer4"
OURS, OURS_LOWER = "ours", "ours in lower precision"
PYTORCH_GRAD_CAM, TORCHCAM = "pytorch-grad-cam", "torchcam"
PEERS = {
    "gradcam": pytorch_grad_cam.GradCAM,
    "gradcam_plusplus": pytorch_grad_cam.GradCAMPlusPlus,
    "hirescam": pytorch_grad_cam.HiResCAM,
    "eigencam": pytorch_grad_cam.EigenCAM,
    "scorecam": pytorch_grad_cam.ScoreCAM,
}
OF_TORCHCAM = {"gradcam": torchcam.methods.GradCAM, "scorecam": torchcam.methods.ScoreCAM}
IN_LOWER = ("gradcam", "scorecam", "dt_gradcam")
METHODS = (*PEERS, "dt_gradcam")
REPEATS = 5
PASSES, CHANNELS, BATCH = "its forward passes alone", 2048, 16


@torch.inference_mode()
def forward_passes(network: torch.nn.Module, image: torch.Tensor) -> np.ndarray:
    """As many plain forward passes as Score-CAM makes; there is no map."""
    for _ in range(CHANNELS // BATCH):
        network(image.expand(BATCH, -1, -1, -1))
    return np.full((), np.nan)


def one_map(
    method: str, library: str, network: torch.nn.Module, image: torch.Tensor, index: int
) -> np.ndarray:
    """One map at image size by one library, which leaves no hook behind."""
    if library == PASSES:
        return forward_passes(network, image)
    if library == PYTORCH_GRAD_CAM:
        with PEERS[method](network, [network.get_submodule(LAYER)]) as explainer:
            return explainer(image, [ClassifierOutputTarget(index)])
    if library == TORCHCAM:
        with OF_TORCHCAM[method](network, LAYER) as extractor:
            (small,) = extractor(index, network(image))
        large = F.interpolate(small[:, None], image.shape[-2:], mode="bilinear")[:, 0]
        return methods.scale(large.detach()).cpu().numpy()
    options = {"masks": "pytorch_grad_cam"} if method == "scorecam" else {}
    options["precision"] = "fp32" if library == OURS else "auto"
    return compute_cam(network, image, [index], method, LAYER, **options).cpu().numpy()


def measure(call: Callable[[], np.ndarray], repeats: int, device: torch.device) -> tuple:
    """Seconds of the wall and of the processor, medians, and the map; one call is no repeat."""
    if repeats > 1:
        call()
    seconds, processor = [], []
    for _ in range(repeats):
        wall, used = clock(device), time.process_time()
        result = call()
        seconds.append(clock(device) - wall)
        processor.append(time.process_time() - used)
    return statistics.median(seconds), statistics.median(processor), result


def main() -> None:
    """Measure everything asked for, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    options = parser.parse_args()
    torch.manual_seed(0)
    device, size = default_device(), options.image_size
    network = torchvision.models.resnet50(weights=None).eval().to(device)
    image = (torch.rand(1, 3, size, size) * 2 - 1).to(device)
    with torch.no_grad():
        index = network(image).argmax().item()  # any other class may have an all-zero map
    methods_of = {OURS: METHODS, PYTORCH_GRAD_CAM: PEERS, TORCHCAM: OF_TORCHCAM}
    methods_of[PASSES] = ("scorecam",)
    if resolve_precision("auto", device) != "fp32":
        methods_of[OURS_LOWER] = IN_LOWER
    rows = []
    for method in options.methods:
        repeats = 1 if method == "scorecam" and device.type == "cpu" else REPEATS
        maps = {}
        for library in (name for name, able in methods_of.items() if method in able):
            call = partial(one_map, method, library, network, image, index)
            seconds, processor, maps[library] = measure(call, repeats, device)
            row = {"method": method, "library": library, "seconds": seconds}
            rows.append(row | {"cpu_seconds": processor, "repeats": repeats})
            say(f"{method}, {library}: {seconds:.4g} s")
        peer = maps[PYTORCH_GRAD_CAM if method in PEERS else OURS]
        for row in rows[-len(maps) :]:
            row["difference"] = float(np.abs(maps[row["library"]] - peer).max())
    table = pd.DataFrame(rows)
    peers = table[table["library"] == PYTORCH_GRAD_CAM].set_index("method")
    for column, ratio in (("seconds", "speedup"), ("cpu_seconds", "cpu_speedup")):
        table[ratio] = table["method"].map(peers[column]) / table[column]
    shown = table[["method", "library"]].copy()
    for column, title, form in (
        ("seconds", "seconds", "{:.4g}"),
        ("speedup", "times as fast", "{:.2f}"),
        ("cpu_seconds", "CPU s", "{:.4g}"),
        ("cpu_speedup", "times less", "{:.2f}"),
        ("difference", "largest difference", "{:.1e}"),
    ):
        shown[title] = table[column].map(form.format).replace("nan", "")
    threads, load = torch.get_num_threads(), os.getloadavg()[0]
    about = f"{hardware(device)}, {threads} threads, load average {load:.1f} at the end."
    title = f"Class activation maps, ResNet50, one image, {size}px"
    sections = [about, markdown(shown), code_provenance_block("noise")]
    write_table(RESULTS / f"cam_{device.type}_{size}px.csv", table, title, sections)


if __name__ == "__main__":
    main()
