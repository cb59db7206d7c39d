"""Readers of the published layouts and of manifests: what they list, assert and refuse."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import BACH, BREAKHIS, ROOT, breakhis_path, read_json, save_noise

from paper_code.datasets import PAPER_DATASETS, dataset_files_present, read_dataset
from paper_code.datasets.prepare import draw, make_manifest, proportional
from paper_code.datasets.read import class_counts
from paper_code.errors import UserError
from paper_code.published import published_table

REAL = ROOT.parent / "shared" / "data"
MINI = Path("MINI-DDSM-Complete-JPEG-8")


@pytest.mark.parametrize("number", ["03", "04", "05"])
def test_catalog_holds_the_printed_counts(number):
    printed = published_table(number)
    printed = printed[(printed["metric"] == "images") & printed["dataset"].isin(PAPER_DATASETS)]
    printed = printed[printed["class"] != "total"]
    assert len(printed) in (8, 4, 3)
    for row in printed.to_dict("records"):
        assert PAPER_DATASETS[row["dataset"]].counts[row["class"]] == row["value"]


# --- BreakHis ----------------------------------------------------------------------------------


def test_breakhis_lists_one_magnification(breakhis_root):
    table = read_dataset("breakhis_40x", breakhis_root)
    assert len(table) == 12
    assert table["label"].value_counts().to_dict() == {"benign": 6, "malignant": 6}
    assert table.attrs["classes"] == ("benign", "malignant")
    assert table.attrs["status"] == "subset 12 of 1995 images"
    assert set(table["magnification"]) == {"40X"}
    assert all("-40-" in path and Path(path).is_file() for path in table["path"])
    assert table["path"].is_monotonic_increasing
    assert (table["mask"] == "").all()
    first = table.iloc[0]
    assert first["image"] == str(breakhis_path(Path(), "A", "14-22549AB", 40, 1))
    assert first[["subtype", "slide", "group"]].tolist() == ["A", "14-22549AB", "14-22549"]


def test_breakhis_part_letters_are_one_patient_and_one_patient_may_have_two_subtypes(breakhis_root):
    table = read_dataset("breakhis_100x", breakhis_root)
    groups = table.groupby("group")
    assert set(groups.groups) == {"14-22549", "14-9133", "14-13412", "14-2523"}
    assert set(groups.get_group("14-22549")["slide"]) == {"14-22549AB", "14-22549CD"}
    assert set(groups.get_group("14-13412")["subtype"]) == {"DC", "LC"}


def test_breakhis_misnamed_file(breakhis_root):
    path = breakhis_path(breakhis_root, "A", "14-22549AB", 40, 1)
    path.rename(path.with_name("scan 1.png"))
    with pytest.raises(UserError, match=r"scan 1\.png: not a BreakHis file name"):
        read_dataset("breakhis_40x", breakhis_root)


def test_breakhis_file_in_the_other_class(breakhis_root):
    path = breakhis_path(breakhis_root, "A", "14-22549AB", 40, 1)
    path.rename(breakhis_path(breakhis_root, "DC", "14-2523", 40, 1).with_name(path.name))
    with pytest.raises(UserError, match=r"SOB_B_A-14-22549AB-40-001.png.*'benign'.*'malignant'"):
        read_dataset("breakhis_40x", breakhis_root)


def test_complete_set_subset_and_too_many(breakhis_root, monkeypatch):
    counts = PAPER_DATASETS["breakhis_40x"].counts
    monkeypatch.setitem(counts, "benign", 6)
    monkeypatch.setitem(counts, "malignant", 6)
    assert read_dataset("breakhis_40x", breakhis_root).attrs["status"] == "complete: 12 images"
    monkeypatch.setitem(counts, "malignant", 7)
    status = read_dataset("breakhis_40x", breakhis_root).attrs["status"]
    assert status == "subset 12 of 13 images"
    monkeypatch.setitem(counts, "benign", 5)
    with pytest.raises(UserError, match="6 images of class 'benign', more than the 5"):
        read_dataset("breakhis_40x", breakhis_root)


def test_missing_class(breakhis_root):
    for path in (breakhis_root / BREAKHIS / "malignant").rglob("*.png"):
        path.unlink()
    with pytest.raises(UserError, match="class 'malignant' of breakhis_40x has no image"):
        read_dataset("breakhis_40x", breakhis_root)
    assert class_counts(PAPER_DATASETS["breakhis_40x"], breakhis_root) == {
        "benign": 6,
        "malignant": 0,
    }


def test_missing_data_root(tmp_path):
    assert not dataset_files_present(PAPER_DATASETS["bach"], tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"nowhere.*no such folder.*data_root"):
        read_dataset("bach", tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["breakhis_40x", "bach"])
def test_a_copy_that_unpacks_into_a_folder_of_its_own(breakhis_root, bach_root, tmp_path, name):
    """As Kaggle's BreakHis does: BreaKHis_v1/BreaKHis_v1/histology_slides/..."""
    plain = read_dataset(name, breakhis_root)
    for folder in (BREAKHIS.parts[0], BACH.parts[0]):
        (tmp_path / "copies").mkdir(exist_ok=True)
        (tmp_path / "copies" / folder).mkdir()
        (breakhis_root / folder).rename(tmp_path / "copies" / folder / folder)
    assert dataset_files_present(PAPER_DATASETS[name], tmp_path / "copies")
    nested = read_dataset(name, tmp_path / "copies")
    assert [Path(path).name for path in nested["path"]] == [Path(p).name for p in plain["path"]]
    assert nested["label"].tolist() == plain["label"].tolist()
    assert all(Path(path).is_file() for path in nested["path"])


