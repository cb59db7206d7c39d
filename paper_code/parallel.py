"""Work spread over processes, in order, with progress."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from paper_code.progress import track

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_parallel(
    function: Callable[[T], R], items: Sequence[T], label: str, workers: int
) -> Iterable[R]:
    """Yield `function(item)` for each item, in order; the first error ends it all.

    `function` must be importable by name (it is sent to other processes).
    """
    if workers <= 1 or len(items) < 2:
        yield from track(map(function, items), label, total=len(items))
        return
    with ProcessPoolExecutor(max_workers=workers) as pool:
        results = pool.map(function, items, chunksize=max(1, len(items) // (workers * 8)))
        try:
            yield from track(results, label, total=len(items))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
