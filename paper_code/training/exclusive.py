"""One timed run at a time on a GPU, however many processes have been started."""

import contextlib
import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch


@contextlib.contextmanager
def exclusive(device: torch.device) -> Iterator[None]:
    """Wait until no other process of this project holds `device`, and hold it.

    A lock on a file of the system's temporary folder, which ends with the process. A CPU is not
    locked: there Snakemake gives each run its own cores.
    """
    if device.type != "cuda":
        yield
        return
    with locked(str(torch.cuda.get_device_properties(device).uuid)):
        yield


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock called `name`, waiting for it if need be."""
    path = Path(tempfile.gettempdir(), f"paper_code-{name}.lock")
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
