"""`make gpu`: one part survives another, and the projection is that of the paper's runs."""

import sys
import time
from argparse import Namespace

import pytest
import torch
from conftest import benchmark

from paper_code import cli
from paper_code.files import read_json


@pytest.fixture(scope="module")
def gpu():
    return benchmark("gpu")


def test_the_grid_is_the_papers(gpu):
    """Nine networks on six sets, and three other places of the gate on four: 66 runs."""
    rates = {"resnet50": {"eager": {"train": 100.0, "val": 300.0, "start": 20.0}}}
    table = gpu.projection(rates, gpu.sizes(True)).set_index("network")
    assert table["runs"].sum() == 66
    assert table.loc["dalaresnet50", "runs"] == 6 + 4 * 3
    # 0.6 and 0.1 of 1,995 + 2,081 + 2,013 + 1,820 + 400 + 2,000 images, rounded for each set.
    assert table.loc["resnet50", "seconds"] == pytest.approx(
        50 * (6185 / 100 + 1031 / 300) + 6 * 20, rel=0.01
    )
    assert table["seconds"].isna().sum() == 8, "nothing is known of the others"


def test_a_part_that_hangs_or_fails_is_named(gpu):
    start = time.monotonic()
    assert gpu.run_limited(["sleep", "60"], 1)[1] == "stopped after 1 s"
    assert time.monotonic() - start < 20
    failing = [sys.executable, "-c", "raise ValueError('no such device')"]
    assert gpu.run_limited(failing, 60)[1].endswith("ValueError: no such device")


def test_a_part_survives_another(gpu, tmp_path, monkeypatch, capsys):
    """One network cannot be measured, the other can: the report has it, and says why not."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(gpu, "run_limited", lambda command, limit, **_: limited(command))
    parts = []

    def limited(command: list[str]) -> tuple[str, str]:
        if "pytest" in command:
            return "7 passed", ""
        if "--part" in command:
            *_, name, _, path = command
            if name == "vit":
                return "", "stopped after 9 s"
            gpu.write_json(path, {"train": 9.0, "val": 9.0, "start": 1.0})
        else:
            parts.append(command[3:5])
        return "", ""

    monkeypatch.setattr(gpu, "run_found", lambda output: {"training": 3.0, "accuracy": 0.5})
    monkeypatch.setattr(gpu.pd, "read_csv", lambda manifest: range(48))
    options = Namespace(minutes=60, networks=["vit", "resnet50"], output=tmp_path / "gpu.md")
    assert gpu.campaign(options, tmp_path) == 0
    text = options.output.read_text()
    assert "No GPU was found" in text and "7 passed" in text
    assert "- vit, compiled: stopped after 9 s" in text
    assert "| resnet50 | 9 | 9 | 9 | 1 | 1 |" in text
    assert [first for first, _ in parts] == ["phantom", "manifest", "prepare", "split", "train"]
    assert parts[-1] == ["train", "resnet50"]


def test_the_parts_themselves(gpu, tmp_path, monkeypatch):
    """A network's rates, the data of the runs, here drawn small, and a run on them."""
    monkeypatch.setattr(gpu, "cores", lambda: 1)  # to start more takes longer than the work
    small = {"images": 4, "val": 2, "epochs": 1, "run_images": 48, "run_epochs": 1}
    size = Namespace(image_size=32, batch_size=4, precision="auto", **small)
    found = tmp_path / "found.json"
    gpu.measure(found, size, "resnet50", gpu.EAGER)
    assert all(value >= 0 for value in read_json(found).values())
    assert set(read_json(found)) == {"train", "val", "start"}
    gpu.measure(found, size, "resnet50", gpu.PLAIN)
    assert set(read_json(found)) == {"train"}
    for words in gpu.phantom_commands(size, tmp_path):
        assert cli.main(["48" if word == 384 else str(word) for word in words]) == 0
    assert cli.main(list(map(str, gpu.run_command(size, tmp_path, "resnet50", gpu.EAGER)))) == 0
    run = gpu.run_found(tmp_path / "runs/resnet50")
    assert 0 <= run["accuracy"] <= 1 and run["training"] > 0
