"""Readers of the published layouts and of manifests: what they list, assert and refuse."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import BACH, BREAKHIS, breakhis_path, save_noise

from paper_code.datasets import PAPER_DATASETS, dataset_files_present, read_dataset
from paper_code.datasets.prepare import draw, make_manifest, proportional
from paper_code.errors import UserError
from paper_code.files import read_json
from paper_code.published import published_table

MINI = Path("MINI-DDSM-Complete-JPEG-8")


@pytest.mark.parametrize("number", ["03", "04", "05"])
def test_catalog_holds_the_printed_counts(number):
    printed = published_table(number)
    printed = printed[(printed["metric"] == "images") & printed["dataset"].isin(PAPER_DATASETS)]
    printed = printed[printed["class"] != "total"]
    assert len(printed) in (8, 4, 3)
    for row in printed.to_dict("records"):
        assert PAPER_DATASETS[row["dataset"]].counts[row["class"]] == row["value"]


# --- what is listed ----------------------------------------------------------------------------


def test_breakhis(breakhis_root):
    """One magnification; part letters are one patient, and a patient may have two subtypes."""
    table = read_dataset("breakhis_40x", breakhis_root)
    assert table["label"].value_counts().to_dict() == {"benign": 6, "malignant": 6}
    assert table.attrs["classes"] == ("benign", "malignant")
    assert table.attrs["status"] == "subset 12 of 1995 images"
    assert set(table["magnification"]) == {"40X"} and (table["mask"] == "").all()
    assert all("-40-" in path and Path(path).is_file() for path in table["path"])
    assert table["path"].is_monotonic_increasing
    first = table.iloc[0]
    assert first["image"] == str(breakhis_path(Path(), "A", "14-22549AB", 40, 1))
    assert first[["subtype", "slide", "group"]].tolist() == ["A", "14-22549AB", "14-22549"]
    groups = table.groupby("group")
    assert set(groups.groups) == {"14-22549", "14-9133", "14-13412", "14-2523"}
    assert set(groups.get_group("14-22549")["slide"]) == {"14-22549AB", "14-22549CD"}
    assert set(groups.get_group("14-13412")["subtype"]) == {"DC", "LC"}


def test_complete_set_subset_and_too_many(breakhis_root, monkeypatch):
    counts = PAPER_DATASETS["breakhis_40x"].counts
    for benign, malignant, status in ((6, 6, "complete: 12 images"), (6, 7, "subset 12 of 13 im")):
        monkeypatch.setitem(counts, "benign", benign)
        monkeypatch.setitem(counts, "malignant", malignant)
        assert read_dataset("breakhis_40x", breakhis_root).attrs["status"].startswith(status)
    monkeypatch.setitem(counts, "benign", 5)
    with pytest.raises(UserError, match="6 images of class 'benign', more than the 5"):
        read_dataset("breakhis_40x", breakhis_root)


TRUTH = [
    f"{prefix}00{number}.tif,{folder}"
    for number in (1, 2)
    for prefix, folder in {"n": "Normal", "b": "Benign", "is": "InSitu", "iv": "Invasive"}.items()
]


@pytest.mark.parametrize("truth", [None, TRUTH, TRUTH[:3]])
def test_bach(bach_root, truth):
    if truth:
        (bach_root / BACH / "microscopy_ground_truth.csv").write_text("\n".join(truth) + "\n")
    table = read_dataset("bach", bach_root)
    assert table.attrs["classes"] == ("normal", "benign", "insitu", "invasive")
    assert table.groupby("label").size().to_dict() == dict.fromkeys(table.attrs["classes"], 2)
    assert table.attrs["status"] == "subset 8 of 400 images" and (table["group"] == "").all()
    for path, label in zip(table["path"], table["label"], strict=True):
        assert Path(path).parent.name.lower() == label


@pytest.mark.parametrize("name", ["breakhis_40x", "bach"])
def test_a_copy_that_unpacks_into_a_folder_of_its_own(breakhis_root, bach_root, tmp_path, name):
    """As Kaggle's BreakHis does: BreaKHis_v1/BreaKHis_v1/histology_slides/..."""
    plain = read_dataset(name, breakhis_root)
    for folder in (BREAKHIS.parts[0], BACH.parts[0]):
        (tmp_path / "copies" / folder).mkdir(parents=True)
        (breakhis_root / folder).rename(tmp_path / "copies" / folder / folder)
    assert dataset_files_present(PAPER_DATASETS[name], tmp_path / "copies")
    nested = read_dataset(name, tmp_path / "copies")
    assert [Path(path).name for path in nested["path"]] == [Path(p).name for p in plain["path"]]
    assert nested["label"].tolist() == plain["label"].tolist()
    assert all(Path(path).is_file() for path in nested["path"])


