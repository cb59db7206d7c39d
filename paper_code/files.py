"""Files that appear whole or not at all."""

import contextlib
import errno
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from paper_code.errors import UserError

SMALLEST_FREE_SPACE = 64 * 1024  # bytes; a writer that failed with less left has filled the disk


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    If the block raises (a full disk, Ctrl-C), the temporary file is removed and an older file at
    `path` stays as it was. The temporary name keeps the suffix, so writers that look at it work.

    Raises:
        UserError: the disk is full; writers tell that in many ways.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}.new-"
    _clear_leftovers(path.parent, prefix)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f"{prefix}{os.getpid()}-", suffix=path.suffix
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except UserError:
        raise
    except Exception as error:
        full = any(text in str(error) for text in (os.strerror(errno.ENOSPC), "free space"))
        if full or shutil.disk_usage(path.parent).free < SMALLEST_FREE_SPACE:
            raise UserError(
                f"{path}: no space left on the disk. Free some or choose another place."
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_together(folder: str | Path) -> Iterator[Path]:
    """Yield a temporary folder; move its files into `folder` if the block succeeds.

    So files that belong together appear together, or not at all.
    """
    folder = Path(folder)
    existed = folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(folder, ".new-")
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=f".new-{os.getpid()}-") as temporary:
            yield Path(temporary)
            for path in sorted(Path(temporary).iterdir()):
                path.replace(folder / path.name)
    except BaseException:
        if not existed:
            with contextlib.suppress(OSError):  # someone else has put files there
                folder.rmdir()
        raise


def _clear_leftovers(folder: Path, prefix: str) -> None:
    """Remove what killed processes left beside an output: names of `prefix`, process and chance.

    Only one job at a time writes an output, so that a process of another machine is no concern.
    """
    for path in folder.glob(f"{glob.escape(prefix)}*"):
        process = path.name.removeprefix(prefix).partition("-")[0]
        if not (process.isdecimal() and _is_alive(int(process))):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it belongs to someone else
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: object) -> None:
    """Write JSON atomically: two-space indent, keys in the given order, final newline."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_csv(path: str | Path, table: pd.DataFrame) -> None:
    """Write a DataFrame atomically, without its index, with Unix line ends."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def read_json(path: str | Path) -> dict:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))
