"""Archives that are damaged, hostile or of something else."""

import gzip
import stat
import tarfile
from dataclasses import replace

import pytest
from published_trees import TREE, bach_files, md5, tar, zipped

from paper_code import cli
from paper_code.datasets import fetch
from paper_code.datasets.fetch import SOURCES


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", **facts) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    for key, value in facts.items():
        setattr(info, key, value)
    return info


def encrypted() -> bytes:
    """A ZIP whose files are marked as encrypted."""
    content = bytearray(zipped())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = 0
        while (start := content.find(signature, start)) >= 0:
            content[start + place] |= 1
            start += 4
    return bytes(content)


def flipped(content: bytes, share: float) -> bytes:
    place = int(len(content) * share)
    return content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


INSIDE = f"{TREE}/x"
OUTSIDE, DEVICE, DAMAGED = "outside its folder", "link or a device", "damaged or cut short"
HEADERS = {"path": "../../outside"}
TARS = {
    "above": (tar(member("../outside")), OUTSIDE),
    "absolute": (tar(member("/tmp/outside")), OUTSIDE),
    "above, in a header of PAX": (tar(member(INSIDE, pax_headers=HEADERS)), OUTSIDE),
    "link to above": (tar(member(INSIDE, tarfile.SYMTYPE, "../../outside")), DEVICE),
    "character device": (tar(member(INSIDE, tarfile.CHRTYPE, devmajor=1, devminor=3)), DEVICE),
    "other files": (tar(files={"other/file.txt": b"text"}), "holds no folder BreaKHis_v1"),
    "a ZIP": (zipped(), DAMAGED),
    "rubbish behind its end": (tar() + b"rubbish", DAMAGED),
    "cut in the middle": (tar()[:9000], DAMAGED),
    "a bit in the middle": (flipped(tar(), 0.5), DAMAGED),
    "another image, of no such class": (
        tar(member(f"{TREE}/benign/SOB/adenosis/x.png")),
        "not the data set as published",
    ),
}
BACH = "ICIAR2018_BACH_Challenge"
ZIPS = {
    "above": (zipped(("../outside", stat.S_IFREG)), OUTSIDE),
    "backslashes": (zipped((f"{BACH}\\..\\..\\outside", stat.S_IFREG)), OUTSIDE),
    "link": (zipped((f"{BACH}/x", stat.S_IFLNK)), DEVICE),
    "encrypted": (encrypted(), "cannot be unpacked|damaged"),
    "a bit in the middle": (flipped(zipped(), 0.4), DAMAGED),
}


@pytest.fixture
def fetched(tmp_path, refused):
    """Fetch from an archive that lies in data_root, which must be refused and kept."""

    def check(name: str, content: bytes, says: str, checksum: str = "") -> None:
        root = tmp_path / "data"
        root.mkdir()
        (tmp_path / "outside").write_text("mine")
        archive = root / SOURCES[name].archive
        archive.write_bytes(content)
        words = ["fetch", name, "--data-root", root, "--url", "http://127.0.0.1:9/never-asked"]
        words += [f"--checksum={checksum or md5(content)}"]
        assert str(archive) in refused(*words, says=says)
        assert [path.name for path in root.iterdir()] == [archive.name]
        assert (tmp_path / "outside").read_text() == "mine"

    return check


@pytest.mark.parametrize(
    ("name", "fault"), [*(("breakhis", fault) for fault in TARS), *(("bach", f) for f in ZIPS)]
)
def test_refused_and_kept(name, fault, fetched):
    fetched(name, *(TARS if name == "breakhis" else ZIPS)[fault])


def test_wrong_checksum(fetched):
    fetched("breakhis", tar(), "not 0+ as published", "md5:" + "0" * 32)


@pytest.mark.parametrize("name", ["breakhis", "bach"])
def test_bomb(name, fetched, monkeypatch):
    """50 MB of zeros; the true sets have 12 and 40 GB."""
    monkeypatch.setitem(SOURCES, name, replace(SOURCES[name], most_bytes=10**7))
    if name == "breakhis":
        content = tar(member(INSIDE, size=5 * 10**7))
    else:
        content = zipped(files=bach_files() | {f"{BACH}/zeros": bytes(5 * 10**7)})
    assert len(content) < 10**6
    fetched(name, content, "unpacks to more than")


def test_zeros_without_end_behind_a_tar(fetched, monkeypatch):
    monkeypatch.setattr(fetch, "_MOST_FILES", 20)
    fetched("breakhis", tar() + gzip.compress(bytes(4 * 10**7)), "does not end after its last file")


def test_permissions_of_an_archive_are_not_taken_over(tmp_path):
    name = f"{TREE}/README"
    (tmp_path / SOURCES["breakhis"].archive).write_bytes(tar(member(name, mode=0o6777)))
    assert cli.main(["fetch", "breakhis", "--data-root", str(tmp_path)]) == 0
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) & 0o7111 == 0
