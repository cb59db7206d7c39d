"""Synthetic images in the published layouts, with exact lesion masks."""

from pathlib import Path

from paper_code.datasets.catalog import PAPER_DATASETS
from paper_code.datasets.prepare import proportional

# The folders' names in the published archives, where they differ from the class names.
_FOLDERS = {
    "bach": {"normal": "Normal", "benign": "Benign", "insitu": "InSitu", "invasive": "Invasive"},
    "mini_ddsm": {"normal": "Normal", "benign": "Benign", "malignant": "Cancer"},
}


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
        images: images of each data set, classes in the published proportion; None for the
            published number.
        height: of the images in px; the published aspect ratio is kept.
        seed: decides every image.
        lesion_scale: of mini_ddsm: multiplies the lesions' size and malignant ones' contrast.
        patient_signal: of breakhis and bach: how far patients differ in stain, texture and light.
            Low, and what tells the class is the lesion alone.
        workers: processes that draw.
    """
    counts = {
        name: dataset.counts if images is None else proportional(dataset.counts, images)
        for name, dataset in PAPER_DATASETS.items()
        if dataset.family == family
    }
    options = {"patient_signal": patient_signal, "workers": workers}
    if family == "breakhis":
        from paper_code.phantoms.breakhis import write_breakhis

        by_magnification = {
            PAPER_DATASETS[name].magnification: count for name, count in counts.items()
        }
        width = round(height * 700 / 460)
        write_breakhis(root, by_magnification, seed, width=width, height=height, **options)
        return
    named = {_FOLDERS[family][label]: number for label, number in counts[family].items()}
    if family == "bach":
        from paper_code.phantoms.bach import write_bach

        width = round(height * 2048 / 1536)
        write_bach(root, named, seed, width=width, height=height, **options)
        return
    from paper_code.phantoms.mini_ddsm import write_mini_ddsm

    write_mini_ddsm(root, named, seed, height=height, lesion_scale=lesion_scale, workers=workers)
