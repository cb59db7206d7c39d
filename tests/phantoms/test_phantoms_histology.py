"""Histology phantoms: layout, counts, seeds, masks, patients, micrometres."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2hed
from skimage.filters import threshold_otsu
from skimage.measure import label, regionprops_table

from paper_code.datasets import bach, breakhis
from paper_code.errors import UserError
from paper_code.phantoms.bach import write_bach
from paper_code.phantoms.breakhis import CLASSES, FIELDS, SUBTYPES, write_breakhis
from paper_code.phantoms.histology import draw_field, draw_patient
from paper_code.phantoms.tissue import COVERAGE, KINDS, MARGIN, lay_out

BREAKHIS = {dataset.magnification: dataset for dataset in breakhis.DATASETS}
SMALL = {"width": 90, "height": 60}
BREAKHIS_COUNTS = {40: {"benign": 8, "malignant": 19}, 400: {"benign": 3, "malignant": 5}}
BACH_COUNTS = {"Normal": 2, "Benign": 1, "InSitu": 1, "Invasive": 3}


@pytest.fixture(scope="module")
def breakhis_tree(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("breakhis") / "raw"
    write_breakhis(root, BREAKHIS_COUNTS, seed=3, **SMALL)
    return root


@pytest.fixture(scope="module")
def bach_tree(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("bach") / "raw"
    write_bach(root, BACH_COUNTS, seed=3, **SMALL)
    return root


def draw(kind: str, seed: int, patient: int = 0, field: float = 480.0, width: int = 90):
    rng, who = np.random.default_rng(seed), draw_patient(np.random.default_rng(patient))
    return draw_field(rng, who, kind, width=width, height=width * 2 // 3, field=field)


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize("magnification", BREAKHIS_COUNTS)
def test_breakhis_reader_finds_what_was_asked_for(breakhis_tree, magnification):
    table = breakhis.read(BREAKHIS[magnification], breakhis_tree)
    assert table["label"].value_counts().to_dict() == BREAKHIS_COUNTS[magnification]
    assert (table["mask"] != "").all()
    assert table["group"].str.fullmatch(r"14-9\d{4}").all()
    assert (table.groupby("group")["label"].nunique() == 1).all()


def test_breakhis_slides(breakhis_tree):
    table = breakhis.read(BREAKHIS[40], breakhis_tree)
    slides = table.groupby("label")["slide"].nunique()
    assert slides.to_dict() == {"benign": 6, "malignant": 6}
    assert (table.groupby("group")["slide"].nunique() == 2).any()  # 14-90003AB and 14-90003CD
    assert (table.groupby("group")["subtype"].nunique() == 2).sum() == 1  # as 14-13412
    assert set(breakhis.read(BREAKHIS[400], breakhis_tree)["slide"]) <= set(table["slide"])
    assert {name for names in CLASSES.values() for name in names} == set(SUBTYPES)


def test_breakhis_counts_may_leave_out_a_class(tmp_path):
    write_breakhis(tmp_path / "raw", {100: {"malignant": 2}}, seed=0, **SMALL)
    assert breakhis.read(BREAKHIS[100], tmp_path / "raw")["label"].tolist() == ["malignant"] * 2


def test_bach_layout(bach_tree):
    table = bach.read(*bach.DATASETS, bach_tree)
    numbers = table["label"].value_counts().to_dict()
    assert numbers == {"normal": 2, "benign": 1, "insitu": 1, "invasive": 3}
    truth = bach_tree / bach.FOLDER / bach.GROUND_TRUTH
    with truth.open(newline="") as handle:
        rows = dict(csv.reader(handle))
    assert len(rows) == len(table) and rows["is001.tif"] == "InSitu"


def test_masks_fit_their_images_and_only_normal_tissue_has_none(breakhis_tree, bach_tree):
    tables = [breakhis.read(BREAKHIS[number], breakhis_tree) for number in (40, 400)]
    for table in (*tables, bach.read(*bach.DATASETS, bach_tree)):
        for row in table.itertuples():
            image, mask = Image.open(row.path), np.asarray(Image.open(row.mask))
            assert image.mode == "RGB" and image.size == mask.shape[::-1] == (90, 60)
            assert mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 255}
            assert mask.any() == (row.label != "normal")


@pytest.mark.parametrize("write", [write_breakhis, write_bach])
def test_the_seed_alone_decides_every_byte(write, tmp_path):
    few = {100: {"benign": 2, "malignant": 2}} if write is write_breakhis else BACH_COUNTS
    write(tmp_path / "one", few, 5, **SMALL)
    write(tmp_path / "two", few, 5, workers=2, **SMALL)
    write(tmp_path / "other", few, 6, **SMALL)
    one, two, other = (contents(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert one.keys() == other.keys()
    images = [name for name in one if name.endswith((".png", ".tif")) and "mask" not in name]
    assert all(one[name] != other[name] for name in images)


def test_an_image_does_not_depend_on_the_others(bach_tree, tmp_path):
    write_bach(tmp_path / "raw", {"Invasive": 1}, seed=3, **SMALL)
    name = "Photos/Invasive/iv001.tif"
    folder = Path("ICIAR2018_BACH_Challenge")
    assert (tmp_path / "raw" / folder / name).read_bytes() == (
        bach_tree / folder / name
    ).read_bytes()


@pytest.mark.parametrize(
    ("write", "counts"),
    [
        (write_bach, {"normal": 1}),
        (write_breakhis, {50: {"benign": 1}}),
        (write_breakhis, {40: {"Benign": 1}}),
    ],
)
def test_unknown_classes_and_magnifications_are_named(write, counts, tmp_path):
    with pytest.raises(UserError, match=r"normal|50|Benign"):
        write(tmp_path / "raw", counts, seed=0, **SMALL)
    assert not list(tmp_path.iterdir())


def test_an_interrupted_run_leaves_no_half_tree(tmp_path, monkeypatch):
    calls = []

    def stop(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        Path(arguments[0]).parent.mkdir(parents=True, exist_ok=True)
        Path(arguments[0]).write_bytes(b"")

    monkeypatch.setattr("paper_code.phantoms.bach.save_image", stop)
    with pytest.raises(KeyboardInterrupt):
        write_bach(tmp_path / "raw", BACH_COUNTS, seed=0, **SMALL)
    assert len(calls) == 4
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"normal"}))
@pytest.mark.parametrize("field", FIELDS.values())
def test_lesions_cover_a_part_of_the_field(kind, field):
    image, mask = draw(kind, seed=11, field=field)
    assert image.shape == (60, 90, 3) and image.dtype == np.uint8
    assert mask.shape == (60, 90) and mask.dtype == bool
    assert 0.5 * COVERAGE[0] < mask.mean() < 1.2 * COVERAGE[1]


def test_lesion_does_not_depend_on_the_size_in_pixels():
    small, large = (draw("ductal_carcinoma", 2, width=width)[1] for width in (90, 360))
    assert np.mean(large[2::4, 2::4] == small) > 0.97


def test_nuclei_keep_their_size_in_micrometres():
    def diameter(field: float) -> float:
        """Median diameter of single nuclei in px, found on the image."""
        found = []
        for seed in range(3):
            image, _ = draw("mucinous_carcinoma", seed, field=field, width=500)
            blue = rgb2hed(image)[..., 0]
            regions = regionprops_table(
                label(blue > threshold_otsu(blue)), properties=("area", "solidity", "eccentricity")
            )
            single = (regions["solidity"] > 0.92) & (regions["eccentricity"] < 0.75)
            area = regions["area"][single & (regions["area"] > 30)]
            found.extend(2 * np.sqrt(area / np.pi))
        assert len(found) > 10
        return float(np.median(found))

    ratio = diameter(FIELDS[400]) / diameter(FIELDS[200])
    assert ratio == pytest.approx(FIELDS[200] / FIELDS[400], rel=0.25)


def test_malignant_nuclei_are_larger_and_more_varied():
    def nuclei(kind: str) -> np.ndarray:
        tissue = lay_out(kind, np.random.default_rng(0), 480.0, 320.0)
        column, row = ((tissue.cells[:, :2] + MARGIN) / tissue.pitch).astype(int).T
        depth = np.maximum(tissue.tumour, tissue.gland)[row, column]
        return tissue.cells[depth > 5, 2]

    benign = np.concatenate([nuclei("adenosis"), nuclei("tubular_adenoma")])
    for kind in ("ductal_carcinoma", "lobular_carcinoma", "papillary_carcinoma", "in_situ"):
        malignant = nuclei(kind)
        assert np.median(malignant) > 1.3 * np.median(benign)
        assert np.std(malignant) > np.std(benign)


def test_patients_keep_their_stain():
    kinds = ("adenosis", "ductal_carcinoma", "fibroadenoma", "mucinous_carcinoma")
    density = np.array(
        [
            [
                -np.log((draw(kind, seed, patient)[0] + 1.0) / 256).mean((0, 1))
                for seed, kind in enumerate(kinds)
            ]
            for patient in range(8)
        ]
    )
    density /= np.linalg.norm(density, axis=-1, keepdims=True)  # colour, not the amount of cells
    own = np.linalg.norm(density - density.mean(1, keepdims=True), axis=-1).mean()
    others = np.linalg.norm(density.mean(1) - density.mean((0, 1)), axis=-1).mean()
    assert own < others
