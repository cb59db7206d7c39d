"""Phantom slides in the layout of BreakHis."""

from pathlib import Path

import numpy as np

from paper_code.datasets.catalog import PAPER_DATASETS
from paper_code.phantoms.histology import draw_image
from paper_code.phantoms.writing import Drawing, draw_all, save_image

# Width of the field of view in micrometres: chosen so that nuclei have the size in px that they
# have in BreakHis (a benign one is about 4 px wide at 40X and 40 px at 400X of 700 px).
FIELDS = {40: 1200.0, 100: 480.0, 200: 240.0, 400: 120.0}
ASPECT = 700 / 460
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


def write(tree: Path, counts: dict[str, dict[str, int]], drawing: Drawing) -> None:
    """Write `BreaKHis_v1/histology_slides/...` and the masks beside it in `lesion_masks/...`.

    `counts` is {"breakhis_40x": {"benign": images, "malignant": images}, ...}.
    """
    jobs = []
    for label, start in FIRST_SLIDE.items():
        slides = _slides(label, start, max(count[label] for count in counts.values()))
        for name, count in counts.items():
            magnification = PAPER_DATASETS[name].magnification
            for index in range(count[label]):
                slide, subtype = slides[index % len(slides)]
                position = index // len(slides) + 1
                if slide == f"14-{FIRST_SLIDE['malignant']}" and position % 3 == 0:
                    subtype = "LC"  # as 14-13412 of the published set: one patient, two subtypes
                jobs.append((label, subtype, slide, magnification, position))
    draw_all(_draw, jobs, "BreakHis", tree, drawing)


def _slides(label: str, start: int, images: int) -> list[tuple[str, str]]:
    """(slide id, subtype) of a class; every fourth patient has two slides."""
    number = int(np.clip(images // IMAGES_PER_SLIDE, min(FEWEST_SLIDES, images), SLIDES[label]))
    slides = []
    for patient in range(number):
        subtype = CLASSES[label][patient % len(CLASSES[label])]
        parts = ("AB", "CD") if patient % 4 == 2 else ("",)
        slides += [(f"14-{start + patient}{part}", subtype) for part in parts]
    return slides[:number]


def _draw(job: tuple, tree: Path, drawing: Drawing) -> None:
    label, subtype, slide, magnification, position = job
    prefix = f"SOB_{label[0].upper()}_{subtype}"
    name = f"{prefix}-{slide}-{magnification}-{position:03d}.png"
    patient = slide.rstrip("ABCD")
    image, mask = draw_image(
        name, patient, SUBTYPES[subtype], drawing, ASPECT, FIELDS[magnification]
    )
    below = Path(
        "breast", label, "SOB", SUBTYPES[subtype], f"{prefix}_{slide}", f"{magnification}X", name
    )
    save_image(tree / "BreaKHis_v1/histology_slides" / below, image)
    save_image(tree / "BreaKHis_v1/lesion_masks" / below, mask)
