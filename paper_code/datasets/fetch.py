"""Fetching the published archives: download, resume, verify, unpack safely, check by reading.

Nothing is left behind on failure but `<archive>.part`, which the next call resumes. A data set's
folder appears whole, by one rename, after its images were counted by the reader.
"""

import gzip
import hashlib
import http.client
import itertools
import re
import shutil
import stat
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from paper_code.datasets import mini_ddsm
from paper_code.datasets.catalog import PAPER_DATASETS, SOURCES, find_dataset
from paper_code.datasets.dataset import Source
from paper_code.datasets.read import read_dataset
from paper_code.errors import UserError
from paper_code.progress import say, track

_MOST_FILES = 100_000
_CHUNK = 2**20
_TIMEOUT = 60  # seconds without a byte
_WAITS = (1, 2, 4, 8)  # seconds before each retry that follows an attempt without progress
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP states that a retry may mend
_MAGIC = {".gz": b"\x1f\x8b", ".zip": b"PK"}
_PLAIN = (0, stat.S_IFREG, stat.S_IFDIR)  # kinds of members that a ZIP may have

_KAGGLE_STEPS = """\
Mini-DDSM needs a Kaggle account, so it cannot be fetched for you. Once:
  1. Log in at https://www.kaggle.com/datasets/cheddad/miniddsm2 and accept the terms.
  2. Under Settings, API: create a token and save it as ~/.kaggle/kaggle.json.
  3. pip install kaggle
  4. kaggle datasets download -d cheddad/miniddsm2 -p {root} --unzip
  5. See that the images lie at {root}/{folder}/Benign/<case>/<image>.jpg (also Cancer and
     Normal), with DataWMask.xlsx in {root}/{folder}. Move that folder there if need be.
Then run this command again: it checks what is there."""


def fetch_dataset(
    name: str, data_root: str | Path, url: str | None = None, checksum: str | None = None
) -> Path:
    """Fetch `breakhis` or `bach` into `data_root`, unless it is there already; return its folder.

    One magnification's name stands for all of BreakHis. An archive already lying there under its
    published name is used instead of a download, and kept. `url` is another place of the same
    archive, `checksum` "md5:<hex>" or "sha256:<hex>" instead of the published one.

    UserError if the name is unknown; the data are there but incomplete; Mini-DDSM is not there (the
    message says how to get it); the server cannot be reached or has no such file; too little disk;
    the archive is damaged, unsafe to unpack, or not the data set.
    """
    family = PAPER_DATASETS[name].family if name in PAPER_DATASETS else name
    if family not in SOURCES:
        raise UserError(f"Unknown data set '{name}'. To be fetched: {', '.join(SOURCES)}.")
    source, root = SOURCES[family], Path(data_root)
    checksum = _parse_checksum(checksum or source.checksum)
    folder = root / source.folder
    if family == "mini_ddsm":
        folder = mini_ddsm.place(find_dataset(family), root)
    if folder.exists():
        _report_existing(family, root, folder)
        return folder
    if source.url is None:
        raise UserError(_KAGGLE_STEPS.format(root=root, folder=source.folder))

    say(f"{source.title}: {source.licence}. Cite {source.citation}.")
    try:
        _fetch(family, source, root, url or source.url, checksum)
    except OSError as error:
        raise UserError(
            f"{error.filename or root}: cannot write there ({error.strerror or error}). Mend that "
            "or choose another data_root; what was downloaded is kept and resumed."
        ) from error
    return folder


