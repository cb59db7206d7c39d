"""Phantom micrographs in the layout of BACH."""

import csv
from pathlib import Path

from paper_code.datasets.bach import FOLDER, GROUND_TRUTH, LABELS, PREFIXES
from paper_code.phantoms.histology import draw_image
from paper_code.phantoms.writing import Drawing, draw_all, save_image

FIELD = 860.0  # micrometres: 2048 px of 0.42 micrometres
ASPECT = 2048 / 1536
FOLDERS = {label: folder for folder, label in LABELS.items()}
IMAGES_PER_PATIENT = 4  # not known of the published set; one patient's images share their stain


def write(tree: Path, counts: dict[str, dict[str, int]], drawing: Drawing) -> None:
    """Write `ICIAR2018_BACH_Challenge/Photos/...` with its ground truth, and `lesion_masks/...`.

    `counts` is {"bach": {class: images}}. The masks of normal tissue are empty (all zero).
    """
    jobs = [
        (label, index) for label, number in counts["bach"].items() for index in range(1, number + 1)
    ]
    draw_all(_draw, jobs, "BACH", tree, drawing)
    with (tree / FOLDER / GROUND_TRUTH).open("w", newline="", encoding="utf-8") as handle:
        rows = [(f"{_stem(*job)}.tif", FOLDERS[job[0]]) for job in jobs]
        csv.writer(handle, lineterminator="\n").writerows(rows)


def _stem(label: str, index: int) -> str:
    return f"{PREFIXES[FOLDERS[label]]}{index:03d}"


def _draw(job: tuple[str, int], tree: Path, drawing: Drawing) -> None:
    label, index = job
    stem, patient = _stem(label, index), f"{label} {(index - 1) // IMAGES_PER_PATIENT}"
    image, mask = draw_image(stem, patient, label, drawing, ASPECT, FIELD)
    photos = tree / FOLDER
    save_image(photos / FOLDERS[label] / f"{stem}.tif", image)
    save_image(photos.parent / "lesion_masks" / FOLDERS[label] / f"{stem}.png", mask)
