"""Disks that are full or read-only, too few open files, and clocks that are set back."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import MANY, ROOT, files_below, one_message, run, save_noise, write_prepared
from published_trees import tar

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
def disk(tmp_path):
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system cannot be mounted here (needs root on Linux)")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


TRAIN = (
    "train dalaresnet50 --prepared {trained}/prepared --split {trained}/split.csv --epochs 2"
    " --batch-size 4 --checkpoint-seconds 0 --checkpoints {trained}/checkpoints -o {out}/run"
)
# Each writes more than a full disk takes.
COMMANDS = {
    "phantom": "phantom bach --images 4 --height 64 -o {out}/raw",
    "prepare": "prepare {inputs}/big/manifest.csv --image-size 512 -o {out}/prepared",
    "split": "split {inputs}/prepared/manifest.csv -o {out}/split.csv",
    "evaluate": "evaluate {run} --resamples 9 -o {out}/metrics.csv",
    "table": "table 06 --prepared {inputs}/prepared --splits {inputs}/split.csv"
    " --scale demo -o {out}/table.csv",
    "figure": "figure 02 -o {out}/figure.png",
    "train, its results": TRAIN,
    "train, its checkpoint": TRAIN.replace("{out}", "{trained}/second").replace(
        "{trained}/checkpoints", "{out}/checkpoints"
    ),
    "cam": "cam --run {trained}/run --prepared {trained}/prepared --cam-images 2"
    " --scorecam-images 1 --faithfulness-images 2 --cam-tuning-images 2 -o {out}/cam",
    "predict": "predict {inputs}/big/0.png --weights {trained}/run -o {out}/classes.csv",
    "explain": "explain {inputs}/big/0.png --weights {trained}/run -o {out}/maps",
}
LONG = [name for name in COMMANDS if "{trained}" in COMMANDS[name]]  # a minute: `make faults`


@pytest.fixture(scope="module")
def with_lesions(tmp_path_factory) -> Path:
    """A prepared data set with a lesion in every image, its split and a run."""
    folder = tmp_path_factory.mktemp("trained")
    prepared, _ = write_prepared(folder, size=64, per_class=10)
    masks = np.zeros((20, 64, 64), np.uint8)
    masks[:, 10:40, 10:40] = 1
    np.save(prepared / "masks.npy", masks)
    manifest = pd.read_csv(prepared / "manifest.csv", dtype=str).assign(mask="mask.png")
    write_csv(prepared / "manifest.csv", manifest)
    assert run(*TRAIN.format(trained=folder, out=folder).split()) == 0
    return folder


@pytest.fixture
def words(tmp_path, make_run, request):
    """words("split", folder) -> the arguments of a command that writes into the folder."""
    inputs = tmp_path / "inputs"
    write_prepared(inputs)
    scored = make_run()
    rows = [(f"{n}.png", str(save_noise(inputs / f"big/{n}.png", n)), "") for n in range(4)]
    write_csv(inputs / "big/manifest.csv", pd.DataFrame(rows, columns=["image", "path", "mask"]))
    write_json(inputs / "big/source.json", {"dataset": "own", "colour": "any"})

    def make(name: str, out: Path) -> list[str]:
        if name in LONG and not MANY:
            pytest.skip("make faults")
        trained = request.getfixturevalue("with_lesions") if name in LONG else None
        return COMMANDS[name].format(out=out, inputs=inputs, run=scored, trained=trained).split()

    return make


@pytest.mark.parametrize("name", COMMANDS)
def test_full_disk_then_room(name, disk, words, refused):
    command = words(name, disk.folder / "out")
    disk.fill()
    before = files_below(disk.folder)
    assert str(disk.folder) in refused(*command, says="(?i)no space left")
    disk.remount("size=600m")
    assert run(*command) == 0
    # A run that has ended needs no checkpoint.
    assert len(files_below(disk.folder)) > len(before) or name == "train, its checkpoint"


@pytest.mark.parametrize("name", ["prepare", "split"])
def test_read_only_folder(name, disk, words, refused):
    command = words(name, disk.folder / "out")
    disk.remount("ro")
    assert str(disk.folder) in refused(*command, says="Read-only file system")
    disk.remount("rw,size=64m")
    assert run(*command) == 0


def test_fetch_unpacks_onto_a_full_disk(disk, refused):
    disk.remount("size=40k")
    (disk.folder / "BreaKHis_v1.tar.gz").write_bytes(tar())
    command = ["fetch", "breakhis", "--data-root", disk.folder]
    assert str(disk.folder) in refused(*command, says="No space left")
    disk.remount("size=64m")
    assert run(*command) == 0


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


def test_a_clock_that_is_set_back(words, tmp_path, monkeypatch):
    """Every look at the clock finds it an hour earlier, and all inputs are from the future."""
    hours, found = iter(range(10**6, 0, -1)), []
    for place in ("before", "after"):
        if place == "after":
            monkeypatch.setattr(time, "time", lambda: 3600.0 * next(hours))
            for path in tmp_path.rglob("*"):
                os.utime(path, (4e9, 4e9))
        out = tmp_path / place
        for name in ("prepare", "split", "evaluate", "table"):
            assert run(*words(name, out)) == 0
        files = [path for path in out.rglob("*") if path.is_file()]
        texts = {path: path.read_bytes().replace(place.encode(), b"") for path in files}
        found.append({path.relative_to(out): text for path, text in texts.items()})
    assert found[0] == found[1] and len(found[0]) >= 5
