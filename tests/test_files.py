"""Files appear whole or not at all, and what a killed process left is cleared by the next."""

import signal

import pytest
from conftest import python

from paper_code.files import replacing, replacing_together, write_text

KILLED = """
import os, signal, sys
from paper_code.files import replacing, replacing_together
with replacing_together(sys.argv[1]) as folder, replacing(sys.argv[2]) as file:
    (folder / "weights").write_text("half")
    file.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def killed(tmp_path):
    """A folder in which a process was killed while it wrote a run and a table."""
    run, table = tmp_path / "run", tmp_path / "tables" / "t.csv"
    done = python(KILLED, run, table)
    assert done.returncode == -signal.SIGKILL
    assert len(names(run)) == len(names(table.parent)) == 1, "what the process left"
    return tmp_path


def test_leftovers_of_a_killed_process_go_when_the_same_output_is_written_again(killed):
    with replacing_together(killed / "run") as folder:
        (folder / "weights").write_text("whole")
    write_text(killed / "tables" / "t.csv", "whole")
    assert names(killed / "run") == ["weights"]
    assert names(killed / "tables") == ["t.csv"]


def test_a_living_process_keeps_its_files(tmp_path):
    with replacing(tmp_path / "t.csv") as first:
        write_text(tmp_path / "t.csv", "second")
        first.write_text("first")
    assert names(tmp_path) == ["t.csv"]
    assert (tmp_path / "t.csv").read_text() == "first"
