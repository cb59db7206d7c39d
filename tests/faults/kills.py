"""Kills a small run of the workflow at random moments, goes on each time, and compares the results.

    python tests/faults/kills.py [--kills 50] [--seed 0]

The run draws a phantom, prepares and splits it, trains DALAResNet50 with a checkpoint after every
epoch, scores maps, and makes tables and figures. Four kills in five are `kill -9` of the whole
process group, as when a session ends or a machine goes down; the fifth kills Snakemake's own
process alone and leaves its jobs behind. After each:

- no process of the group is left; what a lone kill leaves behind ends with its job;
- the same command goes on, once nothing works in the folder;
- in the end, every result is that of an undisturbed run, byte for byte but for timings, and no
  lock, temporary file or checkpoint is left.

Ends with status 1 if any of these fails.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path("results", "demo")
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
# Files that hold times.
TIMED = ("timing.json", "cam.json", "convergence.csv", "convergence.md")
PATIENCE = 1200  # seconds for a run that nobody kills
LONE = 5  # every so many kills, Snakemake alone is killed


def start(folder: Path, log: Path) -> subprocess.Popen:
    """The run, in a process group of its own."""
    command = [sys.executable, str(ROOT / "workflow" / "alone.py")]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--cores", "2"]
    command += [str(RESULTS / target) for target in TARGETS]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with log.open("w") as file:
        return subprocess.Popen(
            [*command, "--config", *SETTINGS],
            cwd=folder,
            stdout=file,
            stderr=file,
            env=environment,
            start_new_session=True,
        )


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


def kill(process: subprocess.Popen, folder: Path, alone: bool) -> list[str]:
    """Kill a run; what it leaves behind."""
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
    return [f"left behind: {orphan}" for orphan in orphans]


def compare(reference: Path, folder: Path) -> list[str]:
    """What differs from an undisturbed run, but for times, and what was left behind."""
    failures = []
    names = {
        path.relative_to(where / RESULTS)
        for where in (reference, folder)
        for path in (where / RESULTS).rglob("*")
        if path.is_file() and "benchmarks" not in path.parts
    }
    for name in sorted(names):
        first, second = (where / RESULTS / name for where in (reference, folder))
        if not (first.is_file() and second.is_file()):
            failures.append(f"only in one of two runs: {name}")
        elif name.name not in TIMED and first.read_bytes() != second.read_bytes():
            failures.append(f"not the same as in an undisturbed run: {name}")
    for pattern in ("**/*.new-*", "**/.new-*", "**/.*.new-*", "**/checkpoint.pt"):
        failures += [f"left behind: {path}" for path in (folder / RESULTS).glob(pattern)]
    return failures + [f"left behind: {path}" for path in folder.glob(".snakemake/locks/*")]


def campaign(folder: Path, kills: int, seed: int) -> list[str]:
    """Run, kill and compare; what was not as it should be."""
    rng, failures, done = random.Random(seed), [], 0
    reference, disturbed, log = folder / "undisturbed", folder / "disturbed", folder / "log.txt"
    reference.mkdir()
    begun = time.monotonic()
    if start(reference, log).wait(PATIENCE):
        raise SystemExit(log.read_text()[-3000:])
    seconds = time.monotonic() - begun
    print(f"An undisturbed run takes {seconds:.0f} s", flush=True)
    while done < kills or disturbed.exists():
        disturbed.mkdir(exist_ok=True)
        process = start(disturbed, log)
        moment = rng.uniform(0.02, 0.6) * seconds
        try:
            status = process.wait(moment if done < kills else PATIENCE)
        except subprocess.TimeoutExpired:
            done += 1
            found = kill(process, disturbed, alone=done % LONE == 0)
            print(f"kill {done}, after {moment:.0f} s", flush=True)
        else:
            if status:
                return [*failures, f"exit status {status}: {log.read_text()[-3000:]}"]
            found = compare(reference, disturbed)
            print("finished and compared", flush=True)
            shutil.rmtree(disturbed)
        failures += found
        for failure in found:
            print(f"FAILED: {failure}", file=sys.stderr, flush=True)
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    failures = campaign(folder, arguments.kills, arguments.seed)
    print(f"{arguments.kills} kills, {len(failures)} failures")
    if failures:
        print(f"Kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
