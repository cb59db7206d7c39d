"""`doctor`: what it says is looked up on this machine, and its exit status follows."""

import collections
import re
import shutil

import pandas as pd
import pytest
import yaml
from conftest import BREAKHIS, ROOT, breakhis_path, save_noise

from paper_code import __main__ as cli
from paper_code import doctor
from paper_code.config import resolve_settings
from paper_code.networks import NETWORKS, network_module

CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
Usage = collections.namedtuple("Usage", "total used free")


def test_a_machine_with_some_data_and_one_weights_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for number in range(1, 21):
        for subtype, slide in (("A", "14-22549AB"), ("DC", "14-2523")):
            save_noise(breakhis_path(tmp_path / "raw", subtype, slide, 40, number), number)
    cached = tmp_path / "torch/hub/checkpoints/resnet50-0676ba61.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"weights")
    tsv = tmp_path / "results/smoke/benchmarks/train/a.tsv"
    tsv.parent.mkdir(parents=True)
    tsv.write_text("s\th:m:s\n90.0\t0:01:30\n")
    assert cli.main(["doctor", "--data-root", str(tmp_path / "raw")]) == 0
    said = capsys.readouterr().out
    assert "breakhis_40x: real (found 20 benign, 20 malignant)" in said
    assert "bach: phantom (no files below" in said
    assert f"  resnet50: {cached}\n" in said and f"  dalaresnet50: {cached}\n" in said
    assert "  vit: none are published" in said and "  swin: not here" in said
    assert "measured here: 1.5 min over 1 finished jobs" in said
    free = float(re.search(r"disk free here: ([\d.]+) GiB", said).group(1))
    assert abs(free - shutil.disk_usage(tmp_path).free / 2**30) < 5
    assert "Ready: snakemake --cores all" in said


def test_problems_are_named_and_the_status_is_1(tmp_path, monkeypatch, capsys):
    save_noise(tmp_path / "raw" / BREAKHIS / "benign/SOB/adenosis/odd/40X/odd.png")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10, 9, 1))
    assert cli.main(["doctor", "--data-root", str(tmp_path / "raw")]) == 1
    said = capsys.readouterr().out
    assert "breakhis_40x: unusable (see below)" in said
    problems = [line for line in said.splitlines() if line.startswith("problem: ")]
    assert any("odd.png" in line for line in problems)
    assert any("GiB are free here" in line for line in problems)
    assert "Ready" not in said


def test_needs_follow_the_settings():
    settings = resolve_settings(
        CONFIG | {"scale": "demo", "datasets": ["breakhis_40x", "bach"], "networks": ["resnet50"],
                  "placements": [2, 4], "seeds": [0, 1], "keep_weights": True, "image_size": 64,
                  "images_per_dataset": 450}
    )  # fmt: skip
    sources = {"breakhis_40x": "real", "bach": "real"}
    assert doctor.runs_of(settings) == [
        ("breakhis_40x", "resnet50"), ("breakhis_40x", "dalaresnet50-layer2"), ("bach", "resnet50")
    ]  # fmt: skip
    need = doctor.needed_bytes(settings, sources)
    assert need["arrays"] == 4 * 64 * 64 * (450 + 400)
    resnet, gate = 25557032 - 1000 * 2049, 512 * 128 + 128 + 128 * 512 + 512
    expected = (resnet + 2 * 2049) + (resnet + 2 * 2049 + gate) + (resnet + 4 * 2049)
    assert need["weights"] == 4 * 2 * expected
    assert doctor.needed_bytes(settings | {"keep_weights": False}, sources)["weights"] == 0


def test_the_probe_measures_this_machine(tmp_path, monkeypatch, capsys):
    def small(config):
        return resolve_settings(
            config | {"networks": ["resnet50"], "image_size": 32, "batch_size": 2}
        )

    monkeypatch.setattr(doctor, "resolve_settings", small)
    assert cli.main(["doctor", "--data-root", str(tmp_path), "--probe", "smoke"]) == 0
    said = capsys.readouterr().out
    assert " images/s training, " in said and "smoke: about " in said


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_says_where_its_weights_are_published(name):
    import importlib

    url = importlib.import_module(network_module(name)).WEIGHTS_URL
    assert url is None if name == "vit" else url.startswith("https://")


def test_the_measured_times_name_their_machine():
    table = pd.read_csv(doctor.MEASURED)
    assert list(table) == ["scale", "hardware", "seconds", "what", "commit"]
    assert set(table["scale"]) <= set(doctor.SCALES)
    assert table.notna().all(axis=None)
    assert (table["seconds"].astype(float) > 0).all()
