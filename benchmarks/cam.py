"""Time and peak memory of class activation maps: ours, pytorch-grad-cam and torchcam, side by side.

    python benchmarks/cam.py [--image-size 224] [--methods gradcam scorecam ...]

One image through an untrained torchvision ResNet50 at layer4. Each measurement runs in a process of
its own, so that its peak resident memory is its own: `peak` is the whole process, `added` what came
on top after imports, network and image were there. On a GPU both are memory allocated there, and
CUDA events give the time. Times are medians after a warm-up call, but Score-CAM's on a CPU, which
take minutes, are single. Ours is also measured in the lower precision that `auto` stands for on the
device, if it has one. On a busy machine read `CPU s`, the process's own processor time (best with
--threads 1, since waiting threads spin). Differences are the largest of any pixel, against
pytorch-grad-cam's map; for DT Grad-CAM, which it lacks, against ours in float32, and there a pixel
that falls below Otsu's threshold differs by its whole value. The results go to
benchmarks/results/cam_*.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
import torchvision

from paper_code.cam import compute_cam, methods
from paper_code.device import resolve_precision
from paper_code.files import write_csv, write_text
from paper_code.provenance import hardware, versions
from paper_code.reporting.markdown import markdown

RESULTS = Path(__file__).parent / "results"
LAYER = "layer4"
OURS, OURS_LOWER = "ours", "ours in lower precision"
PYTORCH_GRAD_CAM, TORCHCAM = "pytorch-grad-cam", "torchcam"
LIBRARIES = {
    "gradcam": (OURS, OURS_LOWER, PYTORCH_GRAD_CAM, TORCHCAM),
    "gradcam_plusplus": (OURS, PYTORCH_GRAD_CAM),
    "hirescam": (OURS, PYTORCH_GRAD_CAM),
    "eigencam": (OURS, PYTORCH_GRAD_CAM),
    "dt_gradcam": (OURS, OURS_LOWER),
    "scorecam": (OURS, OURS_LOWER, PYTORCH_GRAD_CAM, TORCHCAM),
}


def main() -> None:
    """Measure everything asked for in subprocesses, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--methods", nargs="+", choices=list(LIBRARIES), default=list(LIBRARIES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--child", nargs=3, metavar=("LIBRARY", "METHOD", "MAP"))
    options = parser.parse_args()
    if options.child:
        measure(options, *options.child)
        return

    rows = []
    lower = resolve_precision("auto", torch.device(options.device)) != "fp32"
    with tempfile.TemporaryDirectory() as folder:
        for method in options.methods:
            for library in LIBRARIES[method]:
                if library == OURS_LOWER and not lower:
                    continue
                path = Path(folder) / f"{method} {library}.npy"
                arguments = [sys.executable, __file__, *sys.argv[1:]]
                done = subprocess.run(
                    [*arguments, "--child", library, method, str(path)],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    check=True,
                    text=True,
                )
                rows.append({"method": method, "library": library, **json.loads(done.stdout)})
                peer = OURS if method == "dt_gradcam" else PYTORCH_GRAD_CAM
                reference = Path(folder) / f"{method} {peer}.npy"
                print(f"{method}, {library}: {rows[-1]['seconds']:.4g} s", file=sys.stderr)
            for row in rows:
                if row["method"] == method and reference.exists():
                    ours = np.load(Path(folder) / f"{method} {row['library']}.npy")
                    row["difference"] = float(np.abs(ours - np.load(reference)).max())
    report(pd.DataFrame(rows), options)


