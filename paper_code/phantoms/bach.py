"""Phantom micrographs in the layout of BACH."""

import csv
import functools
from pathlib import Path

from paper_code.datasets.bach import FOLDER, GROUND_TRUTH, PREFIXES
from paper_code.errors import UserError
from paper_code.phantoms.histology import draw_image
from paper_code.phantoms.writing import new_tree, run_jobs, save_image

FIELD = 860.0  # micrometres: 2048 px of 0.42 micrometres
KINDS = {"Normal": "normal", "Benign": "benign", "InSitu": "in_situ", "Invasive": "invasive"}
IMAGES_PER_PATIENT = 4  # not known of the published set; one patient's images share their stain


def write_bach(
    root: str | Path,
    counts: dict[str, int],
    seed: int,
    *,
    width: int = 2048,
    height: int = 1536,
    patient_signal: float = 1.0,
    workers: int = 1,
) -> None:
    """Write `ICIAR2018_BACH_Challenge/Photos/...` with its ground truth, and `lesion_masks/...`.

    Args:
        root: folder for the tree; an older one there is replaced.
        counts: images of "Normal", "Benign", "InSitu" and "Invasive".
        seed: decides every image: neither `workers` nor the counts change the pixels of a name.
        width, height: px.
        patient_signal: how far patients differ in stain, texture and light, see `draw_patient`.
        workers: processes that draw.

    The masks of normal tissue are empty (all zero).

    Raises:
        UserError: `counts` names another class, or `root` holds files that are no phantom.
    """
    if set(counts) - set(KINDS):
        raise UserError(f"BACH phantom: counts {counts} must be of {', '.join(KINDS)}.")
    jobs = [(name, index) for name, number in counts.items() for index in range(1, number + 1)]
    with new_tree(root) as tree:
        drawn = {"seed": seed, "patient_signal": patient_signal, "width": width, "height": height}
        work = functools.partial(_draw, tree=str(tree), drawn=drawn)
        run_jobs(work, jobs, "BACH phantom", workers)
        with (tree / FOLDER / GROUND_TRUTH).open("w", newline="", encoding="utf-8") as handle:
            rows = [(f"{PREFIXES[name]}{index:03d}.tif", name) for name, index in jobs]
            csv.writer(handle, lineterminator="\n").writerows(rows)


def _draw(job: tuple[str, int], *, tree: str, drawn: dict[str, float]) -> None:
    name, index = job
    stem = f"{PREFIXES[name]}{index:03d}"
    patient = f"{name} {(index - 1) // IMAGES_PER_PATIENT}"
    image, mask = draw_image(stem, patient, KINDS[name], field=FIELD, **drawn)
    photos = Path(tree, FOLDER)
    save_image(photos / name / f"{stem}.tif", image)
    save_image(photos.parent / "lesion_masks" / name / f"{stem}.png", mask)
