"""Tables I, III to VI, IX and X: what is counted on networks and lists of images, and times."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import from_catalogue
from hand_made import written_twice

from paper_code.errors import UserError
from paper_code.files import write_csv
from paper_code.published import published_table
from paper_code.reporting.tables import cost, stages

A4000 = "NVIDIA RTX A4000"
BACH = ("normal", "benign", "insitu", "invasive")


def build(key: str, output: Path, **options) -> tuple[pd.DataFrame, str]:
    return written_twice(from_catalogue("table", key).write, output, **options)


# --- Table I --------------------------------------------------------------------------------------


def test_table_01_every_printed_number_is_that_of_the_built_network(tmp_path, monkeypatch):
    rows, page = build("01", tmp_path / "t.csv")
    beside = rows.dropna(subset="printed").set_index(["module", "metric"])
    printed = published_table("01").set_index(["module", "metric"])["value"]
    assert beside["printed"].to_dict() == printed.to_dict()
    assert set(beside["verdict"]) == {"agrees"}
    parameters = rows[rows["metric"] == "parameters"].set_index("module")["value"]
    assert parameters["total"] == 25_557_032 == parameters.drop("total").sum()
    assert "| Conv3_x | 28×28 (paper 28×28) | 4 (paper 4) | 1×1, 128; 3×3, 128, stride 2; " in page
    # Half the image gives half the sizes, and so another verdict.
    monkeypatch.setattr(stages, "IMAGE_SIZE", 112)
    rows, page = build("01", tmp_path / "t.csv")
    sizes = rows[rows["metric"] == "output_size"].set_index("module")
    assert sizes["value"].tolist() == [56, 28, 14, 7, 4, 1]
    assert set(sizes.drop("pooling")["verdict"]) == {"differs"}
    assert "| differs; agrees |" in page


# --- Tables III to VI -----------------------------------------------------------------------------


def test_table_03(make_dataset, tmp_path):
    complete = make_dataset("breakhis_40x", {"benign": 625, "malignant": 1370})
    partial = make_dataset("breakhis_100x", {"benign": 3, "malignant": 5}, data="subset")
    rows, page = build("03", tmp_path / "t.csv", prepared=[complete, partial])
    rows = rows.set_index(["dataset", "class"])
    assert rows.loc["breakhis_40x", "value"].tolist() == [625, 1370, 1995]
    assert set(rows.loc["breakhis_40x", "verdict"]) == {"agrees"}
    few = rows.loc[("breakhis_100x", "malignant")]
    assert few[["value", "printed", "difference"]].tolist() == [5, 1437, 5 - 1437]
    assert set(rows.loc["breakhis_100x", "verdict"]) == {"not tested"}
    assert set(rows.loc["breakhis_100x", "obstacles"]) == {"subset"}
    assert set(rows.loc["breakhis_400x", "reason"]) == {"not run"}
    assert "| BreakHis 40X | Malignant | 1,370 | 1,370 | agrees |" in page
    assert "subset 12 of 1995" in page


@pytest.mark.parametrize(
    ("key", "dataset", "counts", "line"),
    [
        ("04", "bach", (99, 100, 100, 100), "| BACH | Normal | 99 | 100 | differs |"),
        ("05", "mini_ddsm", (500, 700, 800), "| Mini-DDSM | Malignant | 800 | 800 | agrees |"),
    ],
)
def test_tables_04_and_05(make_dataset, tmp_path, key, dataset, counts, line):
    classes = BACH if dataset == "bach" else ("normal", "benign", "malignant")
    prepared = [make_dataset(dataset, dict(zip(classes, counts, strict=True)))]
    assert line in build(key, tmp_path / "t.csv", prepared=prepared)[1]


@pytest.mark.parametrize(
    ("train", "by", "verdicts"),
    [
        (240, "image", "agrees"),
        (241, "image", "differs"),
        (240, "patient", "not tested: split by patient"),
    ],
)
def test_table_06(make_dataset, tmp_path, train, by, verdicts):
    folder = make_dataset("bach", dict.fromkeys(BACH, 100))
    sizes = {"train": train, "val": 40, "test": 360 - train}
    listed = pd.read_csv(Path(folder) / "manifest.csv")[["image", "label", "group"]]
    part = np.repeat(list(sizes), list(sizes.values()))
    write_csv(tmp_path / "split.csv", listed.assign(part=part, by=by, seed=0))
    options = {"prepared": [folder], "splits": [str(tmp_path / "split.csv")]}
    rows, page = build("06", tmp_path / "t.csv", **options)
    rows = rows.query("dataset == 'bach'").set_index("part")
    assert rows["value"].to_dict() == {"total": 400} | sizes
    assert rows["printed"].to_dict() == {"total": 400, "train": 240, "val": 40, "test": 120}
    shared = 0 if train == 240 else 2  # two images per patient, in order
    assert f"| BACH | train | {train} | 240 | {verdicts} | {shared} |" in page
    assert "| BreakHis 40X | train | – | 1,197 | not run | – |" in page
    assert set(rows["patients_in_two_parts"]) == {shared}


# --- Tables IX and X ------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch) -> set[tuple]:
    """Name, classes and reading of each network that was counted. None is built: every one has as
    many parameters as SE-ResNet50 for the four classes of BACH, named one more."""
    found = set()

    def count(key: tuple) -> int:
        found.add(key)
        return 27_074_116 + (key[2] == "named")

    monkeypatch.setattr(cost, "meta_network", lambda *key, **_: key)
    monkeypatch.setattr(cost, "count_parameters", count)
    monkeypatch.setattr(cost, "gmacs", lambda *_, **__: 4.09)
    return found


def test_tables_09_and_10_have_the_parameters_of_all_networks(make_run, tmp_path, asked):
    """What the networks truly have is asserted in their own tests."""
    options = {"runs": [make_run()], "scale": "paper"}
    rows = pd.concat(build(key, tmp_path / "t.csv", **options)[0] for key in ("09", "10"))
    cells = rows.set_index(["metric", "dataset", "network"]).sort_index()
    counted = cells.loc["parameters_counted"]
    assert len(counted) == 27, "of all printed networks, whatever was run"
    assert len(asked) == 2 * 27 - 3
    assert {("vit", 2, "named"), ("vit", 3, "counted"), ("vit", 4, "counted")} < asked
    agreeing = counted[counted["verdict"] == "agrees"]
    assert list(agreeing.index) == [("bach", "seresnet50")]
    unknown = counted.xs("vgg16_inception", level="network")
    assert unknown["value"].isna().all() and set(unknown["reason"]) == {"not identified"}
    named = cells.loc[("parameters_named", "bach", "seresnet50")]
    assert (named["difference"], named["verdict"]) == (1, "differs")
    assert set(cells.loc["gmacs_224", "value"]) == {4.09}
    assert set(cells.loc["total_seconds"].index) == {("breakhis_40x", "resnet50")}


@pytest.mark.usefixtures("asked")
def test_table_09_times(make_run, tmp_path):
    runs = [
        make_run("densenet121", dataset=d, seed=s, timing={"total_seconds": 100.0 * i + s})
        for i, d in enumerate(("breakhis_40x", "breakhis_100x"), start=1)
        for s in (0, 2)
    ]
    rows, page = build("09", tmp_path / "t.csv", runs=runs, scale="paper")
    cells = rows[rows["network"] == "densenet121"].set_index(["dataset", "metric"])
    row = cells.loc[("breakhis_100x", "total_seconds")]
    assert (row["value"], row["printed"]) == (201, 2643.79)
    assert (row["seed_values"], row["seeds"], row["hardware"]) == ("200.0 202.0", "0 2", "a GPU")
    for metric in ("total_seconds", "seconds_to_best", "seconds_to_near_best"):
        assert cells.loc[("breakhis_40x", metric), "printed"] == 2352.46
    assert cells.loc[("breakhis_40x", "images_per_second"), "reason"] == "not printed"
    line = "| DenseNet121 | 2643.79 | 201.00 | 40.00 | 250.0 | a GPU | not tested: other hardware |"
    assert line in page
    cpu = [make_run(hardware="AMD EPYC, 2 cores")]
    rows, page = build("09", tmp_path / "t.csv", runs=cpu, scale="paper")
    assert "total_seconds" in set(rows["metric"]) and "## Times" not in page


@pytest.mark.parametrize(
    ("options", "scale", "obstacles"),
    [
        ({}, "paper", "other hardware"),
        ({"hardware": A4000}, "paper", "no interval"),
        ({"data": "phantom"}, "demo", "other hardware, phantom, demo scale"),
        ({"hardware": A4000, "weights": "random"}, "paper", "random weights"),
    ],
)
@pytest.mark.usefixtures("asked")
def test_table_10_a_time_is_never_evidence(make_run, tmp_path, options, scale, obstacles):
    runs = [make_run("seresnet50", dataset="bach", images=40, **options)]
    rows, _ = build("10", tmp_path / "t.csv", runs=runs, scale=scale)
    cells = rows.query("dataset == 'bach' and network == 'seresnet50'").set_index("metric")
    best = cells.loc["seconds_to_best", ["printed", "verdict", "obstacles"]]
    assert best.tolist() == [2921.67, "not tested", obstacles]
    # Parameters need neither data nor a machine.
    assert cells.loc["parameters_counted", "verdict"] == "agrees"
    assert cells.loc["parameters_named", "verdict"] == "differs"


def test_a_run_without_its_timing_is_named(make_run, tmp_path):
    run = make_run()
    Path(run).with_name("timing.json").unlink()
    with pytest.raises(UserError, match=r"run\.json: not a finished run"):
        build("09", tmp_path / "t.csv", runs=[run], scale="paper")
