"""`make gpu`: one stage survives another, and the numbers are those measured."""

import importlib.util
import subprocess
import sys
import time
from argparse import Namespace
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from conftest import ROOT, read_json

PATH = ROOT / "benchmarks" / "gpu.py"
RATES = {"train": 9.0, "val": 9.0, "start": 1.0}


@pytest.fixture(scope="module")
def gpu():
    sys.path.insert(0, str(PATH.parent))
    spec = importlib.util.spec_from_file_location("benchmark_gpu", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.remove(str(PATH.parent))
    return module


def test_the_grid_is_the_papers(gpu):
    """Nine networks on six sets, and three other places of the gate on four: 66 runs."""
    rates = {"resnet50": {"eager": {"train": 100.0, "val": 300.0, "start": 20.0}}}
    table = gpu.grid(rates, gpu.sizes(True)).set_index("network")
    assert table["runs"].sum() == 66
    assert table.loc["dalaresnet50", "runs"] == 6 + 4 * 3
    # 0.6 and 0.1 of 1,995 + 2,081 + 2,013 + 1,820 + 400 + 2,000 images, rounded for each set.
    assert table.loc["resnet50", "seconds"] == pytest.approx(
        50 * (6185 / 100 + 1031 / 300) + 6 * 20, rel=0.01
    )
    assert table["seconds"].isna().sum() == 8, "nothing is known of the others"
    assert 150 < table["petaflop"].sum() < 250


def test_the_fastest_is_ours_not_the_plain_loop(gpu):
    rates = {
        gpu.PLAIN: {"train": 500.0},
        "eager": {"train": 100.0, "val": 100.0, "start": 1.0},
        "graph": {"train": 120.0, "val": 100.0, "start": 2.0},
        "compile": {"train": 125.0, "val": 100.0, "start": 90.0},
        "contiguous": {"failed": "RuntimeError: no"},
    }
    assert gpu.best(rates) == "graph", "a run with compilation ends later"
    assert gpu.best({}) == ""
    shown = gpu.throughput_table({"resnet50": rates}, gpu.sizes(True), 1000.0).iloc[0]
    assert shown["times the plain loop"] == "0.24"
    assert shown["contiguous"] == "RuntimeError: no"


def test_the_fastest_replaces_only_its_own_rows(gpu, tmp_path, monkeypatch):
    table = tmp_path / "execution.tsv"
    pd.DataFrame(
        [("A", "vit", "eager"), ("A", "swin", "eager"), ("B", "vit", "compile")],
        columns=["gpu", "network", "execution"],
    ).to_csv(table, sep="\t", index=False)
    monkeypatch.setattr(gpu, "MEASURED", table)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A")
    monkeypatch.setattr(gpu, "resolve_precision", lambda *_: "bf16")
    found = {"throughput": {"vit": {"graph": RATES}}, "compile": {}, "correctness": {}}
    campaign = SimpleNamespace(
        device=SimpleNamespace(type="cuda"), found=found, size=gpu.sizes(True)
    )
    gpu.keep_fastest(campaign)
    rows = pd.read_csv(table, sep="\t")[["gpu", "network", "execution"]].to_numpy().tolist()
    assert sorted(rows) == [["A", "swin", "eager"], ["A", "vit", "graph"], ["B", "vit", "compile"]]


def test_an_execution_with_wrong_steps_is_never_the_fastest(gpu):
    slow = RATES | {"train": 5.0}
    ways = {"eager": slow, "graph": RATES, "graph+contiguous": RATES, "contiguous": slow}
    found = {"throughput": {"vit": ways}, "compile": {"vit": {"compile": RATES}}}
    for test, fastest in {
        "test_two_runs_differ_little": "graph",
        "test_executions_agree[compile]": "graph",
        "test_executions_agree[graph]": "graph+contiguous",
        "test_a_graph_trains_as_eager_steps_do": "compile",
    }.items():
        found["correctness"] = {"outcomes": {test: "failure"}}
        rates = gpu.measured_rates(SimpleNamespace(found=found))
        assert gpu.best(rates["vit"]) == fastest, test


def test_a_part_that_is_stopped_can_write_what_it_has(gpu, tmp_path):
    """As pytest does on an interrupt."""
    code = (
        "import pathlib, sys, time\n"
        "try:\n"
        "    time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    pathlib.Path(sys.argv[1]).write_text('found so far')\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "report")]
    assert gpu.run_limited(command, 3, {}) == "stopped after 3 s"
    assert (tmp_path / "report").read_text() == "found so far"


def test_a_part_that_hangs_or_fails_is_named(gpu):
    start = time.monotonic()
    assert gpu.run_limited(["sleep", "60"], 1, {}) == "stopped after 1 s"
    assert time.monotonic() - start < 20
    failing = [sys.executable, "-c", "raise ValueError('no such device')"]
    assert gpu.run_limited(failing, 60, {}).endswith("ValueError: no such device")


def test_a_stage_survives_another(gpu, tmp_path, monkeypatch):
    """The peak cannot be measured, the throughput can: the report has it, and says why not."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    options = Namespace(minutes=5, networks=["resnet50"], output=tmp_path / "gpu.md")
    campaign = gpu.Campaign(options, tmp_path)
    campaign.child("peek", "", 60)
    campaign.child("throughput", "resnet50", 120)
    found = campaign.found["throughput"]["resnet50"]
    assert found["eager"]["train"] > 0 and found[gpu.PLAIN]["train"] > 0
    text = options.output.read_text()
    assert "No GPU was found" in text
    assert "- peek: ended with status 1: KeyError: 'peek'" in text
    assert "| resnet50 |" in text


@pytest.mark.parametrize(
    ("stage", "left", "seconds", "measured"),
    [
        ("compile", 300, 5, 3),  # fast ones
        ("compile", 300, 1000, 3),  # each is stopped at its limit
        ("compile", 200, 1000, 2),  # compilation takes 90 s, so there is time for two
        ("throughput", 300, 1000, 3),
        ("throughput", 5, 1000, 0),
    ],
)
def test_time_is_shared_among_the_networks(gpu, stage, left, seconds, measured):
    """The last one too gets its part, and what there is no time for is named."""
    networks, now, begun = ["vit", "swin", "resnet50"], [0.0], []

    def child(_, name: str, limit: float) -> None:
        begun.append(name)
        now[0] += min(seconds, limit)

    def time_left() -> float:
        now[0] += 1e-6  # it goes by
        return left - now[0]

    campaign = SimpleNamespace(
        options=Namespace(networks=networks),
        device=SimpleNamespace(type="cpu"),
        notes={},
        child=child,
        left=time_left,
    )
    gpu.every_network(campaign, stage)
    assert begun == networks[:measured]
    assert list(campaign.notes) == [f"{stage} {name}" for name in networks[measured:]]


def test_the_runs_have_data(gpu, tmp_path):
    size = Namespace(run_images=48, image_size=32)
    gpu.prepare_run(tmp_path / "found.json", size, tmp_path)
    assert read_json(tmp_path / "found.json")["images"] == 48
    assert len(pd.read_csv(tmp_path / "split.csv")) == 48


def test_the_command_names_its_stages():
    done = subprocess.run(
        [sys.executable, PATH, "--stages", "all"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "correctness" in done.stderr
