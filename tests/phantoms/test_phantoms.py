"""Trees of phantoms: the readers find what was asked for, the seed decides it, nothing is lost."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from paper_code.datasets.catalog import PAPER_DATASETS
from paper_code.datasets.prepare import proportional
from paper_code.datasets.read import read_dataset
from paper_code.errors import UserError
from paper_code.phantoms import write_phantom
from paper_code.phantoms.breakhis import CLASSES, SUBTYPES
from paper_code.phantoms.writing import NOTE

FAMILIES = ("breakhis", "bach", "mini_ddsm")
HEIGHTS = {"breakhis": 48, "bach": 48, "mini_ddsm": 128}
IMAGES = 27
SEED = 5


@pytest.fixture(scope="module")
def trees(tmp_path_factory) -> dict[str, Path]:
    """Every family's phantom, by the family's name."""
    roots = {family: tmp_path_factory.mktemp(family) / "raw" for family in FAMILIES}
    for family, root in roots.items():
        write_phantom(family, root, images=IMAGES, height=HEIGHTS[family], seed=SEED)
    return roots


def contents(root: Path) -> dict[str, str]:
    """Every file's digest by its path; the spreadsheet, which holds the time, by its cells."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(
            pd.read_excel(path).to_csv().encode() if path.suffix == ".xlsx" else path.read_bytes()
        ).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", PAPER_DATASETS)
def test_the_reader_of_the_real_set_finds_the_published_proportions(trees, name):
    dataset = PAPER_DATASETS[name]
    table = read_dataset(name, trees[dataset.family])
    assert table["label"].value_counts().to_dict() == proportional(dataset.counts, IMAGES)
    if name != "bach":  # whose patients are not known
        assert (table.groupby("group")["label"].nunique() == 1).all()


@pytest.mark.parametrize("name", ["breakhis_40x", "breakhis_400x", "bach"])
def test_masks_fit_their_images_and_only_normal_tissue_has_none(trees, name):
    aspect = {"breakhis": 700 / 460, "bach": 4 / 3}[PAPER_DATASETS[name].family]
    for row in read_dataset(name, trees[PAPER_DATASETS[name].family]).itertuples():
        image, mask = Image.open(row.path), np.asarray(Image.open(row.mask))
        assert image.mode == "RGB" and image.size == mask.shape[::-1] == (round(48 * aspect), 48)
        assert mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 255}
        assert mask.any() == (row.label != "normal")


def test_breakhis_slides(trees):
    table = read_dataset("breakhis_40x", trees["breakhis"])
    assert table["group"].str.fullmatch(r"14-9\d{4}").all()
    assert table.groupby("label")["slide"].nunique().to_dict() == {"benign": 6, "malignant": 6}
    assert (table.groupby("group")["slide"].nunique() == 2).any()  # 14-90003AB and 14-90003CD
    assert (table.groupby("group")["subtype"].nunique() == 2).sum() == 1  # as 14-13412
    assert set(read_dataset("breakhis_400x", trees["breakhis"])["slide"]) <= set(table["slide"])
    assert {name for names in CLASSES.values() for name in names} == set(SUBTYPES)


def test_mini_ddsm_shows_a_lesion_in_both_views_of_its_breast(trees):
    table = read_dataset("mini_ddsm", trees["mini_ddsm"])
    assert table.groupby("group").size().max() == 4
    assert (table.group.astype(int) > 9000).all()
    assert (table[table.label == "normal"]["mask"] == "").all()
    whole = table.groupby("group").filter(lambda case: len(case) == 4)
    shown = whole[whole["mask"] != ""].groupby("group").side.value_counts().unstack(fill_value=0)
    assert set(shown.index) == set(whole[whole.label != "normal"].group)
    assert set(shown.to_numpy().ravel()) <= {0, 2}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_seed_decides_every_pixel_whatever_the_workers(trees, family, tmp_path):
    options = {"images": 8, "height": HEIGHTS[family]}
    write_phantom(family, tmp_path / "two", seed=SEED, workers=2, **options)
    write_phantom(family, tmp_path / "other", seed=SEED + 1, **options)
    first, two, other = (
        {name: digest for name, digest in contents(root).items() if not name.endswith(".csv")}
        for root in (trees[family], tmp_path / "two", tmp_path / "other")
    )
    images = {name: digest for name, digest in two.items() if not name.endswith(".xlsx")}
    # Fewer images of a family are the first ones of more.
    assert images.items() <= first.items()
    same = {name for name, digest in other.items() if two.get(name) == digest}
    assert not [name for name in same if "mask" not in name.lower() and name != NOTE]


def test_an_older_phantom_is_replaced_and_nothing_else(trees, tmp_path):
    root = tmp_path / "raw"
    for images in (8, 4):
        write_phantom("bach", root, images=images, height=32, seed=1)
    assert len(read_dataset("bach", root)) == 4
    real = tmp_path / "real" / "BreaKHis_v1" / "image.png"
    real.parent.mkdir(parents=True)
    real.write_bytes(b"irreplaceable")
    with pytest.raises(UserError, match=NOTE):
        write_phantom("bach", tmp_path / "real", images=4, height=32, seed=1)
    assert real.read_bytes() == b"irreplaceable"
