"""Run Snakemake with no other such run at work in this folder: `make reproduce`.

    python workflow/alone.py --cores all [ARGUMENTS OF SNAKEMAKE]

The run holds a lock of the operating system, which ends with its processes, however they end. The
file of that lock says "at work" until the run has come to its end; whoever gets the lock and still
reads that knows that the run was killed, and lets Snakemake remove the lock that it left behind.
"""

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

FILE = Path(".snakemake", "at_work")


def main(arguments: list[str]) -> int:
    """The exit status of Snakemake; 2 where another run is at work."""
    command = [sys.executable, "-m", "snakemake"]
    FILE.parent.mkdir(exist_ok=True)
    with FILE.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(
                "error: another run is at work in this folder. Wait until it ends, or stop it, and "
                "give the same command again.",
                file=sys.stderr,
            )
            return 2
        lock.seek(0)
        if lock.read():
            print("The last run in this folder was killed; this one goes on.", file=sys.stderr)
            subprocess.run([*command, "--unlock", *arguments], capture_output=True, check=False)
        else:
            print("at work", file=lock, flush=True)
        # Snakemake holds the lock too, should this process be killed alone.
        run = subprocess.Popen([*command, *arguments], pass_fds=[lock.fileno()])
        # Ctrl-C reaches Snakemake too, which ends its jobs.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        status = run.wait()
        lock.truncate(0)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
