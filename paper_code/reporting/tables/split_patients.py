"""What the published ways of splitting BreakHis do to its patients, at full scale, without pixels.

The names of the images tell the slide and the patient. So it can be counted, for the splits of
Table VI, how many test images are of a patient, or of a slide, that the network was trained on.
"""

import numpy as np
import pandas as pd

from paper_code.datasets.breakhis_lists import read_folds, read_index
from paper_code.datasets.splits import PARTS, part_sizes, split_by_image, split_by_patient
from paper_code.reporting.labels import label

SPLITS = 1000  # seeded splits by image, stratified and not, at each magnification
LAST_SEED = SPLITS - 1
PATIENT_SPLITS = 10  # by patient; what is counted is 0 by construction
IMAGE, UNSTRATIFIED, PATIENT = "image", "image, unstratified", "patient"
TRAIN, VAL, TEST = range(len(PARTS))
METRICS = {
    "test_images_known_patient": "Test images whose patient is in training",
    "test_images_known_slide": "Test images whose slide is in training",
    "patients_shared": "Patients in more than one part",
    "slides_shared": "Slides in more than one part",
    "test_patients": "Patients in the test part",
    "test_images": "Images in the test part",
}
SHARES = ("test_images_known_patient", "test_images_known_slide")


def rows(*, lists: str) -> pd.DataFrame:
    """One row per magnification, way of splitting and entry of `METRICS`.

    Raises:
        UserError: a list is missing or wrong.
    """
    index = read_index(lists)
    folds = read_folds(lists, index)
    return pd.DataFrame([*_drawn_rows(index), *_official_rows(folds)])


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Add each cell as text, the title of its section, and what its names were counted for."""
    together = {label("breakhis"): "All four magnifications together"}
    return rows.assign(
        text=[_cell(row) for _, row in rows.iterrows()],
        title=rows["dataset"].map(label).replace(together),
        counted=rows["metric"].map(METRICS).where(rows["names"] != ""),
    )


def split_facts(parts: np.ndarray, patients: np.ndarray, slides: np.ndarray) -> pd.DataFrame:
    """What splits let through: one row per split, one column per entry of `METRICS`.

    Args:
        parts: S x N numbers of parts (0 train, 1 val, 2 test), one row per split.
        patients, slides: N codes 0..G-1 of each image.
    """
    by_patient, by_slide = _counts(parts, patients), _counts(parts, slides)
    images = by_patient[..., TEST].sum(axis=1)
    return pd.DataFrame(
        {
            "test_images_known_patient": _known(by_patient) / images,
            "test_images_known_slide": _known(by_slide) / images,
            "patients_shared": _shared(by_patient).sum(axis=1),
            "slides_shared": _shared(by_slide).sum(axis=1),
            "test_patients": (by_patient[..., TEST] > 0).sum(axis=1),
            "test_images": images,
        }
    )


def _counts(parts: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """S x G x 3 images of each group in each part of each split."""
    splits, groups = len(parts), int(codes.max()) + 1
    cell = (np.arange(splits)[:, None] * groups + codes) * len(PARTS) + parts
    counts = np.bincount(cell.ravel(), minlength=splits * groups * len(PARTS))
    return counts.reshape(splits, groups, len(PARTS))


def _known(counts: np.ndarray) -> np.ndarray:
    """Test images of each split whose group has images in training."""
    return (counts[..., TEST] * (counts[..., TRAIN] > 0)).sum(axis=1)


def _shared(counts: np.ndarray) -> np.ndarray:
    """S x G: whether a group has images in more than one part."""
    return (counts > 0).sum(axis=2) > 1


def draw_splits(labels: np.ndarray, patients: np.ndarray) -> dict[str, np.ndarray]:
    """S x N parts, as numbers, of the splits drawn in each way, with seeds 0, 1, ..."""
    sizes = part_sizes(len(labels))
    in_order = np.repeat(np.arange(len(PARTS)), sizes)
    shuffled = np.random.default_rng(0).permuted(np.tile(in_order, (SPLITS, 1)), axis=1)
    return {
        IMAGE: np.stack([_numbers(split_by_image(labels, seed)) for seed in range(SPLITS)]),
        UNSTRATIFIED: shuffled,
        PATIENT: np.stack(
            [_numbers(split_by_patient(labels, patients, seed)) for seed in range(PATIENT_SPLITS)]
        ),
    }


def _numbers(parts: np.ndarray) -> np.ndarray:
    return np.select([parts == name for name in PARTS], range(len(PARTS)))


def _drawn_rows(index: pd.DataFrame) -> list[dict]:
    rows = []
    for magnification, images in index.groupby("magnification"):
        patients, slides = _codes(images)
        labels = images["label"].to_numpy()
        for way, parts in draw_splits(labels, images["patient"].to_numpy()).items():
            facts = split_facts(parts, patients, slides)
            rows += _rows(f"breakhis_{magnification}x", way, facts, images)
    return rows


def _official_rows(folds: pd.DataFrame) -> list[dict]:
    rows = []
    for dataset, images in [*folds.groupby("dataset", sort=False), ("breakhis", folds)]:
        for fold, part in images.groupby("fold"):
            patients, slides = _codes(part)
            parts = _numbers(part["part"].to_numpy())[None]
            facts = split_facts(parts, patients, slides)
            for row in _rows(dataset, f"official fold {fold}", facts, part):
                codes = {"patients_shared": patients, "slides_shared": slides}.get(row["metric"])
                if codes is not None:
                    names = part["patient" if row["metric"] == "patients_shared" else "slide"]
                    known = pd.Series(names.to_numpy()).groupby(codes).first()
                    row["names"] = " ".join(sorted(known[_shared(_counts(parts, codes))[0]]))
                rows.append(row)
    magnifications = [f"breakhis_{m}x" for m in sorted(folds["magnification"].unique())]
    order = {name: place for place, name in enumerate([*magnifications, "breakhis"])}
    return sorted(rows, key=lambda row: order[row["dataset"]])


def _codes(images: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return pd.factorize(images["patient"])[0], pd.factorize(images["slide"])[0]


def _rows(dataset: str, way: str, facts: pd.DataFrame, images: pd.DataFrame) -> list[dict]:
    """One row per metric: mean, quantiles and ends over the splits."""
    return [
        {
            "dataset": dataset,
            "way": way,
            "metric": metric,
            "mean": round(float(values.mean()), 6),
            "low": round(float(values.quantile(0.025)), 6),
            "high": round(float(values.quantile(0.975)), 6),
            "least": round(float(values.min()), 6),
            "greatest": round(float(values.max()), 6),
            "splits": len(facts),
            "images": len(images),
            "patients": images["patient"].nunique(),
            "slides": images["slide"].nunique(),
            "names": "",
        }
        for metric, values in facts.items()
    ]


def _cell(row: pd.Series) -> str:
    show = "{:.2%}" if row["metric"] in SHARES else "{:.4g}"
    text = show.format(row["mean"])
    if row["low"] == row["high"]:
        return text
    return f"{text} [{show.format(row['low'])}, {show.format(row['high'])}]"
