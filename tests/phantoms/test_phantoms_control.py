"""Controls of the leakage table: images that show their patient, or nothing, and never a class."""

import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from paper_code.datasets.control import CLASSES, SIGNALS
from paper_code.datasets.read import read_dataset
from paper_code.phantoms import write_phantom
from paper_code.phantoms.control import IMAGES_PER_PATIENT


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("control") / "raw"
    write_phantom("control", root, images=120, height=32, seed=0)
    return root


def colours(table) -> np.ndarray:
    """Mean colour of each image, N x 3."""
    return np.stack([np.asarray(Image.open(path)).mean((0, 1)) for path in table["path"]])


def test_half_of_the_patients_carry_each_class(root):
    for name in SIGNALS:
        table = read_dataset(name, root)
        assert table.attrs["classes"] == CLASSES
        assert (table.groupby("group")["label"].nunique() == 1).all()
        assert table.groupby("label")["group"].nunique().tolist() == [5, 5]
        assert (table["group"].value_counts() == IMAGES_PER_PATIENT).all()


def test_colour_tells_the_patient_where_the_signal_is_and_not_elsewhere(root):
    """By the nearest image of the others: chance is one in ten."""
    found = {}
    for name in SIGNALS:
        table = read_dataset(name, root)
        nearest = KNeighborsClassifier(n_neighbors=3)
        found[name] = cross_val_score(nearest, colours(table), table["group"], cv=4).mean()
    assert found["control_distinct"] > 0.7
    assert found["control_alike"] < 0.25


def test_same_seed_same_images(root, tmp_path):
    write_phantom("control", tmp_path / "again", images=120, height=32, seed=0)
    for path in sorted(root.rglob("*.png"))[::17]:
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(root)).read_bytes()
