"""The transcription: its shape, its names, its totals, and rows typed a second time."""

import pytest

from paper_code.errors import UserError
from paper_code.published import TABLES, published_table

BREAKHIS = ["breakhis_40x", "breakhis_100x", "breakhis_200x", "breakhis_400x"]
DATASETS = {*BREAKHIS, "bach", "mini_ddsm"}
NETWORKS = {
    "dalaresnet50",
    "resnet50",
    "seresnet50",
    "densenet121",
    "vgg16",
    "vgg16_inception",
    "vit",
    "swin",
    "dinov2_vitb14",
}
METHODS = {"gradcam", "scorecam", "eigencam", "dt_gradcam"}
CLASSES = {"normal", "benign", "insitu", "invasive", "malignant", "total"}
WORDS = {"13", "quotes", "references"}  # no numbers
# rows x columns of numbers in the printed table; an F1 cell a/b counts twice
CELLS = {
    "01": 4 + 4 * 4 + 2,
    "02": 4 * 4 * 4,
    "03": 3 * 4,
    "04": 5 * 3,
    "05": 4,
    "06": 6 * 4,
    "07": 9 * 4 * 5,
    "08": 9 * 2 * 5,
    "09": 9 * 6,
    "10": 9 * 4,
    "11": 9 * 4 * 4,
    "12": 9 * 2 * 4,
    "13": 5 * 2,
    "14": 4 * 4 * 4,
}


def values(table, **where):
    frame = published_table(table)
    for column, value in where.items():
        frame = frame[frame[column.rstrip("_")] == value]
    return frame["value"].tolist()


def images(table, **where):
    return sum(values(table, metric="images", **where))


@pytest.mark.parametrize("table", TABLES)
def test_each_table_is_tidy(table):
    frame = published_table(table)
    assert set(frame["table"]) == {table}
    assert list(frame.columns[-3:]) == ["metric", "printed", "value"]
    assert not frame.duplicated(list(frame.columns[:-2])).any()
    assert (frame["printed"] != "").all()
    if table in WORDS:
        assert frame["value"].isna().all()
    else:
        assert frame["value"].tolist() == [float(p.replace(",", "")) for p in frame["printed"]]


@pytest.mark.parametrize(("table", "cells"), CELLS.items())
def test_no_cell_is_missing(table, cells):
    assert len(published_table(table)) == cells


def test_only_the_fixed_names():
    for table in TABLES:
        frame = published_table(table)
        if "dataset" in frame:
            allowed = DATASETS | {"09": {"breakhis"}, "text": {"breakhis", ""}}.get(table, set())
            assert set(frame["dataset"]) <= allowed
        if "network" in frame:
            assert set(frame["network"]) == NETWORKS
        if "class" in frame:
            assert set(frame["class"]) <= CLASSES
        if "method" in frame and table != "13":
            assert set(frame["method"]) == METHODS
        if "part" in frame:
            assert set(frame["part"]) == {"train", "val", "test", "total"}
    assert set(published_table("02")["placement"]) == {"layer1", "layer2", "layer3", "layer4"}


def test_sums_of_the_counts():
    for dataset in BREAKHIS:
        total = images("03", dataset=dataset, class_="total")
        parts = [images("03", dataset=dataset, class_=c) for c in ("benign", "malignant")]
        assert sum(parts) == total
    assert images("03", class_="total") == 7909
    assert images("03", class_="benign") == 2480
    assert images("03", class_="malignant") == 5429
    for table, total in (("04", 400), ("05", 2000)):
        assert images(table, class_="total") == total
        assert images(table) == 2 * total
    for dataset in DATASETS:
        parts = [images("06", dataset=dataset, part=part) for part in ("train", "val", "test")]
        assert sum(parts) == images("06", dataset=dataset, part="total")
    for dataset in BREAKHIS:
        assert images("06", dataset=dataset, part="total") == images(
            "03", dataset=dataset, class_="total"
        )


