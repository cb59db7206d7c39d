"""Synthetic images in the published layouts, with exact lesion masks: for tests and a first run."""

from pathlib import Path

from paper_code.datasets.catalog import PAPER_DATASETS
from paper_code.datasets.prepare import proportional
from paper_code.errors import UserError
from paper_code.phantoms import bach, breakhis, mini_ddsm
from paper_code.phantoms.writing import Drawing, new_tree

FAMILIES = {"breakhis": breakhis, "bach": bach, "mini_ddsm": mini_ddsm}
SMALLEST = 32  # px, height in which a lesion can be drawn


def write_phantom(
    family: str,
    root: str | Path,
    *,
    images: int | None,
    height: int,
    seed: int,
    lesion_scale: float = 1.0,
    patient_signal: float = 1.0,
    workers: int = 1,
) -> None:
    """Write the phantom of one family below `root`, in the published layout.

    Args:
        family: "breakhis" (all four magnifications), "bach" or "mini_ddsm".
        root: folder to write into; an older phantom there is replaced.
        images: images of each data set, classes in the published proportion; None for all.
        height: of the images in px; the published aspect ratio is kept.
        seed: decides every image: neither `workers` nor `images` change the pixels of a name.
        lesion_scale: of mini_ddsm: multiplies the lesions' size and malignant ones' contrast.
        patient_signal: of breakhis and bach: how far patients differ in stain, texture and light.
            Low, and what tells the class is the lesion alone.

    UserError for a height below 32 px, a full disk, or a `root` that holds files that are no
    phantom: they may be the real data set, which is never replaced.
    """
    if height < SMALLEST:
        raise UserError(f"Phantom: height {height} px is too small; use {SMALLEST} or more.")
    counts = {
        dataset.name: dataset.counts if images is None else proportional(dataset.counts, images)
        for dataset in PAPER_DATASETS.values()
        if dataset.family == family
    }
    drawing = Drawing(height, seed, lesion_scale, patient_signal, workers)
    with new_tree(root) as tree:
        FAMILIES[family].write(tree, counts, drawing)
