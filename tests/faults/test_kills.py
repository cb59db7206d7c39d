"""A small run, killed at random moments, goes on to the results of an undisturbed one.

It draws a phantom, prepares and splits it, trains DALAResNet50 with a checkpoint after every epoch,
scores maps, and makes tables and figures. Four kills in five are `kill -9` of the whole process
group, as when a session ends or a machine goes down; the fifth kills Snakemake's own process alone
and leaves its jobs behind, which end by themselves. Each run is killed until it finishes.
"""

import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import MANY, ROOT, started

KILLS = int(os.environ.get("KILLS", "50"))
SETTINGS = (
    "scale=demo",
    "data=phantom",
    "datasets=[breakhis_100x]",
    "networks=[dalaresnet50]",
    "placements=[]",
    "leakage_datasets=[]",
    "cam_datasets=[breakhis_100x]",
    "image_size=64",
    "cam_image_size=64",
    "epochs=3",
    "cam_epochs=3",
    "cam_images=2",
    "faithfulness_images=2",
    "checkpoint_seconds=0",
    "bootstrap_resamples=50",
    "threads_per_run=1",
    "phantom_images={breakhis: 32, bach: 20, mini_ddsm: 20}",
    "phantom_height={breakhis: 64, bach: 64, mini_ddsm: 64}",
)
TARGETS = (
    "tables/table_06_splits.csv",
    "tables/table_07_breakhis_comparison.csv",
    "tables/table_14_cam_localization.csv",
    "tables/convergence.csv",
    "figures/figure_06_confusion_matrices.png",
)
TIMED = ("timing.json", "cam.json", "convergence.csv", "convergence.md")
PATIENCE = 1200  # seconds for a run that nobody kills
LONE = 5  # every so many kills, Snakemake alone is killed


def start(folder: Path) -> subprocess.Popen:
    """The run, in a process group of its own."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(ROOT / "workflow" / "alone.py")]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--cores", "2"]
    command += [f"results/demo/{target}" for target in TARGETS]
    with (folder.parent / "log.txt").open("w") as log:
        return started([*command, "--config", *SETTINGS], folder, stdout=log)


def working(folder: Path, seconds: float) -> list[psutil.Process]:
    """Processes whose working directory is the run's, once none is left or after so long."""
    deadline = time.monotonic() + seconds
    while True:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def kill(process: subprocess.Popen, folder: Path, alone: bool) -> None:
    """Kill a run; nothing of it may be left."""
    if alone:
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    orphans = working(folder, PATIENCE if alone else 10)
    for orphan in orphans:
        orphan.kill()
    assert not orphans


def results(folder: Path) -> dict[str, str]:
    """Digests of all files, but for times; a temporary file or a checkpoint is one too many."""
    paths = [path for path in (folder / "results").rglob("*") if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): ""
        if path.name in TIMED
        else hashlib.md5(path.read_bytes()).hexdigest()
        for path in paths
        if "benchmarks" not in path.parts
    }


@pytest.mark.skipif(not MANY, reason="make faults")
def test_killed_runs_go_on_to_the_same_results(tmp_path):
    rng, done, begun = random.Random(0), 0, time.monotonic()
    log, undisturbed, disturbed = (tmp_path / name for name in ("log.txt", "whole", "disturbed"))
    assert start(undisturbed).wait(PATIENCE) == 0, log.read_text()
    seconds = time.monotonic() - begun
    while done < KILLS or disturbed.exists():
        process, moment = start(disturbed), rng.uniform(0.02, 0.6) * seconds
        try:
            status = process.wait(moment if done < KILLS else PATIENCE)
        except subprocess.TimeoutExpired:
            done += 1
            kill(process, disturbed, alone=done % LONE == 0)
        else:
            assert status == 0, log.read_text()
            assert results(disturbed) == results(undisturbed), f"after {done} kills"
            assert not list(disturbed.glob(".snakemake/locks/*"))
            shutil.rmtree(disturbed)
