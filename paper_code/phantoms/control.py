"""Phantoms that tell patients apart, or do not, and never show a class: controls for leakage."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.datasets.control import CLASSES, SIGNALS
from paper_code.phantoms.histology import draw_field, draw_patient
from paper_code.phantoms.writing import Drawing, draw_all, save_image

IMAGES_PER_PATIENT = 12
FIELD = 480.0  # micrometres


def write(tree: Path, counts: dict[str, dict[str, int]], drawing: Drawing) -> None:
    """Write each set of `SIGNALS`: square images of normal tissue, and a `manifest.csv`.

    Half of the patients carry each class, whatever they look like. A network can thus be right on a
    new patient only by chance, and more often only on patients whom it has learned to recognise.

    Args:
        tree: an empty folder.
        counts: {"control": {"images": number}}, of each set; rounded down to whole pairs of
            patients, at least four pairs.
        drawing: as in `write_phantom`.
    """
    pairs = max(4, counts["control"]["images"] // (2 * IMAGES_PER_PATIENT))
    jobs = [
        (name, label, patient, number)
        for name in SIGNALS
        for label in CLASSES
        for patient in range(pairs)
        for number in range(IMAGES_PER_PATIENT)
    ]
    draw_all(functools.partial(_draw, tree=tree, drawing=drawing), jobs, "Control", drawing.workers)
    for name in SIGNALS:
        rows = [(_path(job), job[1], f"{job[1][0]}{job[2]:02d}") for job in jobs if job[0] == name]
        table = pd.DataFrame(rows, columns=["path", "label", "group"])
        table.to_csv(tree / name / "manifest.csv", index=False)


def _path(job: tuple[str, str, int, int]) -> str:
    _, label, patient, number = job
    return f"{label}/{label[0]}{patient:02d}_{number:02d}.png"


def _draw(job: tuple[str, str, int, int], *, tree: Path, drawing: Drawing) -> None:
    name, label, patient, number = job
    own = [drawing.seed, CLASSES.index(label), patient]
    who = draw_patient(np.random.default_rng(own), SIGNALS[name])
    size = {"width": drawing.height, "height": drawing.height, "field": FIELD}
    image, _ = draw_field(np.random.default_rng([*own, number + 1]), who, "normal", **size)
    save_image(tree / name / _path(job), image)
