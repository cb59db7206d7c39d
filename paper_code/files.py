"""Files that appear whole or not at all."""

import contextlib
import errno
import glob
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.errors import UserError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
SMALLEST_FREE_SPACE = 64 * 1024  # bytes; a writer that failed with less left has filled the disk


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    If the block raises (a full disk, Ctrl-C), the temporary file is removed and an older file at
    `path` stays as it was. The temporary name keeps the suffix, so writers that look at it work.

    UserError if the disk is full; writers tell that in many ways.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}.new-"
    clear_leftovers(path.parent, prefix)
    chance = secrets.token_hex(4)
    temporary = path.with_name(f"{prefix}{os.getpid()}-{chance}{path.suffix}")
    temporary.touch(exist_ok=False)
    try:
        with naming_full_disk(path, path.parent):
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_together(folder: str | Path, earlier: Iterable[str] = ()) -> Iterator[Path]:
    """Yield a temporary folder; move what it holds into `folder` if the block succeeds.

    If the block raises, or the process is killed in it, `folder` stays as it was. The files are
    moved one by one, after those of an `earlier` set (the names of all that it may have) have gone:
    a process that is killed at that moment leaves a part of one set, never a mixture of two.
    UserError if the disk is full.
    """
    folder = Path(folder)
    existed = folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    clear_leftovers(folder, ".new-")
    options = {"dir": folder, "prefix": f".new-{os.getpid()}-"}
    try:
        with naming_full_disk(folder, folder), tempfile.TemporaryDirectory(**options) as temporary:
            yield Path(temporary)
            for name in earlier:
                _remove(folder / name)
            for path in sorted(Path(temporary).iterdir()):
                path.replace(folder / path.name)
    finally:
        if not existed:
            with contextlib.suppress(OSError):  # it holds files
                folder.rmdir()


@contextlib.contextmanager
def naming_full_disk(output: Path, folder: Path) -> Iterator[None]:
    """UserError if the block, which writes `output`, fails because the disk of `folder` is full."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        texts = (*map(os.strerror, NO_SPACE), "free space")
        full = any(text in str(error) for text in texts)
        if full or shutil.disk_usage(folder).free < SMALLEST_FREE_SPACE:
            raise UserError(
                f"{output}: no space left on the disk. Free some or choose another place."
            ) from error
        raise


def clear_leftovers(folder: Path, prefix: str) -> None:
    """Remove what killed processes left beside an output: names of `prefix`, process and chance.

    Only one job at a time writes an output, so that a process of another machine is no concern.
    """
    for path in folder.glob(f"{glob.escape(prefix)}*"):
        process = path.name.removeprefix(prefix).partition("-")[0]
        if not (process.isdecimal() and _is_alive(int(process))):
            _remove(path)


def _remove(path: Path) -> None:
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


def read_json(path: str | Path, *keys: str) -> dict:
    """Read a JSON file that holds an object with `keys`.

    UserError if it is damaged, or lacks one of the keys.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:  # of JSON, or of its encoding
        raise UserError(f"{path}: damaged ({error}). Make it again.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: not a JSON object. Make it again.")
    lacking = [key for key in keys if key not in content]
    if lacking:
        raise UserError(f"{path}: does not say {', '.join(lacking)}. Make it again.")
    return content


def read_csv(path: str | Path, *columns: str, **options: object) -> pd.DataFrame:
    """Read a CSV file that has `columns`; as text, unless `options` of pandas say otherwise.

    UserError if it is damaged, is no CSV file, or lacks one of the columns.
    """
    with Path(path).open("rb") as file:
        if b"\0" in file.read(4096):  # pandas would read all of it first
            raise UserError(f"{path}: not a CSV file in UTF-8. Save it as one, or make it again.")
    try:
        table = pd.read_csv(path, **{"dtype": str, "keep_default_na": False} | options)
    except ValueError as error:  # of the syntax, the encoding or a number
        text = " ".join(str(error).removeprefix("Error tokenizing data. C error: ").split())
        raise UserError(f"{path}: not a readable CSV file ({text}).") from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes the first column for an index
        raise UserError(f"{path}: its rows have more fields than its header. Correct them.")
    twice = [name for name in columns if f"{name}.1" in table]  # as pandas calls the second one
    if twice:
        raise UserError(f"{path}: has the column {twice[0]} twice. Remove one.")
    check_columns(path, table, *columns)
    return table


def check_columns(path: str | Path, table: pd.DataFrame, *columns: str) -> None:
    """Raise UserError if the table read from a file lacks one of the columns."""
    lacking = [name for name in columns if name not in table]
    if lacking:
        raise UserError(
            f"{path}: column missing: {', '.join(lacking)}. Expected a header line with "
            f"{','.join(columns)}."
        )


def load_array(path: str | Path, ndim: int) -> np.ndarray:
    """The uint8 array of `ndim` axes in a .npy file, mapped into memory, not read.

    What is written to it does not reach the file.

    UserError if the file is truncated or damaged, or holds something else.
    """
    try:
        array = np.load(path, mmap_mode="c", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UserError(
            f"{path}: truncated or damaged ({error}). Prepare the data set again."
        ) from error
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.ndim != ndim:
        raise UserError(f"{path}: not an array of bytes with {ndim} axes. Prepare the set again.")
    return array
