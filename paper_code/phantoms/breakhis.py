"""Phantom slides in the layout of BreakHis."""

import functools
from pathlib import Path

import numpy as np

from paper_code.errors import UserError
from paper_code.phantoms.histology import draw_image
from paper_code.phantoms.writing import new_tree, run_jobs, save_image

# Width of the field of view in micrometres: chosen so that nuclei have the size in px that they
# have in BreakHis (a benign one is about 4 px wide at 40X and 40 px at 400X of 700 px).
FIELDS = {40: 1200.0, 100: 480.0, 200: 240.0, 400: 120.0}
SUBTYPES = {
    "A": "adenosis",
    "F": "fibroadenoma",
    "PT": "phyllodes_tumor",
    "TA": "tubular_adenoma",
    "DC": "ductal_carcinoma",
    "LC": "lobular_carcinoma",
    "MC": "mucinous_carcinoma",
    "PC": "papillary_carcinoma",
}
# Subtypes of successive patients; ductal carcinoma is the most frequent, as published.
CLASSES = {"benign": ("A", "F", "PT", "TA"), "malignant": ("DC", "LC", "MC", "DC", "PC")}
FIRST_SLIDE = {"benign": 90001, "malignant": 95001}  # numbers far above the published ones
SLIDES = {"benign": 24, "malignant": 58}  # of the published set
FEWEST_SLIDES, IMAGES_PER_SLIDE = 6, 4  # many patients, for the intervals' sake


def write_breakhis(
    root: str | Path,
    counts: dict[int, dict[str, int]],
    seed: int,
    *,
    width: int = 700,
    height: int = 460,
    patient_signal: float = 1.0,
    workers: int = 1,
) -> None:
    """Write `BreaKHis_v1/histology_slides/...` and the masks beside it in `lesion_masks/...`.

    Args:
        root: folder for the tree; an older one there is replaced.
        counts: {magnification: {"benign": images, "malignant": images}}.
        seed: decides every image: neither `workers` nor the counts change the pixels of a name.
        width, height: px.
        patient_signal: how far patients differ in stain, texture and light, see `draw_patient`.
        workers: processes that draw.

    Raises:
        UserError: `counts` names another magnification or class, or `root` holds files that are no
            phantom.
    """
    if set(counts) - set(FIELDS) or any(set(count) - set(CLASSES) for count in counts.values()):
        raise UserError(
            f"BreakHis phantom: counts {counts} must be of {', '.join(CLASSES)} "
            f"at {', '.join(map(str, FIELDS))}."
        )
    jobs = []
    for label, start in FIRST_SLIDE.items():
        most = max((count.get(label, 0) for count in counts.values()), default=0)
        slides = _slides(label, start, most)
        for magnification, count in counts.items():
            for index in range(count.get(label, 0)):
                slide, subtype = slides[index % len(slides)]
                position = index // len(slides) + 1
                if slide == f"14-{FIRST_SLIDE['malignant']}" and position % 3 == 0:
                    subtype = "LC"  # as 14-13412 of the published set: one patient, two subtypes
                jobs.append((label, subtype, slide, magnification, position))
    with new_tree(root) as tree:
        drawn = {"seed": seed, "patient_signal": patient_signal, "width": width, "height": height}
        work = functools.partial(_draw, tree=str(tree), drawn=drawn)
        run_jobs(work, jobs, "BreakHis phantom", workers)


def _slides(label: str, start: int, images: int) -> list[tuple[str, str]]:
    """(slide id, subtype) of a class; every fourth patient has two slides."""
    number = int(np.clip(images // IMAGES_PER_SLIDE, min(FEWEST_SLIDES, images), SLIDES[label]))
    slides = []
    for patient in range(number):
        subtype = CLASSES[label][patient % len(CLASSES[label])]
        parts = ("AB", "CD") if patient % 4 == 2 else ("",)
        slides += [(f"14-{start + patient}{part}", subtype) for part in parts]
    return slides[:number]


def _draw(job: tuple, *, tree: str, drawn: dict[str, float]) -> None:
    label, subtype, slide, magnification, position = job
    prefix = f"SOB_{label[0].upper()}_{subtype}"
    name = f"{prefix}-{slide}-{magnification}-{position:03d}.png"
    patient = slide.rstrip("ABCD")
    field = FIELDS[magnification]
    image, mask = draw_image(name, patient, SUBTYPES[subtype], field=field, **drawn)
    below = Path(
        "breast", label, "SOB", SUBTYPES[subtype], f"{prefix}_{slide}", f"{magnification}X", name
    )
    save_image(Path(tree, "BreaKHis_v1/histology_slides", below), image)
    save_image(Path(tree, "BreaKHis_v1/lesion_masks", below), mask)
