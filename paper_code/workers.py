"""Work spread over worker processes, in order, with progress."""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from paper_code.errors import UserError
from paper_code.progress import track

T = TypeVar("T")
R = TypeVar("R")
PR_SET_PDEATHSIG = 1  # of linux/prctl.h


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_parallel(
    function: Callable[[T], R], items: Sequence[T], label: str, workers: int
) -> Iterable[R]:
    """Yield `function(item)` for each item, in order; the first error ends it all.

    `function` must be importable by name (it is sent to other processes).

    UserError if one of the processes was killed.
    """
    if workers <= 1 or len(items) < 2:
        yield from track(map(function, items), label, total=len(items))
        return
    with ProcessPoolExecutor(workers, initializer=_end_with, initargs=[os.getpid()]) as pool:
        chunk = max(1, len(items) // (workers * 8))
        try:
            results = pool.map(function, items, chunksize=chunk)
        except OSError:  # not all could be started; those that were would wait for ever
            for process in multiprocessing.active_children():
                process.kill()
            raise
        try:
            yield from track(results, label, total=len(items))
        except BrokenProcessPool as error:
            raise UserError(
                f"{label}: a worker process was killed, perhaps because memory ran out. "
                "Use fewer workers (--workers, or --cores of snakemake)."
            ) from error
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _end_with(parent: int) -> None:
    """Let the kernel end this process when its parent ends, be it killed; on Linux.

    Without its parent, a worker would wait for work for ever.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended just before
        os._exit(1)
