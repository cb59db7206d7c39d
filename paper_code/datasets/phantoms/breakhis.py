"""Phantom slides in the layout of BreakHis."""

import functools
from pathlib import Path

import numpy as np

from paper_code.datasets.phantoms.histology import Architecture, draw_field, draw_patient
from paper_code.datasets.phantoms.writing import new_tree, run_jobs, save_image

# Width of the field of view in micrometres: chosen so that nuclei have the size in px that they
# have in BreakHis (about 6 px at 40X and 50 px at 400X of a 700 px wide image).
FIELDS = {40: 1120, 100: 455, 200: 224, 400: 112}
SUBTYPES = {
    "A": ("adenosis", Architecture("glands", 30, 0.40, 0.90, 3.2, 0.10, 7.5)),
    "F": ("fibroadenoma", Architecture("glands", 34, 0.30, 0.70, 3.2, 0.10, 7.0, matrix=0.35)),
    "PT": ("phyllodes_tumor", Architecture("glands", 46, 0.62, 0.75, 3.4, 0.12, 7.0, matrix=0.42)),
    "TA": ("tubular_adenoma", Architecture("glands", 22, 0.45, 0.95, 3.1, 0.08, 7.0)),
    "DC": ("ductal_carcinoma", Architecture("nests", 32, 0.0, 0.60, 5.2, 0.30, 10.0)),
    "LC": ("lobular_carcinoma", Architecture("cords", 24, 0.0, 0.50, 4.6, 0.24, 9.5)),
    "MC": ("mucinous_carcinoma", Architecture("nests", 36, 0.0, 0.45, 4.9, 0.26, 9.5, matrix=0.16)),
    "PC": ("papillary_carcinoma", Architecture("nests", 20, 0.0, 0.65, 4.8, 0.26, 9.0)),
}
BENIGN, MALIGNANT = ("A", "F", "PT", "TA"), ("DC", "DC", "LC", "MC", "PC")
SLIDES = {"benign": 24, "malignant": 58}  # of the published set
IMAGES_PER_SLIDE = 8


def write_breakhis(
    root: str | Path,
    counts: dict[int, dict[str, int]],
    seed: int,
    *,
    width: int = 700,
    height: int = 460,
    workers: int = 1,
) -> None:
    """Write `BreaKHis_v1/histology_slides/...` and the masks beside it in `lesion_masks/...`.

    Args:
        root: folder for the tree; an older one there is replaced.
        counts: {magnification: {"benign": images, "malignant": images}}.
        seed: decides every image; neither `workers` nor other counts change an image.
        width: px.
        height: px.
        workers: processes that draw.
    """
    most = {name: max(count[name] for count in counts.values()) for name in SLIDES}
    slides = {name: _slides(name, number) for name, number in most.items()}
    jobs = []
    for magnification, count in counts.items():
        for label, number in count.items():
            for index in range(number):
                slide, subtype, patient = slides[label][index % len(slides[label])]
                position = index // len(slides[label]) + 1
                if subtype == "DC" and patient == 0 and position % 3 == 0:
                    subtype = "LC"  # as 14-13412 in the published set: two subtypes, one patient
                jobs.append((magnification, label, slide, subtype, patient, position))
    work = functools.partial(_draw, seed=seed, width=width, height=height)
    with new_tree(root) as tree:
        run_jobs(functools.partial(work, tree=str(tree)), jobs, "BreakHis phantom", workers)


def _slides(label: str, images: int) -> list[tuple[str, str, int]]:
    """(slide id, subtype, patient) of a class: every third patient has two slides."""
    number = int(np.clip(images // IMAGES_PER_SLIDE, min(6, images), SLIDES[label]))
    start, subtypes = (90001, BENIGN) if label == "benign" else (95001, MALIGNANT)
    slides, patient = [], 0
    while len(slides) < number:
        subtype = subtypes[patient % len(subtypes)]
        parts = ("AB", "CD") if patient % 3 == 2 else ("",)
        slides += [(f"14-{start + patient}{part}", subtype, patient) for part in parts]
        patient += 1
    return slides[:number]


def _draw(job, *, tree: str, seed: int, width: int, height: int) -> None:
    magnification, label, slide, subtype, patient, position = job
    kind = 0 if label == "benign" else 1
    who = draw_patient(np.random.default_rng([seed, 40, kind, patient]))
    letters = sum(ord(letter) for letter in slide[8:])
    rng = np.random.default_rng([seed, magnification, kind, patient, letters, position])
    folder, architecture = SUBTYPES[subtype]
    image, mask = draw_field(
        rng, who, architecture, width=width, height=height, field=FIELDS[magnification]
    )
    prefix = f"SOB_{label[0].upper()}_{subtype}"
    below = Path("breast", label, "SOB", folder, f"{prefix}_{slide}", f"{magnification}X")
    name = f"{prefix}-{slide}-{magnification}-{position:03d}.png"
    base = Path(tree, "BreaKHis_v1")
    save_image(base / "histology_slides" / below / name, image)
    save_image(base / "lesion_masks" / below / name, mask)
