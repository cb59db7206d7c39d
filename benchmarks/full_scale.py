"""Data preparation at full size without the data: time, memory and disk for all images.

    python benchmarks/full_scale.py INDEX.csv [--folder DIR] [--share 1] [--size 224] [--workers N]

INDEX.csv is the list of all BreakHis images (docs/reference/data.md). The script builds the three
published folder trees with all names: 7,909 PNG images of 700 x 460 px, 400 TIFF images of
2048 x 1536 px and 7,808 JPEG mammograms, half of those with a lesion having a contour. The pixels
are smooth noise with grain, which compresses about as badly as tissue does. To save disk, a few
dozen distinct files of each class stand under all names as hard links: they are then read from
memory rather than from disk, and are reported as byte-identical. Every command runs as the workflow
runs it, in a process of its own.

Results go to benchmarks/results/full_scale.{csv,md}. `--share 0.01` is for trying it out; it prints
the table and writes nothing.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import psutil
from PIL import Image

from paper_code.datasets import breakhis, mini_ddsm
from paper_code.datasets.catalog import PAPER_DATASETS
from paper_code.files import write_csv, write_text
from paper_code.parallel import cores
from paper_code.phantoms.breakhis import SUBTYPES
from paper_code.provenance import commit, processor, versions
from paper_code.reporting.labels import DATASET_LABELS
from paper_code.reporting.markdown import markdown, number

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"
DISTINCT = 24  # files of each class
BACH = {"Normal": "n", "Benign": "b", "InSitu": "is", "Invasive": "iv"}
BACH_IMAGES = 100  # of each class
# The published mammograms (7,808 images, four views for each of 1,952 cases) and a usual size.
CASES = {"Normal": 602, "Benign": 671, "Cancer": 679}
VIEWS = ("LEFT_CC", "LEFT_MLO", "RIGHT_CC", "RIGHT_MLO")
MAMMOGRAM = (1500, 2700)  # px, width and height
STEPS = {
    "manifest": "List, check and hash",
    "prepare": "Prepare",
    "split by image": "Split by image",
    "split by patient": "Split by patient",
    "load": "Load for training",
}
LOAD = (
    "import sys; from pathlib import Path;"
    "from paper_code.prepared import load_prepared, pixel_sum;"
    "from paper_code.files import read_json; folder = Path(sys.argv[1]);"
    "classes = read_json(folder / 'source.json')['classes'];"
    "table, images, labels = load_prepared(folder, sys.argv[2], classes);"
    "print(pixel_sum(images))"
)


def noise(seed: int, width: int, height: int, channels: int) -> np.ndarray:
    """Smooth fields with grain: uint8 height x width x channels."""
    rng = np.random.default_rng(seed)
    small = rng.normal(0, 1, (height // 16, width // 16, channels)).astype(np.float32)
    smooth = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    smooth = smooth.reshape(height, width, channels)
    grain = rng.normal(0, 4, smooth.shape).astype(np.float32)
    return (150 + 35 * smooth + grain).clip(0, 255).astype(np.uint8)


def distinct_files(folder: Path, name: str, count: int, size: tuple[int, int], channels: int):
    """`count` image files of noise; their number and `name` decide the pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    stem, suffix = name.split(".")
    paths = [folder / f"{stem}-{number}.{suffix}" for number in range(count)]
    for number_, path in enumerate(paths):
        seed = int.from_bytes(stem.encode(), "big") % 2**31 + number_
        Image.fromarray(noise(seed, *size, channels).squeeze()).save(path, quality=92)
    return paths


def link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)


def build(root: Path, index: Path, share: float) -> None:
    """Write all three trees below `root`, or this share of their names."""
    store = root / "distinct"
    names = pd.read_csv(index, dtype=str, keep_default_na=False)
    names = names.iloc[:: round(1 / share)]
    pools = {
        label: distinct_files(store, f"{label}.png", DISTINCT, (700, 460), 3)
        for label in breakhis.LABELS.values()
    }
    for position, row in enumerate(names.itertuples()):
        slide = f"SOB_{row.label[0].upper()}_{row.subtype}_{row.slide}"
        folder = Path(row.label, "SOB", SUBTYPES[row.subtype], slide, f"{row.magnification}X")
        pool = pools[row.label]
        link(pool[position % DISTINCT], root / breakhis.FOLDER / folder / row.image)
    for name, prefix in BACH.items():
        pool = distinct_files(store, f"{name}.tif", DISTINCT, (2048, 1536), 3)
        for position in range(max(20, round(BACH_IMAGES * share))):
            target = f"ICIAR2018_BACH_Challenge/Photos/{name}/{prefix}{position + 1:03d}.tif"
            link(pool[position % DISTINCT], root / target)
    contour = store / "contour.jpg"
    mask = np.zeros(MAMMOGRAM[::-1], np.uint8)
    cv2.circle(mask, (700, 1300), 200, 255, -1)
    Image.fromarray(mask).save(contour)
    for name, cases in CASES.items():
        pool = distinct_files(store, f"{name}.jpg", DISTINCT, MAMMOGRAM, 1)
        for case in range(max(8, round(cases * share))):
            folder = root / mini_ddsm.FOLDERS[0] / name / f"{case:04d}"
            for view, place in enumerate(VIEWS):
                stem = f"{name[0]}_{case:04d}_1.{place}"
                link(pool[(4 * case + view) % DISTINCT], folder / f"{stem}.jpg")
                if name != "Normal" and view < 2:
                    link(contour, folder / f"{stem}_Mask.jpg")


