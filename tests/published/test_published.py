"""The transcription: its shape, its names, its totals, and rows typed a second time."""

import pytest

from paper_code.errors import UserError
from paper_code.networks.registry import PAPER_NETWORKS
from paper_code.published import TABLES, published_table

BREAKHIS = ["breakhis_40x", "breakhis_100x", "breakhis_200x", "breakhis_400x"]
DATASETS = {*BREAKHIS, "bach", "mini_ddsm"}
NAMES = {
    "network": set(PAPER_NETWORKS),
    "method": {"gradcam", "scorecam", "eigencam", "dt_gradcam"},
    "class": {"normal", "benign", "insitu", "invasive", "malignant", "total"},
    "part": {"train", "val", "test", "total"},
    "placement": {"layer1", "layer2", "layer3", "layer4"},
}
WORDS = {"13", "quotes", "references"}  # no numbers
# rows x columns of numbers in the printed table; an F1 cell a/b counts twice
CELLS = {"01": 4 + 4 * 4 + 2, "02": 4 * 4 * 4, "03": 3 * 4, "04": 5 * 3, "05": 4, "06": 6 * 4}
CELLS |= {"07": 9 * 4 * 5, "08": 9 * 2 * 5, "09": 9 * 6, "10": 9 * 4, "11": 9 * 4 * 4}
CELLS |= {"12": 9 * 2 * 4, "13": 5 * 2, "14": 4 * 4 * 4}


def values(table, **where):
    frame = published_table(table)
    for column, value in where.items():
        frame = frame[frame[column.rstrip("_")] == value]
    return frame["value"].tolist()


@pytest.mark.parametrize("table", TABLES)
def test_each_table_is_whole_tidy_and_uses_the_fixed_names(table):
    frame = published_table(table)
    assert set(frame["table"]) == {table}
    assert list(frame.columns[-3:]) == ["metric", "printed", "value"]
    assert not frame.duplicated(list(frame.columns[:-2])).any()
    assert (frame["printed"] != "").all()
    assert len(frame) == CELLS.get(table, len(frame))
    if table in WORDS:
        assert frame["value"].isna().all()
        return
    assert frame["value"].tolist() == [float(p.replace(",", "")) for p in frame["printed"]]
    for column in set(frame) & set(NAMES):
        assert set(frame[column]) <= NAMES[column]
    if "dataset" in frame:
        allowed = DATASETS | {"09": {"breakhis"}, "text": {"breakhis", ""}}.get(table, set())
        assert set(frame["dataset"]) <= allowed


# Table, the two names of a row, and its numbers.
TYPED_AGAIN = """
02 layer4 breakhis_40x 0.985 0.970 0.985 0.998
02 layer2 breakhis_400x 0.935 0.874 0.935 0.991
07 dalaresnet50 breakhis_400x 0.943 0.891 0.944 0.945 0.945
07 swin breakhis_200x 0.876 0.766 0.875 0.838 0.837
07 vgg16 breakhis_40x 0.902 0.813 0.902 0.877 0.877
07 seresnet50 breakhis_100x 0.850 0.720 0.849 0.813 0.812
08 dinov2_vitb14 bach 0.856 0.730 0.855 0.5 0.353
08 vit mini_ddsm 0.7515 0.72 0.752 0.580 0.555
10 vgg16_inception bach 38148134 3432.98
10 dalaresnet50 mini_ddsm 24040643 5990.31
11 vit breakhis_100x 0.833 0.834 0.918 0.691
11 dalaresnet50 breakhis_400x 0.943 0.943 0.972 0.888
12 swin mini_ddsm 0.513 0.511 0.651 0.371
12 dalaresnet50 bach 0.891 0.892 0.961 0.731
14 eigencam breakhis_40x 0.3735 0.5342 0.6332 0.5342
14 dt_gradcam breakhis_400x 0.394 0.557 0.6888 0.557
"""


@pytest.mark.parametrize("row", TYPED_AGAIN.strip().splitlines())
def test_rows_typed_a_second_time(row):
    table, subject, dataset, *numbers = row.split()
    column = {"02": "placement", "14": "method"}.get(table, "network")
    found = values(table, dataset=dataset, **{column: subject})
    assert found == [float(number) for number in numbers]


def test_numbers_of_the_text():
    assert values("text", dataset="breakhis", metric="benign_images") == [2429]
    assert values("text", metric="learning_rate") == [1e-4]
    assert values("text", metric="dropout") == [0.25]


def test_a_table_has_several_spellings_and_is_a_fresh_copy():
    for name in (7, "7", "table_07", "table_07_breakhis_comparison"):
        assert published_table(name).equals(published_table("07"))
    changed = published_table("07")
    changed["value"] = 0.0
    assert (published_table("07")["value"] > 0).all()
    with pytest.raises(UserError, match="no table"):
        published_table("15")
