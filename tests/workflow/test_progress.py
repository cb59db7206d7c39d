"""What a run shows: a line for each job, the time left, errors in full, what to try next."""

import logging
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, snakemake

from paper_code.time_left import TimeLeft, duration
from paper_code.workflow_progress import LOG_LINES, Screen, last_lines

TRAIN, SLOW, TABLE = ("train", "resnet50"), ("train", "vgg16"), ("table", "")


def test_time_is_shared_among_the_jobs_that_run_at_once():
    """Four jobs of 20 s, two at a time, take 40 s."""
    left = TimeLeft(dict.fromkeys(range(4), TRAIN), now=0)
    assert left.in_words() == ""
    left.start(0, 0)
    left.start(1, 0)
    left.stop(0, 20)
    left.stop(1, 20)
    assert left.in_words() == "about 20 s left"
    left.start(2, 20)
    left.start(3, 20)
    left.stop(2, 28)
    assert left.left.keys() == {3}
    assert left.finished[TRAIN] == [10, 10, 4]


def test_another_network_counts_by_its_usual_cost():
    left = TimeLeft({0: TRAIN, 1: SLOW, 2: SLOW}, now=0)
    left.start(0, 0)
    left.stop(0, 30)
    assert left.in_words() == "about 2 min left"
    left.start(1, 30)
    left.stop(1, 70)
    assert left.in_words() == "about 40 s left"


def test_nothing_is_said_before_the_slow_rules_are_known():
    kinds = dict.fromkeys(range(10), TABLE) | dict.fromkeys(range(10, 60), TRAIN)
    left = TimeLeft(kinds, now=0)
    left.start(0, 0)
    left.stop(0, 5)
    assert left.in_words() == ""
    left.start(10, 5)
    left.stop(10, 35)
    assert left.in_words() == "about 25 min left"


def test_what_is_not_measured_makes_it_at_least():
    left = TimeLeft({0: TRAIN, 1: TRAIN, 2: TRAIN, 3: ("cam", "resnet50")}, now=0)
    left.start(0, 0)
    left.stop(0, 50)
    assert left.in_words() == ""  # the maps may take longer than all that is known
    left = TimeLeft(dict.fromkeys(range(6), TRAIN) | {6: ("cam", "resnet50")}, now=0)
    left.start(0, 0)
    left.stop(0, 50)
    assert left.in_words() == "at least 4 min left"


def test_a_failed_job_is_not_a_measurement():
    left = TimeLeft({0: TRAIN, 1: TRAIN}, now=0)
    left.start(0, 0)
    left.stop(0, 1, failed=True)
    assert not left.finished and left.in_words() == ""


def test_durations():
    assert [duration(s) for s in (0.2, 99, 101, 5400, 9000)] == [
        "0 s",
        "99 s",
        "2 min",
        "90 min",
        "2.5 h",
    ]


class Terminal(logging.Handler):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.shown.append(str(record.msg))


def test_a_job_that_never_started_is_counted():
    """As when a cluster reports a job of an earlier run."""
    screen = Screen(terminal := Terminal(), lambda: {1: TRAIN})
    info = {"event": "job_info", "jobid": 1, "rule_msg": None, "rule_name": "train"}
    for fields in (info, {"event": "job_finished", "job_id": 7}):
        screen.handle(logging.makeLogRecord(fields))
    assert terminal.shown == ["[1/1] job 7: 0 s"]


def test_the_end_of_a_log(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("\n".join(map(str, range(100))))
    assert last_lines(str(log))[0] == f"The last {LOG_LINES} of 100 lines of {log}:"
    assert last_lines(str(log))[-1] == "    99"
    assert last_lines("no.log") == ["no.log: No such file or directory"]


SNAKEFILE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from snakemake.logging import logger
from paper_code.workflow_progress import show_progress
def kinds():
    return {{job.jobid: (job.rule.name, "") for job in workflow.dag.needrun_jobs()}}
show_progress(logger, kinds)
rule all:
    input: "a", "b"
rule works:
    output: "a"
    message: "Making a"
    shell: "touch {{output}}"
rule fails:
    input: "a"
    output: "b"
    log: "b.log"
    shell: "seq 100 > {{log}}; echo it went wrong >> {{log}}; exit 3"
"""


@pytest.fixture
def failing(tmp_path) -> Path:
    """A folder with a workflow of which one rule fails."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    return tmp_path


def test_a_failing_job_shows_its_rule_and_the_end_of_its_log(failing):
    done = snakemake(failing, root=failing)
    assert done.returncode != 0
    assert "[1/3] Making a: 0 s\n" in done.stdout
    assert "Error in rule fails:" in done.stdout and "log: b.log" in done.stdout
    assert "    it went wrong\n" in done.stdout and "    99\n" in done.stdout
    assert "    50\n" not in done.stdout
    assert "seq 100" in done.stdout, "the command"
    for hidden in ("Reason:", "Select jobs", "rule all:", "input:"):
        assert hidden not in done.stdout
    (log,) = failing.glob(".snakemake/log/*.log")
    assert "Reason: Missing output files: a" in log.read_text() and "input: a" in log.read_text()


def test_a_dry_run_counts_the_jobs(failing):
    done = snakemake(failing, "-n", root=failing)
    assert done.returncode == 0
    assert len(re.findall(r"total +3", done.stdout)) == 1
    assert "Making a" not in done.stdout and "Add -p to list each job" in done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, str]:
    """The folder of a run that trains one network, and what the run showed."""
    folder = tmp_path_factory.mktemp("trained")
    words = ["results/smoke/runs/breakhis_40x/dalaresnet50/image-0-0/run.json", "--config"]
    words += ["scale=smoke", "data=phantom", "datasets=[breakhis_40x]", "networks=[dalaresnet50]"]
    done = snakemake(folder, *words, "placements=[]", "epochs=1", "keep_weights=true")
    assert done.returncode == 0, done.stdout
    return folder, done.stdout


def test_one_line_for_each_job(trained):
    lines = [line for line in trained[1].splitlines() if line.startswith("[")]
    assert len(lines) == 5
    pattern = r"\[5/5\] Training dalaresnet50 on breakhis_40x, split by image 0, seed 0: \d+ s"
    assert re.fullmatch(pattern, lines[-1])


def test_the_commands_that_a_run_ends_with_work(trained):
    folder, shown = trained
    commands = [line.split("-m paper_code ")[1] for line in shown.splitlines() if "-m pap" in line]
    assert [command.split()[0] for command in commands] == ["predict", "explain", "evaluate"]
    for command in commands:
        words = [sys.executable, "-m", "paper_code", *shlex.split(command)]
        done = subprocess.run(
            words, cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert (folder / words[-1]).exists()


def test_jobs_are_listed_if_asked_for(trained):
    listed = ["-n", "-p", "--config", "scale=smoke", "data=phantom", "datasets=[breakhis_40x]"]
    done = snakemake(trained[0], *listed, "networks=[dalaresnet50]", "placements=[]")
    assert done.returncode == 0, done.stdout
    assert "Table table_06_splits\nReason: Missing output files" in done.stdout
    assert "python -m paper_code table 06" in done.stdout
