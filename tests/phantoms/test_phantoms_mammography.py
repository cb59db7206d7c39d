"""Phantom mammograms: what is drawn, and the tree it is written into."""

import dataclasses
import hashlib
from pathlib import Path, PureWindowsPath

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from paper_code.datasets import mini_ddsm as reader
from paper_code.errors import UserError
from paper_code.phantoms import mini_ddsm as writer
from paper_code.phantoms.mammography import (
    draw_lesion,
    draw_patient,
    power_law_noise,
    render_mammogram,
)
from paper_code.phantoms.mini_ddsm import FOLDER, SHEET, write_mini_ddsm
from paper_code.phantoms.writing import NOTE

COUNTS = {"Normal": 6, "Benign": 8, "Cancer": 12}
HEIGHT = 128


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("phantom")
    write_mini_ddsm(root, COUNTS, seed=5, height=HEIGHT)
    return root


@pytest.fixture(scope="module")
def sheet(tree):
    return pd.read_excel(tree / FOLDER / SHEET, sheet_name="Data", dtype=str)


def contents(root: Path) -> dict[str, str]:
    """Every file's digest by its path below `root`."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def spectral_slope(field: np.ndarray, low: float, high: float) -> float:
    """The beta of power ~ 1/f^beta between two frequencies in cycles per pixel."""
    rows, columns = field.shape
    window = np.hanning(rows)[:, None] * np.hanning(columns)
    power = np.abs(np.fft.fft2((field - field.mean()) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns))
    edges = np.geomspace(low, high, 9)
    band = np.digitize(frequency, edges)
    mean = [power[band == k].mean() for k in range(1, len(edges))]
    centre = np.sqrt(edges[1:] * edges[:-1])
    return -np.polyfit(np.log(centre), np.log(mean), 1)[0]


def view(seed, kind, side="LEFT", name="CC", height=256, **changes):
    patient = dataclasses.replace(draw_patient(np.random.default_rng(seed)), **changes)
    lesion = None
    if kind != "normal":
        lesion = draw_lesion(np.random.default_rng([seed, 1]), kind == "malignant")
    return render_mammogram(patient, side, name, height, np.random.default_rng([seed, 2]), lesion)


# --- the image ---------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [2.0, 3.0])
def test_noise_has_the_stated_power_law(beta):
    fields = [power_law_noise((256, 250), beta, np.random.default_rng(seed)) for seed in range(4)]
    slope = np.mean([spectral_slope(field, 0.02, 0.3) for field in fields])
    assert slope == pytest.approx(beta, abs=0.15)
    assert fields[0].shape == (256, 250) and fields[0].dtype == np.float32
    assert fields[0].mean() == pytest.approx(0, abs=1e-4)
    assert fields[0].std() == pytest.approx(1, abs=1e-4)


def test_rendered_tissue_keeps_a_slope_like_that_of_mammograms():
    slopes = []
    for seed in range(6):
        image, _, breast = view(seed, "normal", height=512, grain=0.0, marker=False)
        y, x = (int(v) for v in np.argwhere(cv2.erode(breast.astype(np.uint8), None) > 0).mean(0))
        patch = image[y - 48 : y + 48, max(x - 48, 0) : max(x - 48, 0) + 96]
        slopes.append(spectral_slope(patch.astype(float), 0.03, 0.25))
    assert 2.4 < np.mean(slopes) < 3.6


@pytest.mark.parametrize("name", ["CC", "MLO"])
@pytest.mark.parametrize("kind", ["benign", "malignant"])
def test_mass_is_one_bright_area_inside_the_breast_of_the_stated_size(kind, name):
    for seed in range(12):
        image, mask, breast = view(seed, kind, name=name)
        assert image.dtype == np.uint8 and mask.dtype == breast.dtype == bool
        assert image.shape == mask.shape == breast.shape and image.shape[0] == 256
        assert mask.any() and not (mask & ~breast).any()
        assert cv2.connectedComponents(mask.astype(np.uint8))[0] == 2
        tall = np.ptp(np.flatnonzero(breast.any(axis=1)))
        core = np.sqrt(mask.sum() * 4 / np.pi) / tall  # of the disc of equal area
        assert 0.04 < core < 0.26
        near = cv2.dilate(mask.astype(np.uint8), np.ones((15, 15))).astype(bool) & breast & ~mask
        assert image[mask].mean() > image[near].mean() + 8


def test_malignant_masks_are_irregular_and_benign_ones_smooth():
    def solidity(kind):
        values = []
        for seed in range(12):
            mask = view(seed, kind, height=416).lesion.astype(np.uint8)
            outline = max(cv2.findContours(mask, 0, 2)[0], key=cv2.contourArea)
            values.append(cv2.contourArea(outline) / cv2.contourArea(cv2.convexHull(outline)))
        return values

    assert min(solidity("benign")) > 0.95 > max(solidity("malignant"))


def test_normal_has_no_lesion_and_right_breasts_lie_on_the_right():
    for side in ("LEFT", "RIGHT"):
        image, mask, breast = view(3, "normal", side=side)
        assert not mask.any()
        columns = np.flatnonzero(breast.any(axis=0))
        assert (columns[0] == 0) == (side == "LEFT")
        assert (columns[-1] == image.shape[1] - 1) == (side == "RIGHT")
        assert image[breast].mean() > 3 * image[~breast].mean()


def test_only_oblique_views_show_the_pectoral_muscle():
    def corner(name):
        image = view(2, "normal", name=name, density=1, marker=False).image
        return image[4:16, :8].mean() - image[90:130, :40].mean()

    assert corner("MLO") > 20 > corner("CC")


def test_glandular_tissue_grows_with_density():
    means = [view(1, "normal", density=density) for density in (1, 2, 3, 4)]
    means = [drawn.image[drawn.breast].mean() for drawn in means]
    assert means == sorted(means)


# --- the tree ----------------------------------------------------------------------------------


def test_reader_finds_what_was_asked_for(tree):
    table = reader.read(tree)
    assert table.label.value_counts().to_dict() == {"malignant": 12, "benign": 8, "normal": 6}
    assert table.groupby("group").label.nunique().max() == 1
    assert table.groupby("group").size().max() == 4
    assert (table.group.astype(int) > 9000).all()
    assert (table[table.label == "normal"]["mask"] == "").all()
    shown = table[table["mask"] != ""].groupby("group").side.value_counts().unstack(fill_value=0)
    assert set(shown.index) == set(table[table.label != "normal"].group)
    assert set(shown.to_numpy().ravel()) <= {0, 2}  # a lesion is seen in both views of its breast


def test_images_are_grey_jpegs_of_varying_size_with_exact_masks(tree):
    sizes = set()
    for row in reader.read(tree).itertuples():
        with Image.open(row.path) as image:
            assert (image.format, image.mode) == ("JPEG", "L")
            assert 0.93 * HEIGHT < image.height < 1.07 * HEIGHT
            assert 0.49 < image.width / image.height < 0.71
            sizes.add(image.size)
        if row.mask:
            with Image.open(row.mask) as mask:
                assert (mask.format, mask.mode, mask.size) == ("JPEG", "L", image.size)
    assert len(sizes) > 5


def test_thresholding_a_written_mask_gives_the_drawn_one(tree):
    jobs = [(status, index) for status in ("Benign", "Cancer") for index in range(COUNTS[status])]
    compared = 0
    for job in jobs:
        plan = writer._plan(job, seed=5, lesion_scale=1.0)
        path = tree / FOLDER / job[0] / plan.case / f"{plan.stem}_Mask.jpg"
        assert path.exists() == (plan.lesion is not None)
        if plan.lesion is None:
            continue
        height = round(HEIGHT * plan.patient.film_height)
        drawn = render_mammogram(
            plan.patient, plan.side, plan.view, height, plan.rng, plan.lesion
        ).lesion
        read = np.asarray(Image.open(path))
        assert np.array_equal(read >= 128, drawn)
        assert not ((read > 32) & (read < 224)).any()  # far from the threshold, whoever decodes
        compared += 1
    assert compared >= 10


def test_sheet_describes_the_files(tree, sheet):
    assert list(sheet.columns) == [
        "fullPath",
        "fileName",
        "View",
        "Side",
        "Status",
        "Tumour_Contour",
        "Tumour_Contour2",
        "Age",
        "Density",
    ]
    assert sheet.Status.value_counts().to_dict() == COUNTS
    images = {
        path.relative_to(tree / FOLDER).as_posix()
        for path in (tree / FOLDER).rglob("*.jpg")
        if not path.stem.endswith("_Mask")
    }
    assert {PureWindowsPath(path).as_posix() for path in sheet.fullPath} == images
    for row in sheet.itertuples():
        status, case, name = PureWindowsPath(row.fullPath).parts
        assert (status, name) == (row.Status, row.fileName)
        assert name[1:] == f"_{case}_1.{row.Side}_{row.View}.jpg" and name[0] in "ABCD"
        contour = row.fullPath.replace(".jpg", "_Mask.jpg")
        exists = (tree / FOLDER).joinpath(*PureWindowsPath(contour).parts).exists()
        assert row.Tumour_Contour == (contour if exists else "-")
        assert row.Tumour_Contour2 == "-"
    assert set(sheet.Density) <= set("1234")
    assert sheet.Age.astype(int).between(35, 88).all()
    case = sheet.fullPath.str.split("\\", regex=False).str[1]
    assert (sheet.groupby(case)[["Age", "Density"]].nunique() == 1).all(axis=None)


def test_seed_decides_every_byte_whatever_the_workers(tree, tmp_path):
    write_mini_ddsm(tmp_path / "two", COUNTS, seed=5, height=HEIGHT, workers=2)
    assert contents(tmp_path / "two") == contents(tree)
    write_mini_ddsm(tmp_path / "other", COUNTS, seed=6, height=HEIGHT)
    same = set(contents(tmp_path / "other").items()) & set(contents(tree).items())
    assert {name for name, _ in same} == {f"{FOLDER}/{NOTE}"}


def test_an_image_does_not_depend_on_how_many_there_are(tree, tmp_path):
    write_mini_ddsm(tmp_path, {"Cancer": 3}, seed=5, height=HEIGHT)
    few = {name: digest for name, digest in contents(tmp_path).items() if name.endswith(".jpg")}
    assert len(few) >= 5 and few.items() <= contents(tree).items()


def test_an_older_phantom_is_replaced_and_nothing_else(tmp_path):
    (tmp_path / "mine.txt").write_text("stays")
    write_mini_ddsm(tmp_path, {"Normal": 8}, seed=1, height=64)
    write_mini_ddsm(tmp_path, {"Normal": 4}, seed=1, height=64)
    assert len(reader.read(tmp_path)) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == [FOLDER, "mine.txt"]


def test_the_real_set_is_never_replaced(tmp_path):
    real = tmp_path / FOLDER / "Normal" / "0001" / "A_0001_1.LEFT_CC.jpg"
    real.parent.mkdir(parents=True)
    real.write_bytes(b"irreplaceable")
    with pytest.raises(UserError, match=NOTE):
        write_mini_ddsm(tmp_path, {"Normal": 1}, seed=1, height=64)
    assert real.read_bytes() == b"irreplaceable"


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "save_image", full)
    with pytest.raises(UserError, match="no space left"):
        write_mini_ddsm(tmp_path, {"Normal": 1}, seed=1, height=64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("counts", "height"), [({"normal": 4}, 64), ({"Normal": -1}, 64), ({}, 64), ({"Normal": 1}, 8)]
)
def test_impossible_orders_are_refused(tmp_path, counts, height):
    with pytest.raises(UserError, match="Mini-DDSM phantom"):
        write_mini_ddsm(tmp_path, counts, seed=1, height=height)
    assert list(tmp_path.iterdir()) == []
