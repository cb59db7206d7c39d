"""One run at a time in a folder, which goes on after `kill -9`; nothing outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, snakemake, started

TARGET = "results/demo/prepared/bach/images.npy"
RUN = [sys.executable, str(ROOT / "workflow" / "alone.py"), "--snakefile", str(ROOT / "Snakefile")]
RUN += ["--workflow-profile", "none", "--cores", "1", TARGET]
RUN += ["--config", "scale=demo", "data=phantom", "datasets=[bach]"]


@pytest.fixture
def start(tmp_path):
    """start(command) -> a process in the folder, in a group of its own."""
    running = []

    def run(command: list[str]) -> subprocess.Popen:
        running.append(started(command, tmp_path))
        return running[-1]

    yield run
    for process in running:
        end(process)


def end(process: subprocess.Popen) -> None:
    """Kill a process with all it has started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(condition, process: subprocess.Popen) -> None:
    while not condition():
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.05)


def test_the_same_command_goes_on_after_a_kill_and_not_beside_a_live_run(start, tmp_path):
    first = start(RUN)
    locks = tmp_path / ".snakemake" / "locks"
    drawn = tmp_path / "results/demo/phantoms/bach"
    wait_for(lambda: drawn.exists() and any(locks.glob("*")), first)

    second = start(RUN)
    said, _ = second.communicate()
    assert second.returncode == 2 and "another run is at work in this folder" in said
    assert first.poll() is None and any(locks.glob("*")), "the live run keeps its lock"

    end(first)
    assert any(locks.glob("*")) and not (tmp_path / TARGET).exists()
    plain = snakemake(tmp_path, *RUN[RUN.index(TARGET) :])
    assert plain.returncode and "--unlock" in plain.stdout, "Snakemake itself says how to go on"

    again = start(RUN)
    said, _ = again.communicate()
    assert again.returncode == 0, said
    assert "was killed; this one goes on" in said
    assert (tmp_path / TARGET).exists() and not any(locks.glob("*"))
    assert (tmp_path / ".snakemake" / "at_work").read_text() == ""


def test_the_lock_of_a_run_that_was_not_ours_stays(start, tmp_path):
    """As that of a plain `snakemake`, which may be alive on another machine."""
    lock = tmp_path / ".snakemake" / "locks" / "0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(f"{TARGET}\n")
    said, _ = (process := start(RUN)).communicate()
    assert process.returncode and "Directory cannot be locked" in said
    assert lock.exists()


WORKERS = """
import time
from paper_code.workers import map_parallel
print("started", flush=True)
list(map_parallel(time.sleep, [60] * 4, "sleeping", 2))
"""


def children(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(number) for number in text.split()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the kernel of Linux does it")
def test_workers_end_with_their_killed_parent(start):
    parent = start([sys.executable, "-c", WORKERS])
    assert parent.stdout.readline() == "started\n"
    deadline = time.monotonic() + 20
    while len(children(parent.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = children(parent.pid)
    assert len(workers) == 2
    time.sleep(0.5)
    parent.kill()
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.05)
