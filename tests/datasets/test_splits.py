"""Image-wise and patient-wise splits: Table VI's counts, stratification, no patient in two."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_code.datasets import PAPER_DATASETS, splits
from paper_code.datasets.splits import (
    FRACTIONS,
    PARTS,
    make_split,
    split_by_image,
    split_by_patient,
)
from paper_code.datasets.tables import read_split
from paper_code.errors import UserError
from paper_code.published import published_table

PRINTED = published_table("06")


def labels_of(name: str) -> np.ndarray:
    counts = PAPER_DATASETS[name].counts
    return np.repeat(list(counts), list(counts.values()))


@pytest.mark.parametrize("name", PAPER_DATASETS)
def test_image_wise_gives_the_counts_of_table_6(name):
    printed = PRINTED[PRINTED["dataset"] == name].set_index("part")["value"]
    labels = labels_of(name)
    parts = split_by_image(labels, seed=0)
    assert printed["total"] == len(labels)
    for part in PARTS:
        assert (parts == part).sum() == printed[part]


def test_the_seed_decides(monkeypatch):
    monkeypatch.setattr(splits, "TRIALS", 50)
    labels = labels_of("bach")
    groups = np.array([f"p{i // 4}" for i in range(400)], dtype=object)
    for split in (split_by_image, lambda *a: split_by_patient(a[0], groups, a[1])):
        assert np.array_equal(split(labels, 1), split(labels, 1))
        assert not np.array_equal(split(labels, 1), split(labels, 2))


def test_every_class_is_in_every_part_or_it_is_an_error():
    for rare in range(1, 40):
        labels = np.repeat(["common", "rare"], [60, rare])
        try:
            table = pd.crosstab(split_by_image(labels, seed=0), labels)
        except UserError as error:
            assert "Too few images" in str(error)
            assert rare < 20
        else:
            assert table.shape == (3, 2) and (table > 0).all(axis=None)


@st.composite
def patients(draw):
    """Labels and patients of 9 to 25 patients with 1 to 8 images, some of them of two classes."""
    groups, labels = [], []
    for patient in range(draw(st.integers(9, 25))):
        first = patient % 2
        for image in range(draw(st.integers(1, 8))):
            groups.append(f"p{patient}")
            labels.append("ab"[first if image == 0 else draw(st.sampled_from([first, first, 0]))])
    return np.array(labels), np.array(groups, dtype=object)


@settings(max_examples=25, deadline=None)
@given(patients(), st.integers(0, 100))
def test_patient_wise_keeps_patients_whole(data, seed):
    labels, groups = data
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "TRIALS", 50)
        parts = split_by_patient(labels, groups, seed)
    table = pd.DataFrame({"group": groups, "label": labels, "part": parts})
    assert (table.groupby("group")["part"].nunique() == 1).all()
    assert set(parts) == set(PARTS)
    assert (pd.crosstab(parts, labels) > 0).all(axis=None)


def test_patient_wise_is_near_6_1_3():
    rng = np.random.default_rng(0)
    groups = np.array([f"p{i}" for i in rng.integers(0, 82, 2000)], dtype=object)
    malignant = {f"p{i}" for i in range(24, 82)}
    labels = np.where([group in malignant for group in groups], "malignant", "benign")
    parts = split_by_patient(labels, groups, seed=0)
    for label in ("benign", "malignant"):
        share = [(parts[labels == label] == part).mean() for part in PARTS]
        assert np.abs(np.array(share) - FRACTIONS).max() <= splits.TOLERANCE


def test_patient_wise_differs_between_seeds_and_tests_two_patients_of_each_class():
    # As many patients and images as the shared BreakHis sample at 100X.
    sizes = {"b": [1, 10, 11, 16, 21, 23, 57, 72], "m": [4, 6, 6, 8, 9, 10, 10, 11, 12, 20, 23, 29]}
    groups = [
        f"{label}{i}" for label in sizes for i, n in enumerate(sizes[label]) for _ in range(n)
    ]
    groups = np.array(groups, dtype=object)
    labels = np.array([group[0] for group in groups])
    training = []
    for seed in range(10):
        parts = split_by_patient(labels, groups, seed)
        for part in ("train", "test"):
            patients = set(groups[parts == part])
            assert min(sum(p[0] == label for p in patients) for label in "bm") >= 2
        training.append({p for p in groups[parts == "train"] if p[0] == "b"})
    assert len({frozenset(patients) for patients in training}) >= 5


def test_images_without_patient_are_patients_of_their_own():
    labels = np.repeat(["a", "b"], 20)
    parts = split_by_patient(labels, np.full(40, "", dtype=object), seed=0)
    assert [(parts == part).sum() for part in PARTS] == [24, 4, 12]


def test_too_few_patients():
    labels = np.repeat(["a", "b"], 20)
    groups = np.array([f"a{i}" for i in range(20)] + ["b0"] * 10 + ["b1"] * 10, dtype=object)
    with pytest.raises(UserError, match="Class 'b' has images of 2 patients"):
        split_by_patient(labels, groups, seed=0)


@pytest.mark.parametrize("sizes", [[1, 1, 98], [5, 5, 5, 85]])
def test_unequal_patients_never_leave_a_class_out_of_a_part(sizes):
    many = [f"a{i}" for i in range(30)]
    few = [name for i, size in enumerate(sizes) for name in [f"b{i}"] * size]
    labels = np.array(["a"] * len(many) + ["b"] * len(few))
    parts = split_by_patient(labels, np.array(many + few, dtype=object), seed=0)
    assert (pd.crosstab(parts, labels) > 0).all(axis=None)


def test_make_split_writes_rows_as_in_the_manifest(tmp_path):
    manifest = tmp_path / "manifest.csv"
    table = pd.DataFrame(
        {
            "path": [f"/x/{i}.png" for i in range(40)],
            "image": [f"{i}.png" for i in range(40)],
            "label": ["a", "b"] * 20,
            "group": [f"p{i // 2}" for i in range(40)],
        }
    )
    table.to_csv(manifest, index=False)
    for by in ("image", "patient"):
        output = tmp_path / f"{by}.csv"
        make_split(manifest, output, by=by, seed=3)
        made = pd.read_csv(output, dtype=str)
        assert made.columns.tolist() == ["image", "label", "group", "part", "by", "seed"]
        assert read_split(output).attrs == {"by": by, "seed": 3}
        assert made["image"].tolist() == table["image"].tolist()
        twice = made.groupby("group")["part"].nunique().max()
        assert twice == 1 if by == "patient" else twice > 1


def with_split(tmp_path, split, groups):
    labels = ["a", "b"] * (len(split) // 2)
    table = pd.DataFrame({"image": [f"{i}.png" for i in range(len(split))], "label": labels})
    table.assign(group=groups, split=split).to_csv(tmp_path / "manifest.csv", index=False)
    return tmp_path / "manifest.csv", tmp_path / "split.csv"


def test_a_manifest_s_own_split_is_kept_and_val_is_drawn_from_its_training_patients(tmp_path):
    split = ["train"] * 80 + ["test"] * 20
    groups = [f"p{i // 4}" for i in range(100)]
    manifest, output = with_split(tmp_path, split, groups)
    drawn = []
    for seed in (0, 1):
        make_split(manifest, output, by="patient", seed=seed)
        found = read_split(output)
        assert (found["part"] == "test").tolist() == [part == "test" for part in split]
        assert found.groupby("group")["part"].nunique().eq(1).all()
        assert 4 <= (found["part"] == "val").sum() <= 16
        drawn.append(found["part"].tolist())
    assert drawn[0] != drawn[1]
    make_split(manifest, output, by="image", seed=0)  # another question than the official one
    assert (read_split(output)["part"] == "test").sum() == 30

    split[:8] = ["val"] * 8
    manifest, output = with_split(tmp_path, split, groups)
    make_split(manifest, output, by="patient", seed=0)
    assert read_split(output)["part"].tolist() == split


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (["train"] * 9 + ["tset"], "split 'tset' is not one of train, val, test"),
        (["train"] * 10, "the column split has no image for test"),
        (["train"] * 7 + ["test"] * 3, "patient 'p3' is in two parts of 'split'"),
    ],
)
def test_a_manifest_s_own_split_that_cannot_be_kept(split, message, tmp_path):
    manifest, output = with_split(tmp_path, split, [f"p{i // 2}" for i in range(10)])
    with pytest.raises(UserError, match=f"manifest.csv: {message}"):
        make_split(manifest, output, by="patient", seed=0)


@pytest.mark.parametrize(("lacking", "given_val"), [("train", True), ("test", False)])
def test_a_manifest_s_own_split_has_each_class_in_each_part(lacking, given_val, tmp_path):
    split = ["train"] * 40 + (["val"] if given_val else ["train"]) * 10 + ["test"] * 10
    manifest, output = with_split(tmp_path, split, [f"p{i}" for i in range(60)])
    table = pd.read_csv(manifest)
    table[(table["split"] != lacking) | (table["label"] == "a")].to_csv(manifest, index=False)
    with pytest.raises(UserError, match=f"split has no image of class 'b' for {lacking}"):
        make_split(manifest, output, by="patient", seed=0)
    assert not output.exists()