def report(table: pd.DataFrame, options: argparse.Namespace) -> None:
    """Add the ratios to pytorch-grad-cam, print, and write CSV and Markdown."""
    for column, ratio in (
        ("seconds", "speedup"),
        ("cpu_seconds", "cpu_speedup"),
        ("peak_mb", "peak_part"),
        ("added_mb", "added_part"),
    ):
        peers = table[table.library == PYTORCH_GRAD_CAM].set_index("method")[column]
        peer = table.method.map(peers)
        table[ratio] = peer / table[column] if "speedup" in ratio else table[column] / peer
    layout = f"{options.image_size}px"
    device = torch.device(options.device)
    formats = {
        "seconds": ("seconds", "{:.4g}"),
        "speedup": ("times as fast", "{:.2f}"),
        "cpu_seconds": ("CPU s", "{:.4g}"),
        "cpu_speedup": ("times less", "{:.2f}"),
        "peak_mb": ("peak MB", "{:.0f}"),
        "peak_part": ("of peer's", "{:.2f}"),
        "added_mb": ("added MB", "{:.0f}"),
        "difference": ("largest difference", "{:.1e}"),
    }
    shown = table[["method", "library"]].copy()
    for column, (title, form) in formats.items():
        if column in table:
            shown[title] = table[column].map(lambda x, f=form: "" if np.isnan(x) else f.format(x))
    installed = ", ".join(f"{name} {version}" for name, version in versions().items())
    text = (
        f"# Class activation maps, ResNet50, one image, {layout}\n\n{hardware(device)}, "
        f"{options.threads} threads, load average {os.getloadavg()[0]:.1f} at the end; "
        f"{installed}.\n\n{markdown(shown)}\n"
    )
    print(text)
    name = f"cam_{device.type}_{layout}"
    write_csv(RESULTS / f"{name}.csv", table)
    write_text(RESULTS / f"{name}.md", text)


def measure(options: argparse.Namespace, library: str, method: str, path: str) -> None:
    """In the subprocess: print seconds and memory as JSON, save the map at `path`."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device = torch.device(options.device)
    size = options.image_size
    network = torchvision.models.resnet50(weights=None).eval().to(device)
    image = (torch.rand(1, 3, size, size) * 2 - 1).to(device)
    with torch.no_grad():
        predicted = network(image).argmax().item()  # any other class may have an all-zero map
    call = prepared(library, method, network, image, predicted)
    slow = method == "scorecam" and device.type == "cpu"
    repeats = 1 if slow else options.repeats
    before = resident_mb(device, peak=False)
    if not slow:
        call()
    seconds, processor = [], []
    for _ in range(repeats):
        start = time.process_time()
        result, took = timed(call, device)
        seconds.append(took)
        processor.append(time.process_time() - start)
    peak = resident_mb(device, peak=True)
    np.save(path, result)
    found = {"seconds": statistics.median(seconds), "cpu_seconds": statistics.median(processor)}
    found |= {"repeats": repeats, "peak_mb": peak, "added_mb": max(peak - before, 0.0)}
    print(json.dumps(found))


def prepared(
    library: str, method: str, network: torch.nn.Module, image: torch.Tensor, index: int
) -> Callable[[], np.ndarray]:
    """A call that makes one map at image size; imports and construction are not timed."""
    if library in (OURS, OURS_LOWER):
        options = {"masks": "pytorch_grad_cam"} if method == "scorecam" else {}
        options["precision"] = "auto" if library == OURS_LOWER else "fp32"
        return lambda: compute_cam(network, image, [index], method, LAYER, **options).cpu().numpy()
    if library == TORCHCAM:
        import torchcam.methods

        kind = {"gradcam": torchcam.methods.GradCAM, "scorecam": torchcam.methods.ScoreCAM}[method]
        extractor = kind(network, LAYER)

        def call() -> np.ndarray:
            (small,) = extractor(index, network(image))
            large = F.interpolate(small[:, None], image.shape[-2:], mode="bilinear")[:, 0]
            return methods.scale(large.detach()).cpu().numpy()

        return call
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    kind = {
        "gradcam": pytorch_grad_cam.GradCAM,
        "gradcam_plusplus": pytorch_grad_cam.GradCAMPlusPlus,
        "hirescam": pytorch_grad_cam.HiResCAM,
        "eigencam": pytorch_grad_cam.EigenCAM,
        "scorecam": pytorch_grad_cam.ScoreCAM,
    }[method]
    explainer = kind(network, [network.get_submodule(LAYER)])
    return lambda: explainer(image, [ClassifierOutputTarget(index)])


def timed(call: Callable[[], np.ndarray], device: torch.device) -> tuple[np.ndarray, float]:
    """The result and its seconds, by CUDA events on a GPU."""
    if device.type != "cuda":
        start = time.perf_counter()
        return call(), time.perf_counter() - start
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    first.record()
    result = call()
    last.record()
    torch.cuda.synchronize()
    return result, first.elapsed_time(last) / 1000


def resident_mb(device: torch.device, peak: bool) -> float:
    """Memory in MB: allocated on the GPU, else resident in this process, now or at its peak."""
    if device.type == "cuda":
        now, most = torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
        return (most if peak else now) / 1e6
    if not peak and Path("/proc/self/statm").exists():
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
