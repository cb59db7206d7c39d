"""What a run of the workflow shows: one line for each finished job, with the time left.

Snakemake's log file below .snakemake/log keeps every message.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from paper_code.time_left import Kind, TimeLeft, duration

LOG_LINES = 20  # shown of a failed job's log
HIDDEN = {"workflow_started", "resources_info", "job_started", "shellcmd", "progress"}
HIDDEN_TEXTS = (
    "Select jobs to execute",
    "Removing temporary",
    "Would remove temporary",
    "Touching output",
    "Reasons:",
)


class Screen(logging.Handler):
    """Stands before Snakemake's handler for the terminal and passes on what a reader needs.

    Args:
        terminal: Snakemake's handler.
        jobs: called once, when the first job starts: the kind of every job to run, by id.
    """

    def __init__(self, terminal: logging.Handler, jobs: Callable[[], dict[int, Kind]]) -> None:
        super().__init__()
        self.terminal, self.jobs = terminal, jobs
        self.total, self.done, self.counted = 0, 0, False
        self.started: dict[int, tuple[str, float]] = {}
        self.time_left: TimeLeft | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Show a message, or what stands for it."""
        event, now = getattr(record, "event", None), time.monotonic()
        if event == "job_info":
            self._start(record, now)
        elif event == "job_finished":
            self._finish(record.job_id, now)
        elif event == "job_error":
            if self.time_left:
                self.time_left.stop(record.jobid, now, failed=True)
            self.terminal.handle(without_inputs(record))
            self._say(*(line for path in record.log for line in last_lines(path)))
        elif event == "run_info":  # a dry run counts its jobs twice
            if not self.counted:
                self.terminal.handle(record)
            self.counted = True
        elif str(record.msg).startswith("This was a dry-run"):
            self._say("This was a dry run. Add -p to list each job with its reason and command.")
        elif event not in HIDDEN and not str(record.msg).startswith(HIDDEN_TEXTS):
            self.terminal.handle(record)

    def _start(self, record: logging.LogRecord, now: float) -> None:
        if self.time_left is None:
            kinds = self.jobs()
            self.total, self.time_left = len(kinds), TimeLeft(kinds, now)
        self.started[record.jobid] = record.rule_msg or record.rule_name, now
        self.time_left.start(record.jobid, now)

    def _finish(self, job: int, now: float) -> None:
        self.done += 1
        text, start = self.started.get(job, (f"job {job}", now))
        self.time_left.stop(job, now)
        left = self.time_left.in_words()
        count = f"[{self.done:>{len(str(self.total))}}/{self.total}]"
        self._say(f"{count} {text}: {duration(now - start)}" + (f"; {left}" if left else ""))

    def _say(self, *lines: str) -> None:
        for line in lines:
            self.terminal.handle(logging.makeLogRecord({"msg": line}))


def without_inputs(record: logging.LogRecord) -> logging.LogRecord:
    """A failure without the list of input files, which can fill pages."""
    return logging.makeLogRecord(record.__dict__ | {"input": [], "msg": record.rule_msg or ""})


def last_lines(path: str) -> list[str]:
    """The end of a log file, with a line above it that says so."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return [f"{path}: {error.strerror}"]
    shown = lines[-LOG_LINES:]
    return [f"The last {len(shown)} of {len(lines)} lines of {path}:", *(f"    {x}" for x in shown)]


def show_progress(logger: logging.Logger, jobs: Callable[[], dict[int, Kind]]) -> None:
    """Put a `Screen` in the place of Snakemake's handler for the terminal, if it is there."""
    for handler in list(logger.handlers):
        if handler.name == "DefaultStreamHandler":
            handler.formatter.show_failed_logs = False  # the last lines do
            logger.removeHandler(handler)
            logger.addHandler(Screen(handler, jobs))