@pytest.mark.skipif(not (REAL / "BreaKHis_v1").is_dir(), reason="no real images here")
def test_real_breakhis_sample():
    table = read_dataset("breakhis_100x", REAL)
    assert len(table) == 423
    assert table["label"].value_counts().to_dict() == {"benign": 211, "malignant": 212}
    assert table.attrs["status"] == "subset 423 of 2081 images"
    assert table["slide"].nunique() == 28
    assert table.groupby("label")["group"].nunique().to_dict() == {"benign": 8, "malignant": 16}


# --- BACH --------------------------------------------------------------------------------------

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
    assert table.attrs["status"] == "subset 8 of 400 images"
    assert (table["group"] == "").all()
    for path, label in zip(table["path"], table["label"], strict=True):
        assert Path(path).parent.name.lower() == label


def test_bach_ground_truth_contradicts(bach_root):
    truth = ["n001.tif,Normal", "is002.tif,Invasive"]
    (bach_root / BACH / "microscopy_ground_truth.csv").write_text("\n".join(truth))
    with pytest.raises(UserError, match=r"is002\.tif.*'Invasive'.*'InSitu'"):
        read_dataset("bach", bach_root)


@pytest.mark.parametrize("place", ["Benign/n009.tif", "Photo/b009.tif"])
def test_bach_misplaced_file(bach_root, place):
    save_noise(bach_root / BACH / place)
    with pytest.raises(UserError, match=f"{place}: not in the published layout"):
        read_dataset("bach", bach_root)


# --- Mini-DDSM ---------------------------------------------------------------------------------


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
        rows.append(
            {
                "fullPath": f"{listed}.jpg",
                "fileName": f"{stem}.jpg",
                "View": stem.split("_")[-1],
                "Side": "LEFT",
                "Status": status,
                "Age": 50,
                "Density": 2,
                "Tumour_Contour": f"{listed}_Mask.jpg" if contours else "-",
                "Tumour_Contour2": f"{listed}_Mask2.jpg" if contours > 1 else "-",
            }
        )
    write_sheet(root, pd.DataFrame(rows))
    return root


def write_sheet(root: Path, rows: pd.DataFrame) -> None:
    rows.to_excel(root / MINI / "DataWMask.xlsx", sheet_name="Data", index=False)


def read_sheet(root: Path) -> pd.DataFrame:
    return pd.read_excel(root / MINI / "DataWMask.xlsx", sheet_name="Data")


def test_mini_ddsm(mini_root):
    table = read_dataset("mini_ddsm", mini_root).set_index("group")
    assert table.groupby("label").size().to_dict() == {"normal": 2, "benign": 1, "malignant": 1}
    assert table.attrs["classes"] == ("normal", "benign", "malignant")
    assert table.loc["0029", ["label", "view", "side"]].tolist() == ["benign", "MLO", "RIGHT"]
    assert table.loc["0029", "mask"].endswith("C_0029_1.RIGHT_MLO_Mask.jpg")
    masks = [Path(name).name for name in table.loc["1141", "mask"].split(";")]
    assert masks == ["A_1141_1.LEFT_CC_Mask.jpg", "A_1141_1.LEFT_CC_Mask2.jpg"]
    assert set(table.loc["0001", "mask"]) == {""}


def test_mini_ddsm_without_its_sheet(mini_root):
    (mini_root / MINI / "DataWMask.xlsx").unlink()
    assert len(read_dataset("mini_ddsm", mini_root)) == 4


