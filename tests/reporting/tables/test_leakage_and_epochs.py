"""Splits by image beside splits by patient, and every epoch of a run, as tables and figures."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import from_catalogue
from hand_made import hand_made_run

from paper_code.cli import main
from paper_code.datasets.splits import shared_patients
from paper_code.errors import UserError
from paper_code.files import write_csv
from paper_code.metrics import runs_interval
from paper_code.reporting.figures import convergence as figure_convergence
from paper_code.reporting.figures import curves
from paper_code.reporting.plotting import COLOURS, network_look
from paper_code.reporting.tables.differences import difference_rows
from paper_code.reporting.tables.leakage import leakage_rows
from paper_code.reporting.tables.results import result_rows
from paper_code.runs import Run, samples

WAYS = {"image": 38, "patient": 20}  # nearly all right, and chance, of 40 images
SAME = {"dataset": "breakhis_100x", "images": 40, "data": "subset", "weights": "random"}


def rows_of(runs: list[Run], resamples: int = 50) -> pd.DataFrame:
    options = {"scale": "paper", "resamples": resamples}
    return leakage_rows(result_rows(runs, **options), difference_rows(runs, **options))


def test_patients_in_several_parts():
    group = ["a", "a", "b", "b", "c", "", ""]
    part = ["train", "test", "test", "val", "train", "train", "test"]
    expected = {"patients": 3, "patients_shared": 2, "test_images": 3, "test_images_known": 1}
    assert shared_patients(pd.DataFrame({"group": group, "part": part})) == expected


def test_the_table_sees_the_leak():
    runs = {way: hand_made_run(right=r, by=way, **SAME) for way, r in WAYS.items()}
    rows = rows_of([*runs.values()], 300)
    accuracy = rows.set_index("metric").loc["accuracy"]
    for way, run in runs.items():
        assert accuracy[way] == WAYS[way] / 40
        # the interval that a table of scores gives the same number
        alone = runs_interval(samples([run]), ["accuracy"], 300).iloc[0]
        ends = accuracy[[f"{way}_low", f"{way}_high"]].tolist()
        assert ends == pytest.approx([alone["low"], alone["high"]], abs=1e-6)
    assert accuracy["difference"] == pytest.approx(accuracy["image"] - accuracy["patient"])
    assert 0 < accuracy["low"] < accuracy["difference"] < accuracy["high"]
    assert set(rows["obstacles"]) == {"subset, random weights"}
    options = {"scale": "paper", "resamples": 20}
    with pytest.raises(UserError, match="both splits"):
        leakage_rows(rows, difference_rows([*runs.values()], **options).iloc[:0])


def test_each_network_has_its_own_weights_and_seeds():
    rights = {"image": {0: 40, 1: 30, 2: 20}, "patient": {2: 10, 0: 36, 1: 20}}  # in any order
    weights = {"resnet50": "random", "vit": "random (no weights)"}
    runs = [
        hand_made_run(network, right, seed=seed, by=way, **SAME | {"weights": start})
        for way, of_way in rights.items()
        for network, start in weights.items()
        for seed, right in of_way.items()
    ]
    rows = rows_of(runs)
    accuracy = rows[rows["metric"] == "accuracy"].set_index("network")
    assert accuracy.loc["resnet50", ["image", "patient"]].tolist() == pytest.approx([0.75, 0.55])
    assert accuracy.loc["resnet50", "seeds"] == "0 1 2"
    assert accuracy["weights"].to_dict() == weights
    assert set(accuracy["fewest_patients"]) == {10}
    lacking = "3 of at least 5 seeds, 10 of at least 20 test patients in a run"
    assert set(accuracy["shortfall"]) == {lacking}


def test_the_table_by_the_command_line(make_run, tmp_path):
    runs = [make_run(right=right, by=way, **SAME) for way, right in WAYS.items()]
    long = [str(tmp_path / f"{name}.csv") for name in ("results", "differences")]
    options = ["--runs", *runs, "--scale", "paper", "--resamples", "50"]
    for name, path in zip(("results", "differences"), long, strict=True):
        assert main(["table", name, *options, "--output", path]) == 0
    table = tmp_path / "leakage.csv"
    assert main(["table", "leakage", "--tables", *long, "--output", str(table)]) == 0
    assert "| ResNet50 | Accuracy | 0." in table.with_suffix(".md").read_text()


# --- epochs ---------------------------------------------------------------------------------------

EPOCHS = {
    "epoch": [1, 2],
    "train_loss": [1.0, 0.5],
    "val_loss": [0.9, 0.8],
    "val_accuracy": [0.0, 1.0],
}
SECONDS = {"epoch_seconds": {"train_seconds": [3.0, 2.0], "val_seconds": [1.0, 0.5]}}


def test_every_epoch_of_every_run_is_a_row(make_run, tmp_path, monkeypatch):
    """Seed 3 on two splits is two runs; they were once merged into one, drawn as a zigzag."""
    given = {"seed": 3, "data": "phantom", "weights": "random", "timing": SECONDS}
    accuracies = [0.0, 1.0], [0.5, 0.5]
    runs = [
        make_run("dalaresnet50", split_seed=split, history=EPOCHS | {"val_accuracy": own}, **given)
        for split, own in enumerate(accuracies)
    ]
    from_catalogue("table", "convergence").write(str(tmp_path / "c.csv"), runs=runs, scale="demo")
    table = pd.read_csv(tmp_path / "c.csv")
    assert table["epoch"].tolist() == [1, 2] * 2 and table["split_seed"].tolist() == [0, 0, 1, 1]
    assert table["train_loss"].tolist() == [1.0, 0.5] * 2
    assert table["train_seconds"].tolist() == [3.0, 2.0] * 2
    assert set(table["obstacles"]) == {"phantom, demo scale, random weights"}
    assert "phantom (40 images)" in (tmp_path / "c.md").read_text()
    figure_convergence.draw(str(tmp_path / "c.png"), tables=[str(tmp_path / "c.csv")])
    assert (tmp_path / "c.pdf").stat().st_size > 5000
    drawn = []
    monkeypatch.setattr("matplotlib.axes.Axes.plot", lambda _, x, y, **__: drawn.append(list(y)))
    figure_convergence.draw(str(tmp_path / "c.png"), tables=[str(tmp_path / "c.csv")])
    assert drawn == [*accuracies, [0.25, 0.75]], "each run, then their mean"


def test_a_history_that_is_cut_short_is_named(make_run, tmp_path):
    run = make_run(history=EPOCHS, timing=SECONDS)
    write_csv(Path(run).with_name("history.csv"), pd.DataFrame({"epoch": [1]}))
    with pytest.raises(UserError, match=r"history\.csv: not as many epochs"):
        from_catalogue("table", "convergence").write(
            str(tmp_path / "c.csv"), runs=[run], scale="demo"
        )
    assert not (tmp_path / "c.csv").exists()


def test_a_network_has_one_look_in_every_figure():
    assert len(set(COLOURS.values())) == len(COLOURS) == 9
    assert curves.network_look is figure_convergence.network_look is network_look
    placed = network_look("dalaresnet50-layer2")
    assert (placed["color"], placed["linestyle"]) == (COLOURS["dalaresnet50"], ":")