def _fetch(
    family: str, source: Source, root: Path, url: str, checksum: tuple[str, str] | None
) -> None:
    archive, ours = root / source.archive, not (root / source.archive).exists()
    if ours:
        archive = root / f"{source.archive}.part"
        _download(url, archive, _MAGIC[Path(source.archive).suffix])
    unpacked = root / f".{source.folder}.unpacking"
    try:
        _verify(archive, checksum)
        say(f"Unpacking {source.archive}")
        shutil.rmtree(unpacked, ignore_errors=True)  # of a run that was killed
        _unpack(archive, unpacked, source)
        if not (unpacked / source.folder).is_dir():
            raise UserError(f"{archive}: holds no folder {source.folder}, so it is not the data.")
        try:
            _report(_read(family, unpacked))
        except UserError as error:
            text = str(error).replace(unpacked.as_posix(), source.archive)
            raise UserError(f"{archive}: not the data set as published. {text}") from error
    except UserError as error:
        if not ours:
            raise
        archive.unlink()
        raise UserError(
            f"{error} The download was removed; fetch again, or from another url."
        ) from error
    else:
        (unpacked / source.folder).rename(root / source.folder)
        if ours:
            archive.unlink()
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def _read(family: str, root: Path) -> dict[str, str]:
    """Status of each data set of the family by its reader, as in "complete: 2081 images"."""
    names = [name for name, dataset in PAPER_DATASETS.items() if dataset.family == family]
    return {name: read_dataset(name, root).attrs["status"] for name in names}


def _report(status: dict[str, str]) -> None:
    for name, text in status.items():
        say(f"{name}: {text}")


def _report_existing(family: str, root: Path, folder: Path) -> None:
    try:
        status, fault = _read(family, root), None
        lacking = [name for name, text in status.items() if text.startswith("subset")]
        if lacking:
            fault = f"{lacking[0]} is a {status[lacking[0]]}."
    except UserError as error:
        fault = str(error)
    if fault:
        raise UserError(
            f"{folder}: there already, but {fault} To fetch the whole set, move that folder away "
            "or give another data_root."
        )
    _report(status)
    say(f"{folder}: already there, nothing to do.")


# --- download ---------------------------------------------------------------------------------


class _Broken(Exception):
    """The connection failed in a way that may pass."""


def _download(url: str, part: Path, magic: bytes) -> None:
    """Bring `part` to the full length of `url`, going on from what it holds."""
    if not url.startswith(("http://", "https://")):
        raise UserError(f"url must start with http:// or https://, not '{url}'.")
    farthest, waits = -1, iter(_WAITS)
    while True:
        try:
            _receive(url, part, magic)
            return
        except _Broken as error:
            reached = part.stat().st_size if part.exists() else 0
            if reached > farthest:
                farthest, waits = reached, iter(_WAITS)
            wait = next(waits, None)
            if wait is None:
                kept = f" {reached / 1e6:.1f} MB are kept and resumed." if reached else ""
                raise UserError(
                    f"{url}: {error}. Check the network and try again, or give another url.{kept}"
                ) from error
            say(f"{url}: {error}; trying again in {wait} s")
            time.sleep(wait)