SHEET = MINI / "DataWMask.xlsx"


def write_sheet(root: Path, rows: pd.DataFrame) -> None:
    rows.to_excel(root / SHEET, sheet_name="Data", index=False)


def read_sheet(root: Path) -> pd.DataFrame:
    return pd.read_excel(root / SHEET, sheet_name="Data")


@pytest.fixture
def mini_root(tmp_path) -> Path:
    """Two normal views, one benign with a contour, one cancer with two contours."""
    root, rows = tmp_path / "raw", []
    places = [
        ("Normal", "0001", "A_0001_1.LEFT_CC", 0),
        ("Normal", "0001", "A_0001_1.LEFT_MLO", 0),
        ("Benign", "0029", "C_0029_1.RIGHT_MLO", 1),
        ("Cancer", "1141", "A_1141_1.LEFT_CC", 2),
    ]
    for status, case, stem, contours in places:
        path = save_noise(root / MINI / status / case / f"{stem}.jpg", mode="L")
        for suffix in ("_Mask", "_Mask2")[:contours]:
            save_noise(path.with_name(f"{stem}{suffix}.jpg"), mode="L")
        listed = f"{status}\\{case}\\{stem}"
        row = {"fullPath": f"{listed}.jpg", "fileName": f"{stem}.jpg", "Status": status}
        row |= {"View": stem.split("_")[-1], "Side": "LEFT", "Age": 50, "Density": 2}
        row["Tumour_Contour"] = f"{listed}_Mask.jpg" if contours else "-"
        row["Tumour_Contour2"] = f"{listed}_Mask2.jpg" if contours > 1 else "-"
        rows.append(row)
    write_sheet(root, pd.DataFrame(rows))
    return root


@pytest.mark.parametrize("sheet", [True, False])
def test_mini_ddsm(mini_root, sheet):
    if not sheet:
        (mini_root / SHEET).unlink()
    table = read_dataset("mini_ddsm", mini_root).set_index("group")
    assert table.groupby("label").size().to_dict() == {"normal": 2, "benign": 1, "malignant": 1}
    assert table.attrs["classes"] == ("normal", "benign", "malignant")
    assert table.loc["0029", ["label", "view", "side"]].tolist() == ["benign", "MLO", "RIGHT"]
    assert table.loc["0029", "mask"].endswith("C_0029_1.RIGHT_MLO_Mask.jpg")
    masks = [Path(name).name for name in table.loc["1141", "mask"].split(";")]
    assert masks == ["A_1141_1.LEFT_CC_Mask.jpg", "A_1141_1.LEFT_CC_Mask2.jpg"]
    assert set(table.loc["0001", "mask"]) == {""}


@pytest.fixture
def own(tmp_path) -> Path:
    """A manifest of four images in two classes."""
    for number in range(4):
        save_noise(tmp_path / f"images/{number}.png", number)
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(
        "path,label,group,mask,age\nimages/0.png,a,p1,,50\nimages/1.png,b,p1,images/0.png,51\n"
        "images/2.png,a,,,52\nimages/3.png,b,,,53\n"
    )
    return manifest


def test_manifest(own):
    entry = {"path": str(own)}
    table = read_dataset("own", "unused", {"own": entry})
    assert table["image"].tolist() == [f"images/{number}.png" for number in range(4)]
    assert table["label"].tolist() == list("abab")
    assert table["group"].tolist() == ["p1", "p1", "", ""]
    assert table["mask"].tolist() == ["", (own.parent / "images/0.png").as_posix(), "", ""]
    assert table["age"].tolist() == ["50", "51", "52", "53"]
    assert table.attrs["classes"] == ("a", "b")
    turned = read_dataset("own", "unused", {"own": entry | {"classes": ["b", "a"]}})
    assert turned.attrs["classes"] == ("b", "a")


# --- what is refused ---------------------------------------------------------------------------


def move(root: Path, source: tuple, folder: Path | None = None, name: str | None = None) -> None:
    path = breakhis_path(root, *source)
    path.rename((folder or path.parent) / (name or path.name))


