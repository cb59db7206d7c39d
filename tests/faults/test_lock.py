"""Locks of killed runs are removed, those of live ones never; nothing outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, snakemake

from paper_code import cli
from paper_code.working import FILE, LOCKS, VARIABLE

RUN = "from paper_code.working import begin_run; print(begin_run(), flush=True); input()"
JOB = "from paper_code.working import join_run; join_run(); print('joined', flush=True); input()"


@pytest.fixture
def start(tmp_path):
    """start(code) -> a process in the folder, and the line that it has printed."""
    running = []

    def run(code: str, **environment: str) -> tuple[subprocess.Popen, str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process, process.stdout.readline().strip()

    yield run
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def lock(tmp_path):
    """What Snakemake leaves behind when it is killed."""

    def write() -> Path:
        path = tmp_path / LOCKS / "0.output.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("results/x.csv\n")
        return path

    return write


def end(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_nothing_is_said_in_a_new_folder(start, tmp_path):
    assert start(RUN)[1] == ""
    assert (tmp_path / FILE).is_file()


def test_the_lock_of_a_killed_run_is_removed(start, lock):
    first, _ = start(RUN)
    path = lock()
    end(first)
    _, said = start(RUN)
    assert said.startswith("An earlier run in this folder was killed")
    assert not path.exists()


def test_the_lock_of_a_live_run_stays(start, lock):
    first, _ = start(RUN)
    path = lock()
    second, said = start(RUN)
    assert f"A run is working in this folder (process {first.pid})" in said
    assert path.exists()
    end(second)  # what comes later leaves the first one's lock alone too
    assert "is working" in start(RUN)[1] and path.exists()


def test_a_run_beside_another_keeps_both_locked(start, lock):
    """The first ends; the lock is now that of the second, which had found no lock."""
    first, _ = start(RUN)
    second, said = start(RUN)
    assert said == ""
    path = lock()
    end(first)
    assert f"process {second.pid}" in start(RUN)[1] and path.exists()


def test_the_lock_stays_while_a_job_of_the_killed_run_works(start, lock, tmp_path):
    run, _ = start(RUN)
    job, said = start(JOB, **{VARIABLE: str(tmp_path / FILE)})
    assert said == "joined"
    path = lock()
    end(run)
    waiting, said = start(RUN)
    assert f"process {job.pid}" in said and path.exists()
    end(waiting)
    end(job)
    assert "was killed" in start(RUN)[1] and not path.exists()


def test_the_lock_of_a_run_on_another_machine_stays(start, lock, tmp_path):
    path = lock()
    (tmp_path / FILE).write_text("another-machine\n")
    for _ in range(2):
        process, said = start(RUN)
        assert "started in this folder on another-machine" in said and path.exists()
        end(process)


def test_a_lock_of_unknown_origin_stays(start, lock):
    path = lock()
    assert "on another machine" in start(RUN)[1]
    assert path.exists()


def test_a_folder_that_cannot_be_written_is_left_to_snakemake(start, tmp_path):
    (tmp_path / FILE.parent).write_text("a file in the place of the folder")
    assert start(RUN)[1] == ""


def test_the_workflow_goes_on_after_a_kill_and_never_beside_a_live_run(start, lock, tmp_path):
    """Snakemake itself, with the lock of its one job."""
    target = "results/smoke/tables/others.csv"
    words = (target, "--config", "scale=smoke", "data=phantom")
    first, _ = start(RUN)
    path = lock()
    path.write_text(f"{target}\n")
    done = snakemake(tmp_path, *words)
    assert done.returncode != 0 and "Directory cannot be locked" in done.stdout
    assert f"A run is working in this folder (process {first.pid})" in done.stdout
    assert path.exists() and not (tmp_path / target).exists()
    end(first)
    done = snakemake(tmp_path, *words)
    assert done.returncode == 0, done.stdout
    assert "An earlier run in this folder was killed" in done.stdout
    assert (tmp_path / target).exists() and not path.exists()


def test_what_a_killed_phantom_left_is_removed(tmp_path):
    left = tmp_path / ".raw.new-999999999-x" / "BreaKHis_v1"
    left.mkdir(parents=True)
    words = ["phantom", "bach", "--images", "4", "--height", "64", "-o", str(tmp_path / "raw")]
    assert cli.main(words) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


WORKERS = """
import time
from paper_code.parallel import map_parallel
print("started", flush=True)
list(map_parallel(time.sleep, [60] * 4, "sleeping", 2))
"""


def children(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(number) for number in text.split()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the kernel of Linux does it")
def test_workers_end_with_their_killed_parent(start):
    parent, _ = start(WORKERS)
    deadline = time.monotonic() + 20
    while len(children(parent.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = children(parent.pid)
    assert len(workers) == 2
    time.sleep(0.5)
    end(parent)
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.05)
