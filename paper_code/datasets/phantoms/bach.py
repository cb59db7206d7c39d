"""Phantom images in the layout of BACH."""

import csv
import functools
from pathlib import Path

import numpy as np

from paper_code.datasets.phantoms.histology import Architecture, draw_field, draw_patient
from paper_code.datasets.phantoms.writing import new_tree, run_jobs, save_image

FIELD = 860.0  # micrometres: 2048 px of 0.42 micrometres
CLASSES = {
    "Normal": ("n", None),
    "Benign": ("b", Architecture("glands", 34, 0.42, 0.75, 3.3, 0.10, 7.5)),
    "InSitu": ("is", Architecture("ducts", 85, 0.0, 0.75, 4.6, 0.22, 10.0)),
    "Invasive": ("iv", Architecture("nests", 22, 0.0, 0.55, 5.0, 0.30, 10.0)),
}
IMAGES_PER_PATIENT = 4  # unknown in the published set; images of one patient share their stain


def write_bach(
    root: str | Path,
    counts: dict[str, int],
    seed: int,
    *,
    width: int = 2048,
    height: int = 1536,
    workers: int = 1,
) -> None:
    """Write `ICIAR2018_BACH_Challenge/Photos/...` with its ground truth, and `lesion_masks/...`.

    Args:
        root: folder for the tree; an older one there is replaced.
        counts: images of "Normal", "Benign", "InSitu" and "Invasive".
        seed: decides every image; neither `workers` nor other counts change an image.
        width: px.
        height: px.
        workers: processes that draw.
    """
    jobs = [(name, index) for name, number in counts.items() for index in range(1, number + 1)]
    with new_tree(root) as tree:
        work = functools.partial(_draw, tree=str(tree), seed=seed, width=width, height=height)
        run_jobs(work, jobs, "BACH phantom", workers)
        photos = tree / "ICIAR2018_BACH_Challenge" / "Photos"
        with (photos / "microscopy_ground_truth.csv").open("w", newline="") as handle:
            rows = [(f"{CLASSES[name][0]}{index:03d}.tif", name) for name, index in jobs]
            csv.writer(handle, lineterminator="\n").writerows(rows)


def _draw(job, *, tree: str, seed: int, width: int, height: int) -> None:
    name, index = job
    prefix, architecture = CLASSES[name]
    kind = list(CLASSES).index(name)
    who = draw_patient(np.random.default_rng([seed, 200, kind, index // IMAGES_PER_PATIENT]))
    image, mask = draw_field(
        np.random.default_rng([seed, 201, kind, index]),
        who,
        architecture,
        width=width,
        height=height,
        field=FIELD,
    )
    base = Path(tree, "ICIAR2018_BACH_Challenge")
    save_image(base / "Photos" / name / f"{prefix}{index:03d}.tif", image)
    if mask.any():
        save_image(base / "lesion_masks" / name / f"{prefix}{index:03d}.png", mask)
