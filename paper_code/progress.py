"""Progress that reads well on a terminal and in a log file."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def say(message: str) -> None:
    """Print one line to standard error at once, so that it is seen in order through a pipe."""
    print(message, file=sys.stderr, flush=True)


def track(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` with a bar on a terminal, or with a line every tenth part elsewhere."""
    total = len(items) if total is None else total  # type: ignore[arg-type]
    if sys.stderr.isatty():
        yield from tqdm(items, desc=label, total=total, dynamic_ncols=True)
        return
    start, step = time.monotonic(), max(1, -(-total // 10))
    for done, item in enumerate(items, start=1):
        yield item
        if done % step == 0 or done == total:
            say(f"{label}: {done}/{total} ({time.monotonic() - start:.0f} s)")