def _receive(url: str, part: Path, magic: bytes) -> None:
    """One attempt: ask for the rest, append it. Raises _Broken where more is to come."""
    held = part.stat().st_size if part.exists() else 0
    response, start, total = _ask(url, held)
    with response:
        if held and total == held:
            return
        if total is not None:
            _check_space(part.parent, 2 * total - start)
        chunks = _chunks(response)
        if start == 0:
            first = next(chunks, b"")
            if not first and total != 0:
                raise _Broken("the connection closed early")
            if not first.startswith(magic[: len(first)]):
                raise UserError(
                    f"{url}: sends {response.headers.get_content_type()}, not the archive. Open it "
                    "in a browser to see what the server says, or give another url."
                )
            chunks = itertools.chain([first], chunks)
        if total is not None:
            chunks = track(chunks, f"{part.stem} (MiB)", -(-(total - start) // _CHUNK))
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab" if start else "wb") as file:
            for chunk in chunks:
                file.write(chunk)
    if total is not None and part.stat().st_size < total:
        raise _Broken("the connection closed early")


def _ask(url: str, held: int) -> tuple[http.client.HTTPResponse, int, int | None]:
    """Open `url` from byte `held`; return the response, where it starts and the full length."""
    request = urllib.request.Request(url, headers={"User-Agent": "paper_code"})
    if held:
        request.add_header("Range", f"bytes={held}-")
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        response = error
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(f"cannot be reached ({getattr(error, 'reason', error)})") from error
    length = response.headers.get("Content-Length", "")
    if held and response.status in (206, 416):
        told = response.headers.get("Content-Range", "").strip()
        if response.status == 416 and told.endswith(f"/{held}"):  # no byte after `held`
            return response, held, held
        span = re.fullmatch(rf"bytes {held}-\d+/(\d+|\*)", told)
        if response.status == 206 and span:
            return response, held, None if span[1] == "*" else int(span[1])
        response.close()
        return _ask(url, 0)
    if response.status < 300:
        return response, 0, int(length) if length.isdigit() else None
    response.close()
    says = f"the server answers {response.status} {' '.join(response.reason.split())}"
    if response.status in _PASSING:
        raise _Broken(says)
    raise UserError(f"{url}: {says}. Give another url.")


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _Broken(f"the connection broke ({error or type(error).__name__})") from error
        if not chunk:
            return
        yield chunk


def _check_space(folder: Path, needed: int) -> None:
    """Room for the rest of the archive and for its files, which are about as large as it."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{folder}: {free / 1e9:.1f} GB are free, about {needed / 1e9:.1f} GB are needed for "
            "the archive and its files. Free some or choose another data_root."
        )


# --- verify and unpack ------------------------------------------------------------------------


def _parse_checksum(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(md5):([0-9a-f]{32})|(sha256):([0-9a-f]{64})", text.strip().lower())
    if match is None:
        raise UserError(f"checksum must be md5:<32 hex> or sha256:<64 hex>, not '{text}'.")
    return match[1] or match[3], match[2] or match[4]


def _verify(archive: Path, checksum: tuple[str, str] | None) -> None:
    if checksum is None:
        return
    algorithm, expected = checksum
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != expected:
        raise UserError(f"{archive}: its {algorithm} is {found}, not {expected} as published.")


def _unpack(archive: Path, target: Path, source: Source) -> None:
    """Write the files of `archive` below `target`: regular files and folders, nothing else.

    One strict rule for both formats: tarfile's "data" filter still allows links, and zipfile mends
    names without a word.
    """
    written = files = 0

    def admit(name: str, size: int, plain: bool) -> None:
        nonlocal written, files
        written, files = written + size, files + 1  # empty ones and folders too
        if written > source.most_bytes or files > _MOST_FILES:
            raise UserError(
                f"{archive}: unpacks to more than {source.most_bytes / 1e9:g} GB or "
                f"{_MOST_FILES} files, so it is not the data set."
            )
        if not plain:
            raise UserError(f"{archive}: '{name}' is a link or a device, refused.")
        if name.startswith("/") or ".." in name.split("/") or re.search(r"[\\:\x00]", name):
            raise UserError(f"{archive}: '{name}' would be written outside its folder, refused.")

    def admit_member(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo:
        admit(member.name, member.size, member.isreg() or member.isdir())
        return tarfile.data_filter(member, path).replace(mode=None)

    try:
        if source.archive.endswith(".zip"):
            with zipfile.ZipFile(archive) as zipped:
                for member in zipped.infolist():
                    kind = stat.S_IFMT(member.external_attr >> 16)
                    admit(member.filename, member.file_size, kind in _PLAIN)
                zipped.extractall(target)
            return
        with gzip.open(archive) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                tar.extractall(target, filter=admit_member)
            # gzip compares its check sum at the end of the file, which tar does not read.
            for _ in range(_MOST_FILES):
                if not stream.read(_CHUNK):
                    return
        raise UserError(f"{archive}: does not end after its last file.")
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, zipfile.BadZipFile) as error:
        raise UserError(f"{archive}: damaged or cut short ({error}).") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise UserError(f"{archive}: has a file and a folder of one name.") from error
    except (NotImplementedError, RuntimeError) as error:  # zipfile: odd compression, password
        raise UserError(f"{archive}: cannot be unpacked ({error}).") from error
