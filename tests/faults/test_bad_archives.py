"""Archives that are damaged, hostile or of something else."""

import gzip
import hashlib
import io
import stat
import tarfile
import zipfile
from dataclasses import replace

import pytest
from published_trees import TREE, bach_files, breakhis_files

from paper_code.datasets import fetch
from paper_code.datasets.fetch import SOURCES

SIZE = 2000  # bytes of an image


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", **facts) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    for key, value in facts.items():
        setattr(info, key, value)
    return info


def tar(*extra: tarfile.TarInfo, files: dict | None = None, **options) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", **options) as archive:
        for name, content in (breakhis_files(SIZE) if files is None else files).items():
            info = member(name, size=len(content))
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info, io.BytesIO(bytes(info.size)))
    return buffer.getvalue()


def zipped(*extra: tuple[str, int], files: dict | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (bach_files(SIZE) if files is None else files).items():
            archive.writestr(name, content)
        for name, mode in extra:
            info = zipfile.ZipInfo("x")
            info.filename, info.external_attr = name, (mode | 0o644) << 16
            archive.writestr(info, b"../../outside")
    return buffer.getvalue()


def encrypted() -> bytes:
    content = bytearray(zipped())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = 0
        while (start := content.find(signature, start)) >= 0:
            content[start + place] |= 1
            start += 4
    return bytes(content)


def method(number: int) -> bytes:
    content = bytearray(zipped())
    for signature, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        start = 0
        while (start := content.find(signature, start)) >= 0:
            content[start + place : start + place + 2] = number.to_bytes(2, "little")
            start += 4
    return bytes(content)


def two_names() -> bytes:
    """A file that is called otherwise in the list at the archive's end."""
    content = zipped()
    return content.replace(b"n001.tif", b"n002.tif", 1)


def flipped(content: bytes, share: float) -> bytes:
    place = int(len(content) * share)
    return content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


INSIDE = f"{TREE}/x"
OUTSIDE, DEVICE, DAMAGED = "outside its folder", "link or a device", "damaged or cut short"
HEADERS = {"path": "../../outside"}
TARS = {
    "above": (tar(member("../outside")), OUTSIDE),
    "absolute": (tar(member("/tmp/outside")), OUTSIDE),
    "backslashes": (tar(member("BreaKHis_v1\\..\\..\\outside")), OUTSIDE),
    "above, in a header of PAX": (tar(member(INSIDE, pax_headers=HEADERS)), OUTSIDE),
    "link to above": (tar(member(INSIDE, tarfile.SYMTYPE, "../../outside")), DEVICE),
    "hard link": (tar(member(INSIDE, tarfile.LNKTYPE, "../outside")), DEVICE),
    "character device": (tar(member(INSIDE, tarfile.CHRTYPE, devmajor=1, devminor=3)), DEVICE),
    "pipe": (tar(member(INSIDE, tarfile.FIFOTYPE)), DEVICE),
    "file that is a folder too": (tar(member(TREE)), "a file and a folder of one name"),
    "name of 300 letters": (tar(member(f"{TREE}/{'x' * 300}.png")), "too long"),
    "no file": (tar(files={}), "holds no folder BreaKHis_v1"),
    "other files": (tar(files={"other/file.txt": b"text"}), "holds no folder BreaKHis_v1"),
    "a ZIP": (zipped(), DAMAGED),
    "compressed text": (gzip.compress(b"not a tar" * 500), DAMAGED),
    "rubbish behind its end": (tar() + b"rubbish", DAMAGED),
    "cut in the middle": (tar()[: len(tar()) // 2], DAMAGED),
    "a bit in the middle": (flipped(tar(), 0.5), DAMAGED),
    "another image, of no such class": (
        tar(member(f"{TREE}/benign/SOB/adenosis/x.png")),
        "not the data set as published",
    ),
}


@pytest.fixture
def fetched(tmp_path, refused, monkeypatch):
    """Fetch from an archive that lies in data_root, which must be refused and kept."""

    def check(name: str, content: bytes, says: str, *options: str) -> None:
        root = tmp_path / "data"
        root.mkdir()
        (tmp_path / "outside").write_text("mine")
        archive = root / SOURCES[name].archive
        archive.write_bytes(content)
        words = ["fetch", name, "--data-root", root, "--url", "http://127.0.0.1:9/never-asked"]
        assert str(archive) in refused(*words, *options, says=says) or "too long" in says
        assert [path.name for path in root.iterdir()] == [archive.name]
        assert (tmp_path / "outside").read_text() == "mine"

    return check


@pytest.mark.parametrize("fault", TARS)
def test_tar(fault, fetched):
    content, says = TARS[fault]
    fetched("breakhis", content, says)


def checksum(content: bytes) -> str:
    return f"--checksum=md5:{hashlib.md5(content).hexdigest()}"


BACH = "ICIAR2018_BACH_Challenge"
ZIPS = {
    "above": (zipped(("../outside", stat.S_IFREG)), OUTSIDE),
    "backslashes": (zipped((f"{BACH}\\..\\..\\outside", stat.S_IFREG)), OUTSIDE),
    "link": (zipped((f"{BACH}/x", stat.S_IFLNK)), DEVICE),
    "pipe": (zipped((f"{BACH}/x", stat.S_IFIFO)), DEVICE),
    "encrypted": (encrypted(), "cannot be unpacked|damaged"),
    "an unknown compression": (method(99), "cannot be unpacked"),
    "two names of one file": (two_names(), DAMAGED),
    "a tar": (tar(), DAMAGED),
    "cut in the middle": (zipped()[: len(zipped()) // 2], DAMAGED),
    "a bit in the middle": (flipped(zipped(), 0.4), DAMAGED),
}


@pytest.mark.parametrize("fault", ZIPS)
def test_zip(fault, fetched):
    content, says = ZIPS[fault]
    fetched("bach", content, says, checksum(content))


@pytest.mark.parametrize("name", ["breakhis", "bach"])
def test_wrong_checksum(name, fetched):
    content = tar() if name == "breakhis" else zipped()
    fetched(name, content, "not 0+ as published", "--checksum", "md5:" + "0" * 32)


@pytest.mark.parametrize("name", ["breakhis", "bach"])
def test_bomb(name, fetched, monkeypatch):
    """50 MB of zeros; the true sets have 12 and 40 GB."""
    monkeypatch.setitem(SOURCES, name, replace(SOURCES[name], most_bytes=10**7))
    if name == "breakhis":
        content = tar(member(INSIDE, size=5 * 10**7))
    else:
        content = zipped(files=bach_files(SIZE) | {f"{BACH}/zeros": bytes(5 * 10**7)})
    assert len(content) < 10**6
    fetched(name, content, "unpacks to more than", checksum(content))


def test_too_many_files(fetched, monkeypatch):
    monkeypatch.setattr(fetch, "_MOST_FILES", 50)
    fetched("breakhis", tar(*(member(f"{INSIDE}/{n}") for n in range(60))), "unpacks to more than")


def test_zeros_without_end_behind_a_tar(fetched, monkeypatch):
    monkeypatch.setattr(fetch, "_MOST_FILES", 20)
    fetched("breakhis", tar() + gzip.compress(bytes(4 * 10**7)), "does not end after its last file")


def test_permissions_of_an_archive_are_not_taken_over(tmp_path):
    from paper_code import cli

    name = f"{TREE}/README"
    (tmp_path / SOURCES["breakhis"].archive).write_bytes(tar(member(name, mode=0o6777)))
    assert cli.main(["fetch", "breakhis", "--data-root", str(tmp_path)]) == 0
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) & 0o7111 == 0
