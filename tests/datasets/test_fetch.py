"""Fetching from a local HTTP server; what breaks and what is hostile is in tests/faults."""

import contextlib
import hashlib
import shutil
from collections import namedtuple

import pytest
from published_trees import TREE, bach_files, breakhis_files, md5, tar, zipped

from paper_code.datasets import fetch
from paper_code.datasets.fetch import fetch_dataset
from paper_code.errors import UserError

NOWHERE = "http://127.0.0.1:9/nothing-listens"


@pytest.fixture
def breakhis(serve):
    return serve(tar())


def left(root) -> list[str]:
    return sorted(path.name for path in root.iterdir()) if root.exists() else []


@pytest.mark.parametrize("name", ["breakhis", "breakhis_100x"])
def test_breakhis_is_fetched_unpacked_and_counted(serve, tmp_path, capsys, name):
    files = {f"{TREE}/README.txt": b"as published"} | breakhis_files()
    root = tmp_path / "new" / "data"
    assert fetch_dataset(name, root, serve(tar(files=files)).url) == root / "BreaKHis_v1"
    assert left(root) == ["BreaKHis_v1"]
    assert all((root / name).read_bytes() == content for name, content in files.items())
    said = capsys.readouterr().err
    assert "breakhis_100x: subset 2 of 2081 images" in said and "Spanhol" in said


def test_bach_is_fetched_with_its_checksum_which_holds_for_any_url(serve, tmp_path):
    files = bach_files() | {"ICIAR2018_BACH_Challenge/WSI/A01.svs": b"a slide"}
    url = serve(body := zipped(files=files)).url
    with pytest.raises(UserError, match="not 8ae1801334aa943c44627c1eef3631b2 as published"):
        fetch_dataset("bach", tmp_path, url)
    assert left(tmp_path) == []
    fetch_dataset("bach", tmp_path, url, f"sha256:{hashlib.sha256(body).hexdigest().upper()}")
    assert left(tmp_path) == ["ICIAR2018_BACH_Challenge"]
    assert all((tmp_path / name).read_bytes() == content for name, content in files.items())


@pytest.mark.parametrize("more", [b"", b"more"])
def test_a_complete_part_is_not_downloaded_again_and_one_too_long_starts_over(
    breakhis, tmp_path, more
):
    body = breakhis.body
    (tmp_path / "BreaKHis_v1.tar.gz.part").write_bytes(body + more)
    fetch_dataset("breakhis", tmp_path, breakhis.url, md5(body))
    assert left(tmp_path) == ["BreaKHis_v1"]
    assert (0 in breakhis.asked) == bool(more)


def test_unreachable_host(tmp_path, serve):
    with pytest.raises(UserError, match=r"cannot be reached .*refused"):
        fetch_dataset("breakhis", tmp_path / "data", NOWHERE)
    assert left(tmp_path) == []


def test_own_archive_is_used_and_kept(tmp_path):
    archive = tmp_path / "ICIAR2018_BACH_Challenge.zip"
    archive.write_bytes(body := zipped())
    fetch_dataset("bach", tmp_path, NOWHERE, md5(body))
    assert left(tmp_path) == ["ICIAR2018_BACH_Challenge", archive.name]


def test_leftover_of_a_killed_run_is_replaced(breakhis, tmp_path):
    (tmp_path / ".BreaKHis_v1.unpacking" / "BreaKHis_v1" / "stale").mkdir(parents=True)
    fetch_dataset("breakhis", tmp_path, breakhis.url)
    assert left(tmp_path) == ["BreaKHis_v1"]
    assert not (tmp_path / "BreaKHis_v1" / "stale").exists()


def test_interrupted_unpacking_keeps_the_download(breakhis, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "_unpack", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch_dataset("breakhis", tmp_path, breakhis.url)
    assert left(tmp_path) == ["BreaKHis_v1.tar.gz.part"]


def test_too_little_disk_is_said_before_the_download(breakhis, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(10, 0, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match=r"0\.0 GB are free, about 0\.0 GB are needed"):
        fetch_dataset("breakhis", tmp_path / "data", breakhis.url)
    assert left(tmp_path) == []


def test_incomplete_data_are_not_touched(breakhis, tmp_path):
    fetch_dataset("breakhis", tmp_path, breakhis.url)
    breakhis.asked.clear()
    with pytest.raises(UserError, match="breakhis_40x is a subset 2 of 1995 images"):
        fetch_dataset("breakhis", tmp_path, breakhis.url)
    shutil.rmtree(tmp_path / TREE / "benign")
    with pytest.raises(UserError, match=r"'benign' .* has no image.* move that folder away"):
        fetch_dataset("breakhis", tmp_path, breakhis.url)
    assert breakhis.asked == [] and left(tmp_path) == ["BreaKHis_v1"]


def test_complete_data_are_left_alone(tmp_path, capsys):
    photos = tmp_path / "ICIAR2018_BACH_Challenge" / "Photos"
    for folder, prefix in (("Normal", "n"), ("Benign", "b"), ("InSitu", "is"), ("Invasive", "iv")):
        (photos / folder).mkdir(parents=True)
        for number in range(1, 101):
            (photos / folder / f"{prefix}{number:03d}.tif").touch()
    assert fetch_dataset("bach", tmp_path, NOWHERE) == photos.parent
    said = capsys.readouterr().err
    assert "bach: complete: 400 images" in said and "nothing to do" in said


def test_mini_ddsm_says_the_steps(tmp_path):
    with pytest.raises(UserError) as caught:
        fetch_dataset("mini_ddsm", tmp_path)
    for part in ("Kaggle account", "cheddad/miniddsm2", f"-p {tmp_path}", "DataWMask.xlsx"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "imagenet"}, "Unknown data set 'imagenet'.*breakhis, bach, mini_ddsm"),
        ({"name": "bach", "checksum": "abc"}, "checksum must be md5"),
        ({"name": "breakhis", "url": "file:///etc/passwd"}, "must start with http"),
    ],
)
def test_wrong_arguments(tmp_path, arguments, message):
    with pytest.raises(UserError, match=message), contextlib.chdir(tmp_path):
        fetch_dataset(data_root=tmp_path / "data", **arguments)
    assert left(tmp_path) == []