def measured(*words: str) -> dict[str, float]:
    """Seconds, those of processors, and peak memory of a process with its workers (MiB)."""
    start, peak, before = time.perf_counter(), 0, processor_seconds()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = psutil.Popen([sys.executable, *words], env=environment, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        total = 0
        try:
            for each in (process, *process.children(recursive=True)):
                total += each.memory_full_info().pss
        except psutil.Error:
            continue  # one of them has just ended
        peak = max(peak, total)
        time.sleep(0.3)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)}: exit status {process.returncode}")
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "processor_seconds": round(processor_seconds() - before, 1),
        "peak_memory_mib": round(peak / 2**20),
    }


def processor_seconds() -> float:
    """Of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def size_of(folder: Path) -> float:
    """MiB of a folder's files, each link counted as a file of its own."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def measure(root: Path, name: str, size: int, workers: int) -> list[dict[str, object]]:
    """One row for each step of a data set."""
    out = root / "out" / name
    manifest = str(out / "manifest.csv")
    processes = ["--workers", str(workers)]
    steps = {
        "manifest": ["manifest", name, "--data-root", str(root), "-o", manifest, *processes],
        "prepare": ["prepare", manifest, "--image-size", str(size), "-o", str(out), *processes],
        "split by image": ["split", manifest, "-o", str(out / "image.csv")],
        "split by patient": ["split", manifest, "--by", "patient", "-o", str(out / "patient.csv")],
        "load": ["-c", LOAD, str(out), str(out / "image.csv")],
    }
    rows = []
    for step, words in steps.items():
        words = words if step == "load" else ["-m", "paper_code", *words]
        row = {"dataset": name, "step": step} | measured(*words)
        row |= {"images": len(pd.read_csv(manifest)), "disk_mib": round(size_of(out))}
        print(row, flush=True)
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", type=Path, help="index.csv of the lists about BreakHis")
    parser.add_argument("--folder", help="for the trees (about 1 GB); removed at the end")
    parser.add_argument("--share", type=float, default=1, help="of the images, to try it out")
    parser.add_argument("--size", type=int, default=224, help="of the prepared images, in px")
    parser.add_argument("--workers", type=int, default=cores(), help="processes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="full-scale-") as folder:
        root = Path(folder)
        start = time.perf_counter()
        build(root, arguments.index, arguments.share)
        print(f"The trees took {time.perf_counter() - start:.0f} s", flush=True)
        rows = [
            row
            for name in PAPER_DATASETS
            for row in measure(root, name, arguments.size, arguments.workers)
        ]
        raw = {
            "BreakHis": size_of(root / "BreaKHis_v1"),
            "BACH": size_of(root / "ICIAR2018_BACH_Challenge"),
            "Mini-DDSM": size_of(root / mini_ddsm.FOLDERS[0]),
        }
    table = pd.DataFrame(rows)
    page = describe(table, raw, arguments)
    if arguments.share < 1:
        print(page)
        return
    write_csv(RESULTS / "full_scale.csv", table)
    write_text(RESULTS / "full_scale.md", page)


def describe(table: pd.DataFrame, raw: dict[str, float], arguments: argparse.Namespace) -> str:
    """The page of results."""
    lines = []
    for name, of_one in table.groupby("dataset", sort=False):
        of_one = of_one.set_index("step")
        line = {"Data set": DATASET_LABELS[name], "Images": f"{of_one['images'].iloc[0]:,}"}
        line |= {
            f"{text} (s)": number(of_one.loc[s, "processor_seconds"], 1)
            for s, text in STEPS.items()
        }
        line["Peak memory, preparing (MiB)"] = f"{of_one.loc['prepare', 'peak_memory_mib']:,}"
        line["Peak memory, loading (MiB)"] = f"{of_one.loc['load', 'peak_memory_mib']:,}"
        line["Prepared on disk (MiB)"] = f"{of_one['disk_mib'].max():,}"
        lines.append(line)
    facts = ", ".join(f"{name} {size / 1024:.1f} GiB" for name, size in raw.items())
    total = table["processor_seconds"].sum() / 60
    return "\n\n".join(
        [
            "# Data preparation at full size",
            "All published names with images of noise in the published sizes (for mammograms, "
            f"{MAMMOGRAM[0]} x {MAMMOGRAM[1]} px is assumed), prepared at {arguments.size} px with "
            f"{arguments.workers} processes on {processor()}. Seconds are those of processors, "
            "start-up of each command included, because other programs were running. "
            f"{DISTINCT} distinct files of each class stand under all names as hard links, so that "
            "they were read from memory rather than from disk; under their names the raw trees "
            f"have {facts}. Of the mammograms, all 7,808 are listed and checked, and the 2,000 of "
            "the paper are hashed and prepared. Memory is the proportional set size of the process "
            "with its workers, pages of the mapped array included.",
            markdown(pd.DataFrame(lines)),
            f"All steps together: {total:.1f} minutes of one core.",
            f"Commit {commit()}; "
            + ", ".join(f"{name} {version}" for name, version in versions().items())
            + ".\n",
        ]
    )


if __name__ == "__main__":
    main()