def empty(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        path.unlink()


FIRST = ("A", "14-22549AB", 40, 1)
WRONG = {
    "breakhis_40x": {
        "misnamed": (
            lambda root: move(root, FIRST, name="scan 1.png"),
            r"scan 1\.png: not a BreakHis file name",
        ),
        "in the other class": (
            lambda root: move(root, FIRST, breakhis_path(root, "DC", "14-2523", 40, 1).parent),
            r"SOB_B_A-14-22549AB-40-001.png.*'benign'.*'malignant'",
        ),
        "no image of a class": (
            lambda root: empty(root / BREAKHIS / "malignant"),
            "class 'malignant' of breakhis_40x has no image",
        ),
    },
    "bach": {
        "another label in the list": (
            lambda root: (root / BACH / "microscopy_ground_truth.csv").write_text(
                "n001.tif,Normal\nis002.tif,Invasive"
            ),
            r"is002\.tif.*'Invasive'.*'InSitu'",
        ),
        "misplaced": (
            lambda root: save_noise(root / BACH / "Photo/b009.tif"),
            "Photo/b009.tif: not in the published layout",
        ),
    },
    "mini_ddsm": {
        "another status in the sheet": (
            lambda root: write_sheet(root, read_sheet(root).assign(Status="Normal")),
            r"'Normal' for Benign/0029/C_0029_1.RIGHT_MLO.jpg",
        ),
        "a contour without its file": (
            lambda root: (root / MINI / "Benign/0029/C_0029_1.RIGHT_MLO_Mask.jpg").unlink(),
            r"C_0029_1.RIGHT_MLO.jpg: .* lists a contour",
        ),
        "no workbook": (
            lambda root: (root / SHEET).write_bytes(b"not a workbook"),
            r"DataWMask.xlsx: cannot be read",
        ),
        "a sheet without a column": (
            lambda root: write_sheet(root, read_sheet(root).drop(columns="Status")),
            r"DataWMask.xlsx: columns missing: Status",
        ),
    },
}


@pytest.mark.parametrize(("name", "fault"), [(n, fault) for n, of in WRONG.items() for fault in of])
def test_what_contradicts_the_layout_is_named(name, fault, request):
    root = request.getfixturevalue(f"{name.removesuffix('_40x').removesuffix('_ddsm')}_root")
    spoil, message = WRONG[name][fault]
    spoil(root)
    with pytest.raises(UserError, match=message):
        read_dataset(name, root)


def test_missing_data_root(tmp_path):
    assert not dataset_files_present(PAPER_DATASETS["bach"], tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"nowhere.*no such folder.*data_root"):
        read_dataset("bach", tmp_path / "nowhere")


# --- what make_manifest records ----------------------------------------------------------------


def test_make_manifest_records_source_hashes_and_duplicates(breakhis_root, tmp_path, capsys):
    first, second = (breakhis_path(breakhis_root, "A", "14-22549AB", 40, n) for n in (1, 2))
    second.write_bytes(first.read_bytes())
    output = tmp_path / "out/manifest.csv"
    make_manifest(PAPER_DATASETS["breakhis_40x"], breakhis_root, "real", output, workers=2)
    table = pd.read_csv(output, dtype=str, keep_default_na=False)
    source = read_json(output.with_name("source.json"))
    assert len(table) == source["images"] == 12
    assert table["sha256"].nunique() == 11 and table["sha256"].str.len().eq(64).all()
    assert source["description"] == "real (subset 12 of 1995 images)"
    assert (source["patients"], source["complete"]) == (4, False)
    pair = [path.relative_to(breakhis_root).as_posix() for path in (first, second)]
    assert source["duplicates"] == [pair]
    assert "1 byte-identical pairs" in capsys.readouterr().err
    make_manifest(PAPER_DATASETS["breakhis_40x"], breakhis_root, "real", output, seed=3, limit=6)
    drawn = read_json(output.with_name("source.json"))
    assert drawn["description"] == "real (subset 12 of 1995 images; 6 drawn with seed 3)"
    assert drawn["images"] == 6 and drawn["complete"] is False


def test_draw_is_seeded_stratified_and_keeps_the_order(breakhis_root):
    table = read_dataset("breakhis_40x", breakhis_root)
    counts = {"benign": 2, "malignant": 4}
    drawn = draw(table, counts, seed=1)
    assert drawn["label"].value_counts().to_dict() == counts
    assert drawn["path"].is_monotonic_increasing and drawn["path"].is_unique
    assert drawn.equals(draw(table, counts, seed=1))
    assert not drawn.equals(draw(table, counts, seed=2))


@pytest.mark.parametrize(
    ("counts", "total", "expected"),
    [
        ({"a": 644, "b": 1437}, 450, {"a": 139, "b": 311}),
        ({"a": 500, "b": 700, "c": 800}, 48, {"a": 12, "b": 17, "c": 19}),
        ({"a": 1, "b": 999}, 20, {"a": 1, "b": 19}),
    ],
)
def test_proportional(counts, total, expected):
    assert proportional(counts, total) == expected
