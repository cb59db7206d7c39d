"""Trees of phantoms: the readers find what was asked for, the seed decides it, nothing is lost."""

import hashlib
import os
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from paper_code.datasets import breakhis, mini_ddsm
from paper_code.datasets.catalog import PAPER_DATASETS
from paper_code.datasets.prepare import proportional
from paper_code.datasets.read import read_dataset
from paper_code.errors import UserError
from paper_code.phantoms import write_phantom
from paper_code.phantoms.breakhis import CLASSES, SUBTYPES
from paper_code.phantoms.mini_ddsm import plan_image
from paper_code.phantoms.writing import NOTE, Drawing

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


def test_the_published_number_of_images_can_be_asked_for(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "paper_code.phantoms.breakhis.draw_all", lambda work, jobs, *_: asked.extend(jobs)
    )
    write_phantom("breakhis", tmp_path / "raw", images=None, height=48, seed=0)
    numbers = pd.DataFrame(asked).groupby([3, 0]).size()
    for magnification, counts in breakhis.COUNTS.items():
        assert numbers[magnification].to_dict() == counts
    slides = {job[2] for job in asked}
    assert len(slides) == 24 + 58 and len(asked) == 7909


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


def test_mini_ddsm_images_are_grey_jpegs_of_varying_size_with_exact_masks(trees):
    sizes, compared = set(), 0
    drawing = Drawing(HEIGHTS["mini_ddsm"], SEED)
    counts = proportional(PAPER_DATASETS["mini_ddsm"].counts, IMAGES)
    for job in [(label, index) for label, number in counts.items() for index in range(number)]:
        plan = plan_image(job, drawing)
        path = trees["mini_ddsm"] / mini_ddsm.FOLDERS[0] / plan.status / plan.case / plan.stem
        with Image.open(f"{path}.jpg") as image:
            assert (image.format, image.mode) == ("JPEG", "L")
            assert 0.93 * drawing.height < image.height < 1.07 * drawing.height
            assert 0.49 < image.width / image.height < 0.71
            sizes.add(image.size)
        mask = Path(f"{path}_Mask.jpg")
        assert mask.exists() == (plan.lesion is not None)
        if plan.lesion is not None:
            read = np.asarray(Image.open(mask))
            assert np.array_equal(read >= 128, plan.draw(drawing.height).lesion)
            assert not ((read > 32) & (read < 224)).any()  # far from 128, whoever decodes
            compared += 1
    assert len(sizes) > 4 and compared > 10


def test_mini_ddsm_s_sheet_describes_the_files(trees):
    root = trees["mini_ddsm"] / mini_ddsm.FOLDERS[0]
    sheet = pd.read_excel(root / mini_ddsm.SHEET, sheet_name="Data", dtype=str)
    images = {p.relative_to(root).as_posix() for p in root.rglob("*.jpg")}
    images -= {name for name in images if name.endswith("_Mask.jpg")}
    assert {PureWindowsPath(path).as_posix() for path in sheet.fullPath} == images
    for row in sheet.itertuples():
        status, case, name = PureWindowsPath(row.fullPath).parts
        assert (status, name) == (row.Status, row.fileName)
        assert name[1:] == f"_{case}_1.{row.Side}_{row.View}.jpg" and name[0] in "ABCD"
        contour = row.fullPath.replace(".jpg", "_Mask.jpg")
        exists = root.joinpath(*PureWindowsPath(contour).parts).exists()
        assert row.Tumour_Contour == (contour if exists else "-") and row.Tumour_Contour2 == "-"
    assert set(sheet.Density) <= set("1234")
    assert sheet.Age.astype(int).between(35, 88).all()
    case = sheet.fullPath.str.split("\\", regex=False).str[1]
    assert (sheet.groupby(case)[["Age", "Density"]].nunique() == 1).all(axis=None)


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


@pytest.mark.parametrize(
    ("error", "raised"),
    [(KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, os.strerror(28)), UserError)],
)
def test_an_interrupted_run_leaves_no_half_tree(tmp_path, monkeypatch, error, raised):
    calls = []

    def stop(path, *_):
        calls.append(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        if len(calls) == 4:
            raise error

    monkeypatch.setattr("paper_code.phantoms.bach.save_image", stop)
    with pytest.raises(raised):
        write_phantom("bach", tmp_path / "raw", images=8, height=32, seed=0)
    assert len(calls) == 4
    assert not list(tmp_path.iterdir())
