"""`doctor`: what it says is looked up on this machine, and its exit status follows."""

import collections
import re
import shutil

from conftest import BREAKHIS, breakhis_path, save_noise

from paper_code import cli

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
    assert cli.main(["doctor", "--data-root", str(tmp_path / "raw")]) == 0
    said = capsys.readouterr().out
    assert "breakhis_40x: real (found 20 benign, 20 malignant)" in said
    assert "bach: phantom (no files below" in said
    assert f"  resnet50: {cached}\n" in said and f"  dalaresnet50: {cached}\n" in said
    assert "  vit: none are published" in said and "  swin: not here" in said
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
    assert any("GiB are free" in line for line in problems)
    assert "Ready" not in said