def test_mini_ddsm_sheet_may_list_images_that_are_not_there(mini_root):
    absent = read_sheet(mini_root).iloc[[0]].assign(fullPath="Normal\\0777\\A_0777_1.LEFT_CC.jpg")
    write_sheet(mini_root, pd.concat([read_sheet(mini_root), absent]))
    assert len(read_dataset("mini_ddsm", mini_root)) == 4


def test_mini_ddsm_status_contradicts(mini_root):
    write_sheet(mini_root, read_sheet(mini_root).assign(Status="Normal"))
    with pytest.raises(UserError, match=r"'Normal' for Benign/0029/C_0029_1.RIGHT_MLO.jpg"):
        read_dataset("mini_ddsm", mini_root)


def test_mini_ddsm_missing_contour_file(mini_root):
    (mini_root / MINI / "Benign/0029/C_0029_1.RIGHT_MLO_Mask.jpg").unlink()
    with pytest.raises(UserError, match=r"C_0029_1.RIGHT_MLO.jpg: .* lists a contour"):
        read_dataset("mini_ddsm", mini_root)


@pytest.mark.parametrize("content", [b"not a workbook", None])
def test_mini_ddsm_bad_sheet(mini_root, content):
    if content is None:
        write_sheet(mini_root, read_sheet(mini_root).drop(columns="Status"))
    else:
        (mini_root / MINI / "DataWMask.xlsx").write_bytes(content)
    with pytest.raises(
        UserError, match=r"DataWMask.xlsx: (cannot be read|columns missing: Status)"
    ):
        read_dataset("mini_ddsm", mini_root)


@pytest.mark.parametrize("name", ["Benign/0029/photo.jpg", "Benign/C_0029_1.LEFT_CC.jpg"])
def test_mini_ddsm_misplaced_file(mini_root, name):
    save_noise(mini_root / MINI / name, mode="L")
    with pytest.raises(UserError, match=f"{name}: not in the published layout"):
        read_dataset("mini_ddsm", mini_root)


# --- A manifest of your own ---------------------------------------------------------------------


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


def read_own(manifest: Path, **entry) -> pd.DataFrame:
    return read_dataset("own", "unused", {"own": {"path": str(manifest)} | entry})


def test_manifest(own):
    table = read_own(own)
    assert table["image"].tolist() == [f"images/{number}.png" for number in range(4)]
    assert table["label"].tolist() == list("abab")
    assert table["group"].tolist() == ["p1", "p1", "", ""]
    assert table["mask"].tolist() == ["", (own.parent / "images/0.png").as_posix(), "", ""]
    assert table["age"].tolist() == ["50", "51", "52", "53"]
    assert table.attrs["classes"] == ("a", "b")
    assert read_own(own, classes=["b", "a"]).attrs["classes"] == ("b", "a")


# --- What make_manifest records ------------------------------------------------------------------


def test_make_manifest_records_source_and_hashes(breakhis_root, tmp_path):
    output = tmp_path / "out/manifest.csv"
    make_manifest(PAPER_DATASETS["breakhis_40x"], breakhis_root, "real", output)
    table = pd.read_csv(output, dtype=str, keep_default_na=False)
    source = read_json(output.with_name("source.json"))
    assert len(table) == source["images"] == 12
    assert table["sha256"].nunique() == 12 and table["sha256"].str.len().eq(64).all()
    assert source["description"] == "real (subset 12 of 1995 images)"
    assert (source["patients"], source["complete"], source["duplicates"]) == (4, False, [])


@pytest.mark.parametrize(("limit", "complete"), [(None, True), (6, False)])
def test_a_complete_set_that_is_drawn_down_is_no_longer_complete(
    breakhis_root, tmp_path, monkeypatch, limit, complete
):
    for label in ("benign", "malignant"):
        monkeypatch.setitem(PAPER_DATASETS["breakhis_40x"].counts, label, 6)
    output = tmp_path / "out/manifest.csv"
    make_manifest(PAPER_DATASETS["breakhis_40x"], breakhis_root, "real", output, limit=limit)
    assert read_json(output.with_name("source.json"))["complete"] is complete


def test_duplicates_are_reported(breakhis_root, tmp_path, capsys):
    first, second = (breakhis_path(breakhis_root, "A", "14-22549AB", 40, n) for n in (1, 2))
    second.write_bytes(first.read_bytes())
    output = tmp_path / "manifest.csv"
    make_manifest(PAPER_DATASETS["breakhis_40x"], breakhis_root, "real", output, workers=2)
    pairs = read_json(output.with_name("source.json"))["duplicates"]
    assert pairs == [[path.relative_to(breakhis_root).as_posix() for path in (first, second)]]
    assert "1 byte-identical pairs" in capsys.readouterr().err


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
