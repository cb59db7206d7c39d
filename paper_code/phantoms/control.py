"""Phantoms that tell patients apart, or do not, and never show a class: controls for leakage."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.datasets.control import CLASSES, SIGNALS
from paper_code.phantoms.histology import draw_field, draw_patient
from paper_code.phantoms.writing import new_tree, run_jobs, save_image

IMAGES_PER_PATIENT = 12
FIELD = 480.0  # micrometres


def write_control(root: str | Path, images: int, seed: int, *, size: int, workers: int = 1) -> None:
    """Write each set of `SIGNALS` below `root`: normal tissue, and a `manifest.csv`.

    Half of the patients carry each class, whatever they look like. A network can thus be right on a
    new patient only by chance, and more often only on patients whom it has learned to recognise.

    Args:
        root: folder for the sets; an older phantom there is replaced.
        images: of each set; rounded down to whole pairs of patients, at least four pairs.
        seed: decides everything.
        size: side of the square images in px.
        workers: processes that draw.
    """
    pairs = max(4, images // (2 * IMAGES_PER_PATIENT))
    patients = [(label, f"{label[0]}{number:02d}") for label in CLASSES for number in range(pairs)]
    jobs = [
        (name, label, patient, number)
        for name in SIGNALS
        for label, patient in patients
        for number in range(IMAGES_PER_PATIENT)
    ]
    with new_tree(root) as tree:
        run_jobs(
            functools.partial(_draw, tree=str(tree), seed=seed, size=size), jobs, "control", workers
        )
        for name in SIGNALS:
            rows = [(_path(job), job[1], job[2]) for job in jobs if job[0] == name]
            table = pd.DataFrame(rows, columns=["path", "label", "group"])
            table.to_csv(tree / name / "manifest.csv", index=False)


def _path(job: tuple[str, str, str, int]) -> str:
    _, label, patient, number = job
    return f"{label}/{patient}_{number:02d}.png"


def _draw(job: tuple[str, str, str, int], *, tree: str, seed: int, size: int) -> None:
    name, label, patient, number = job
    own = [seed, CLASSES.index(label), int(patient[1:])]
    image, _ = draw_field(
        np.random.default_rng([*own, number + 1]),
        draw_patient(np.random.default_rng(own), SIGNALS[name]),
        "normal",
        width=size,
        height=size,
        field=FIELD,
    )
    save_image(Path(tree, name, _path(job)), image)
