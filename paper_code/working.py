"""Who works in a folder, so that a killed run's lock can be told from a live one's.

Snakemake locks the files of a run, and a run that is killed leaves that lock behind: the next one
refuses to start. So each run, and each of its jobs, also holds a shared lock (`flock`) on one file,
which the kernel releases when its process ends, however it ends. Whoever can get that lock alone
knows that nobody else works there.
"""

import contextlib
import fcntl
import os
import shutil
import socket
from pathlib import Path
from typing import TextIO

FILE = Path(".snakemake", "working")  # one line for each machine that runs were started on
LOCKS = Path(".snakemake", "locks")  # Snakemake's own
VARIABLE = "PAPER_CODE_WORKING"  # tells jobs where the file is
_held: list[TextIO] = []  # open until the process ends


def begin_run() -> str:
    """Say that a run works in the current folder, and remove the lock of a run that was killed.

    The lock stays if a process of its run still works, or if its run was started on another
    machine, whose processes may be invisible here.

    Returns:
        What to tell the user about a lock that was there; "" where there was none.
    """
    try:
        FILE.parent.mkdir(exist_ok=True)
        file = FILE.open("a+", encoding="utf-8")
    except OSError:  # a folder that cannot be written: Snakemake says so where it matters
        return ""
    _held.append(file)
    os.environ[VARIABLE] = str(FILE.absolute())
    locked = LOCKS.is_dir() and any(LOCKS.iterdir())
    file.seek(0)
    machines = set(file.read().split())
    here, told = socket.gethostname(), ""
    try:
        alone = _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # a file system without such locks: the user has to decide
        return ""
    if locked and alone and machines == {here}:
        shutil.rmtree(LOCKS)
        locked = False
        told = (
            "An earlier run in this folder was killed: its lock was removed, and this run goes on."
        )
    elif locked and not alone:
        numbers = ", ".join(map(str, holders(FILE))) or "unknown"
        told = (
            f"A run is working in this folder (process {numbers}). Should Snakemake say that the "
            "folder is locked, wait until it ends, or end it and start again."
        )
    elif locked:
        told = (
            f"A run was started in this folder on {', '.join(machines) or 'another machine'}. "
            "If it has ended there, remove its lock: snakemake --unlock"
        )
    if alone and not locked:
        file.truncate(0)
        machines = set()
    if here not in machines and not (alone and locked):
        file.write(f"{here}\n")
        file.flush()
    _lock(file, fcntl.LOCK_SH)
    return told


def join_run() -> None:
    """Say that this process is a job of the run that started it, if one did."""
    path = os.environ.get(VARIABLE)
    if path and not _held:
        with contextlib.suppress(OSError):
            file = Path(path).open(encoding="utf-8")  # noqa: SIM115
            _held.append(file)
            _lock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _lock(file: TextIO, kind: int) -> bool:
    """Whether the lock was to be had; it waits for it unless `kind` says not to."""
    try:
        fcntl.flock(file, kind)
    except BlockingIOError:
        return False
    return True


def holders(path: Path) -> list[int]:
    """The other processes that hold a lock on a file, as Linux lists them; empty elsewhere."""
    listing = Path("/proc/locks")
    if not listing.exists():
        return []
    inode = str(path.stat().st_ino)
    rows = [line.split() for line in listing.read_text(encoding="utf-8").splitlines()]
    # 1: FLOCK ADVISORY READ 4711 fe:00:123456 0 EOF; waiting ones have an arrow
    found = {int(r[4]) for r in rows if r[1] == "FLOCK" and r[5].rpartition(":")[2] == inode}
    return sorted(found - {os.getpid()})
