"""Progress and counts that read well on a terminal and in a log file."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 10


def say(message: str) -> None:
    """Print one line to standard error at once, so that it is seen in order through a pipe."""
    print(message, file=sys.stderr, flush=True)


def count_text(count: int, noun: str) -> str:
    """So many of something: "1 run", "5 runs", "1,995 images"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def track(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield `items`, with a bar on a terminal, elsewhere with a line every few seconds."""
    total = len(items) if total is None else total  # type: ignore[arg-type]
    if sys.stderr.isatty():
        yield from tqdm(items, desc=label, total=total, dynamic_ncols=True)
        return
    start = last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES or done == total:
            say(f"{label}: {done}/{total} ({now - start:.0f} s)")
            last = now
