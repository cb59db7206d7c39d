"""Drawn micrographs: lesions, nuclei in micrometres, patients, and where the class shows."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from paper_code.phantoms.breakhis import FIELDS
from paper_code.phantoms.histology import (
    COVERAGE,
    KINDS,
    draw_field,
    draw_patient,
)

BENIGN = ("adenosis", "fibroadenoma", "phyllodes_tumor", "tubular_adenoma")
MALIGNANT = ("ductal_carcinoma", "lobular_carcinoma", "mucinous_carcinoma", "papillary_carcinoma")


def draw(kind: str, seed: int, patient: int = 0, field: float = 480.0, width: int = 90, signal=1.0):
    rng, who = np.random.default_rng(seed), draw_patient(np.random.default_rng(patient), signal)
    return draw_field(rng, who, kind, width=width, height=width * 2 // 3, field=field)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", FIELDS.values())
def test_lesions_cover_a_part_of_the_field(kind, field):
    image, mask = draw(kind, seed=11, field=field)
    assert image.shape == (60, 90, 3) and image.dtype == np.uint8
    assert mask.shape == (60, 90) and mask.dtype == bool
    low, high = (0, 0) if kind == "normal" else COVERAGE
    assert low - 0.02 <= mask.mean() <= high + 0.02


@pytest.mark.parametrize("field", [FIELDS[40], FIELDS[200]])
def test_the_class_shows_in_the_lesion_and_nowhere_else(field):
    """By a linear classifier of the colours' means and spreads, inside and outside the mask."""
    inside, outside, classes = [], [], []
    for seed in range(12):
        for number, kind in enumerate(BENIGN + MALIGNANT):
            image, mask = draw(
                kind, 100 * number + seed, patient=8 * seed + number, field=field, signal=0.2
            )
            for features, part in ((inside, image[mask]), (outside, image[~mask])):
                features.append([*part.mean(0), *part.std(0)])
            classes.append(kind in MALIGNANT)

    def score(features: list) -> float:
        model = make_pipeline(StandardScaler(), LogisticRegression())
        return cross_val_score(model, features, classes, cv=4).mean()

    assert score(inside) > 0.85
    assert score(outside) < 0.65
