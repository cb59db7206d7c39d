"""Disks that are full or read-only, too few open files, and clocks that are set back."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, files_below, read_json, save_noise, write_prepared
from published_trees import tar

from paper_code import cli
from paper_code.files import write_csv, write_json


class Disk:
    """A small file system that can be filled, enlarged and made read-only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        with contextlib.suppress(OSError), (self.folder / "filler").open("wb", 0) as file:
            while True:
                file.write(bytes(4096))

    def remount(self, options: str) -> None:
        command = ["mount", "-o", f"remount,{options}", str(self.folder)]
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def disk(small_disk):
    return Disk(small_disk)


@pytest.fixture
def inputs(tmp_path):
    """What each command starts from: a prepared set, its split and a run."""
    folder = tmp_path / "inputs"
    prepared, split = write_prepared(folder)
    table = pd.read_csv(split, dtype=str)
    table = table[table["part"] != "train"].assign(predicted="benign", p_benign=0.75)
    write_csv(folder / "run/predictions.csv", table.assign(p_malignant=0.25))
    classes = ["benign", "malignant"]
    facts = {"dataset": "breakhis_40x", "network": "resnet50", "classes": classes}
    facts |= {"data": read_json(prepared / "source.json")}
    write_json(folder / "run/run.json", facts)
    return folder


# Each writes more than a full disk takes.
COMMANDS = {
    "phantom": "phantom bach --images 4 --height 64 -o {out}/raw",
    "prepare": "prepare {inputs}/big/manifest.csv --image-size 512 -o {out}/prepared",
    "split": "split {inputs}/prepared/manifest.csv -o {out}/split.csv",
    "evaluate": "evaluate {inputs}/run --resamples 9 -o {out}/metrics.csv",
    "table": "table 06 --prepared {inputs}/prepared --splits {inputs}/split.csv"
    " --scale demo -o {out}/table.csv",
}


@pytest.fixture
def words(inputs):
    """words("split", folder) -> the arguments of a command that writes into the folder."""
    rows = [(f"{n}.png", str(save_noise(inputs / f"big/{n}.png", n)), "") for n in range(4)]
    write_csv(inputs / "big/manifest.csv", pd.DataFrame(rows, columns=["image", "path", "mask"]))
    write_json(inputs / "big/source.json", {"dataset": "own", "colour": "any"})

    def make(name: str, out: Path) -> list[str]:
        return COMMANDS[name].format(out=out, inputs=inputs).split()

    return make


def one_message(said: str) -> str:
    """The message of a command that has failed, its last line and its only one."""
    assert "Traceback" not in said
    lines = said.strip().splitlines()
    assert [line for line in lines if line.startswith("error: ")] == lines[-1:]
    return lines[-1]


@pytest.mark.parametrize("name", COMMANDS)
def test_full_disk_then_room(name, disk, words, capsys):
    disk.fill()
    before = files_below(disk.folder)
    capsys.readouterr()
    assert cli.main(words(name, disk.folder / "out")) == 2
    said = one_message(capsys.readouterr().err)
    assert str(disk.folder) in said and "no space left" in said.lower()
    assert files_below(disk.folder) == before
    disk.remount("size=64m")
    assert cli.main(words(name, disk.folder / "out")) == 0
    assert len(files_below(disk.folder)) > len(before)


@pytest.mark.parametrize("name", ["prepare", "split"])
def test_read_only_folder(name, disk, words, capsys):
    disk.remount("ro")
    assert cli.main(words(name, disk.folder / "out")) == 2
    said = one_message(capsys.readouterr().err)
    assert str(disk.folder) in said and "Read-only file system" in said
    disk.remount("rw,size=64m")
    assert cli.main(words(name, disk.folder / "out")) == 0


def test_fetch_unpacks_onto_a_full_disk(disk, capsys):
    disk.remount("size=40k")
    archive = disk.folder / "BreaKHis_v1.tar.gz"
    archive.write_bytes(tar())
    command = ["fetch", "breakhis", "--data-root", str(disk.folder)]
    assert cli.main(command) == 2
    said = one_message(capsys.readouterr().err)
    assert str(disk.folder) in said and "No space left" in said
    assert list(files_below(disk.folder)) == [archive.name]
    disk.remount("size=64m")
    assert cli.main(command) == 0


@pytest.mark.parametrize("limit", [12, 32])
def test_few_open_files(limit, words, tmp_path):
    script = f'ulimit -n {limit}; exec "$@"'
    command = [sys.executable, "-m", "paper_code", *words("prepare", out := tmp_path / "out")]
    command += ["--workers", "4"]
    command = ["bash", "-c", script, "bash", *command]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 2), done.stderr
    if done.returncode == 2:
        assert "Too many open files" in one_message(done.stderr)
        assert not out.exists() or files_below(out) == {}


def test_a_clock_that_is_set_back(inputs, words, tmp_path, monkeypatch):
    """Every look at the clock finds it an hour earlier, and all inputs are from the future."""
    hours, found = iter(range(10**6, 0, -1)), []
    for place in ("before", "after"):
        if place == "after":
            monkeypatch.setattr(time, "time", lambda: 3600.0 * next(hours))
            for path in inputs.rglob("*"):
                os.utime(path, (4e9, 4e9))
        out = tmp_path / place
        for name in ("prepare", "split", "evaluate", "table"):
            assert cli.main(words(name, out)) == 0
        files = [path for path in out.rglob("*") if path.is_file()]
        texts = {path: path.read_bytes().replace(place.encode(), b"") for path in files}
        found.append({path.relative_to(out): text for path, text in texts.items()})
    assert found[0] == found[1] and len(found[0]) >= 5