@pytest.mark.parametrize("network", sorted(NETWORKS - {"densenet121"}))
def test_average_times_follow_from_their_row(network):
    times = values("09", network=network, metric="convergence_time_s")
    (average,) = values("09", network=network, metric="average_time_s")
    assert sum(times) / 4 == pytest.approx(average, abs=0.0051)


TYPED_AGAIN = [
    ("02", {"placement": "layer4", "dataset": "breakhis_40x"}, [0.985, 0.970, 0.985, 0.998]),
    ("02", {"placement": "layer2", "dataset": "breakhis_400x"}, [0.935, 0.874, 0.935, 0.991]),
    (
        "07",
        {"network": "dalaresnet50", "dataset": "breakhis_400x"},
        [0.943, 0.891, 0.944, 0.945, 0.945],
    ),
    ("07", {"network": "swin", "dataset": "breakhis_200x"}, [0.876, 0.766, 0.875, 0.838, 0.837]),
    ("07", {"network": "vgg16", "dataset": "breakhis_40x"}, [0.902, 0.813, 0.902, 0.877, 0.877]),
    (
        "07",
        {"network": "seresnet50", "dataset": "breakhis_100x"},
        [0.850, 0.720, 0.849, 0.813, 0.812],
    ),
    ("08", {"network": "dinov2_vitb14", "dataset": "bach"}, [0.856, 0.730, 0.855, 0.5, 0.353]),
    ("08", {"network": "vit", "dataset": "mini_ddsm"}, [0.7515, 0.72, 0.752, 0.580, 0.555]),
    ("09", {"network": "dinov2_vitb14"}, [2895.02, 2303.25, 2245.98, 2017.15, 86582018, 2365.35]),
    ("09", {"network": "resnet50"}, [2920.53, 2933.26, 2307.94, 2097.33, 21797672, 2564.77]),
    ("10", {"network": "vgg16_inception", "dataset": "bach"}, [38148134, 3432.98]),
    ("10", {"network": "dalaresnet50", "dataset": "mini_ddsm"}, [24040643, 5990.31]),
    ("11", {"network": "vit", "dataset": "breakhis_100x"}, [0.833, 0.834, 0.918, 0.691]),
    ("11", {"network": "dalaresnet50", "dataset": "breakhis_400x"}, [0.943, 0.943, 0.972, 0.888]),
    ("12", {"network": "swin", "dataset": "mini_ddsm"}, [0.513, 0.511, 0.651, 0.371]),
    ("12", {"network": "dalaresnet50", "dataset": "bach"}, [0.891, 0.892, 0.961, 0.731]),
    ("14", {"method": "eigencam", "dataset": "breakhis_40x"}, [0.3735, 0.5342, 0.6332, 0.5342]),
    ("14", {"method": "dt_gradcam", "dataset": "breakhis_400x"}, [0.394, 0.557, 0.6888, 0.557]),
]


@pytest.mark.parametrize(("table", "where", "expected"), TYPED_AGAIN)
def test_rows_typed_a_second_time(table, where, expected):
    assert values(table, **where) == expected


def test_numbers_of_the_text():
    assert values("text", dataset="breakhis", metric="benign_images") == [2429]
    assert values("text", metric="learning_rate") == [1e-4]
    assert values("text", metric="dropout") == [0.25]


@pytest.mark.parametrize("table", [7, "7", "07", "table_07", "table_07_breakhis_comparison"])
def test_a_table_has_several_spellings(table):
    assert published_table(table).equals(published_table("07"))


def test_a_table_is_a_fresh_copy():
    changed = published_table("07")
    changed["value"] = 0.0
    assert (published_table("07")["value"] > 0).all()


@pytest.mark.parametrize("table", [0, 15, "VII", ""])
def test_an_unknown_table_is_the_users_mistake(table):
    with pytest.raises(UserError, match="no table"):
        published_table(table)
