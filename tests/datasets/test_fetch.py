"""Fetching from a local HTTP server; what breaks and what is hostile is in tests/faults."""

import contextlib
import hashlib
import http.server
import io
import os
import shutil
import socket
import tarfile
import threading
import zipfile
from collections import namedtuple
from dataclasses import dataclass, field

import published_trees
import pytest
from published_trees import TREE

from paper_code.datasets import fetch
from paper_code.datasets.fetch import fetch_dataset
from paper_code.errors import UserError

SIZE = 8192  # bytes of an image, so that an archive has a useful length


def breakhis_files() -> dict[str, bytes]:
    return {f"{TREE}/README.txt": b"as published"} | published_trees.breakhis_files(SIZE)


def bach_files() -> dict[str, bytes]:
    slide = {"ICIAR2018_BACH_Challenge/WSI/A01.svs": os.urandom(100)}
    return published_trees.bach_files(SIZE) | slide


def tar_gz(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@dataclass
class Served:
    """What the server does: `breaks` is how many bytes each request in turn gets (None: all)."""

    body: bytes
    ranges: bool = True
    breaks: list[int | None] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def serve():
    served: dict[str, Served] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            it = served[self.path]
            it.asked.append(self.headers.get("Range"))
            start, wanted = 0, self.headers.get("Range")
            if wanted and it.ranges:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(it.body):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(it.body)}")
                    self.end_headers()
                    return
                self.send_response(206)
                last = len(it.body) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(it.body)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(it.body) - start))
            self.end_headers()
            limit = it.breaks.pop(0) if it.breaks else None
            self.wfile.write(it.body[start:][:limit])

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()

    def add(name: str, body: bytes, **behaviour) -> tuple[str, Served]:
        served[f"/{name}"] = Served(body, **behaviour)
        return f"http://127.0.0.1:{server.server_port}/{name}", served[f"/{name}"]

    yield add
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(fetch, "_WAITS", (0, 0))


def left(root) -> list[str]:
    return sorted(path.name for path in root.iterdir()) if root.exists() else []


def md5(body: bytes) -> str:
    return f"md5:{hashlib.md5(body).hexdigest()}"


def assert_unpacked(root, files):
    for name, content in files.items():
        assert (root / name).read_bytes() == content


@pytest.mark.parametrize("name", ["breakhis", "breakhis_100x"])
def test_breakhis_is_fetched_unpacked_and_counted(serve, tmp_path, capsys, name):
    files = breakhis_files()
    url, _ = serve("a.tar.gz", tar_gz(files))
    root = tmp_path / "new" / "data"
    assert fetch_dataset(name, root, url) == root / "BreaKHis_v1"
    assert left(root) == ["BreaKHis_v1"]
    assert_unpacked(root, files)
    said = capsys.readouterr().err
    assert "breakhis_100x: subset 2 of 2081 images" in said
    assert "Spanhol" in said


def test_bach_is_fetched_with_its_checksum(serve, tmp_path):
    files = bach_files()
    body = zipped(files)
    url, _ = serve("a.zip", body)
    fetch_dataset("bach", tmp_path, url, f"sha256:{hashlib.sha256(body).hexdigest().upper()}")
    assert left(tmp_path) == ["ICIAR2018_BACH_Challenge"]
    assert_unpacked(tmp_path, files)


def test_published_checksum_holds_for_another_url(serve, tmp_path):
    url, _ = serve("a.zip", zipped(bach_files()))
    with pytest.raises(UserError, match="not 8ae1801334aa943c44627c1eef3631b2 as published"):
        fetch_dataset("bach", tmp_path, url)
    assert left(tmp_path) == []


@pytest.mark.parametrize("ranges", [True, False])
def test_complete_part_is_not_downloaded_again(serve, tmp_path, ranges):
    body = tar_gz(breakhis_files())
    (tmp_path / "BreaKHis_v1.tar.gz.part").write_bytes(body)
    url, _ = serve("a", body, ranges=ranges, breaks=[0, 0, 0])  # sends nothing
    fetch_dataset("breakhis", tmp_path, url, md5(body))
    assert left(tmp_path) == ["BreaKHis_v1"]


def test_part_longer_than_the_file_starts_over(serve, tmp_path):
    body = tar_gz(breakhis_files())
    (tmp_path / "BreaKHis_v1.tar.gz.part").write_bytes(body + b"more")
    url, _ = serve("a", body)
    fetch_dataset("breakhis", tmp_path, url, md5(body))


def test_unreachable_host(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a"
        with pytest.raises(UserError, match=r"cannot be reached .*refused"):
            fetch_dataset("breakhis", tmp_path / "data", url)
    assert left(tmp_path) == []


def test_archive_that_the_reader_refuses(serve, tmp_path):
    files = {name: body for name, body in breakhis_files().items() if "malignant" not in name}
    url, _ = serve("a", tar_gz(files))
    with pytest.raises(UserError, match=r"not the data set as published.*'malignant'") as caught:
        fetch_dataset("breakhis", tmp_path, url)
    assert ".unpacking" not in str(caught.value)
    assert left(tmp_path) == []


def test_own_archive_is_used_and_kept(tmp_path):
    body = zipped(bach_files())
    archive = tmp_path / "ICIAR2018_BACH_Challenge.zip"
    archive.write_bytes(body)
    fetch_dataset("bach", tmp_path, "http://127.0.0.1:9/never-asked", md5(body))
    assert left(tmp_path) == ["ICIAR2018_BACH_Challenge", archive.name]
    shutil.rmtree(tmp_path / "ICIAR2018_BACH_Challenge")
    archive.write_bytes(body[:-3000])
    with pytest.raises(UserError, match="damaged or cut short") as caught:
        fetch_dataset("bach", tmp_path, checksum=md5(body[:-3000]))
    assert "removed" not in str(caught.value)
    assert left(tmp_path) == [archive.name]


def test_leftover_of_a_killed_run_is_replaced(serve, tmp_path):
    (tmp_path / ".BreaKHis_v1.unpacking" / "BreaKHis_v1" / "stale").mkdir(parents=True)
    url, _ = serve("a", tar_gz(breakhis_files()))
    fetch_dataset("breakhis", tmp_path, url)
    assert left(tmp_path) == ["BreaKHis_v1"]
    assert not (tmp_path / "BreaKHis_v1" / "stale").exists()


def test_interrupted_unpacking_keeps_the_download(serve, tmp_path, monkeypatch):
    url, _ = serve("a", tar_gz(breakhis_files()))

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "_safe_parts", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch_dataset("breakhis", tmp_path, url)
    assert left(tmp_path) == ["BreaKHis_v1.tar.gz.part"]


def test_too_little_disk_is_said_before_the_download(serve, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(10, 0, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    url, _ = serve("a", tar_gz(breakhis_files()))
    with pytest.raises(UserError, match=r"0\.0 GB are free, about 0\.0 GB are needed"):
        fetch_dataset("breakhis", tmp_path / "data", url)
    assert left(tmp_path) == []


def test_full_disk_while_unpacking_keeps_the_download(serve, tmp_path, monkeypatch):
    url, _ = serve("a", tar_gz(breakhis_files()))

    def full(*_):
        raise OSError(28, "No space left on device", "x.png")

    monkeypatch.setattr(fetch, "_safe_parts", full)
    with pytest.raises(UserError, match=r"x\.png: cannot write there \(No space left"):
        fetch_dataset("breakhis", tmp_path, url)
    assert left(tmp_path) == ["BreaKHis_v1.tar.gz.part"]


def test_data_root_that_is_a_file(serve, tmp_path):
    (tmp_path / "file").write_text("mine")
    url, _ = serve("a", tar_gz(breakhis_files()))
    with pytest.raises(UserError, match="cannot write there"):
        fetch_dataset("breakhis", tmp_path / "file", url)


def test_incomplete_data_are_not_touched(serve, tmp_path):
    url, served = serve("a", tar_gz(breakhis_files()))
    fetch_dataset("breakhis", tmp_path, url)
    served.asked.clear()
    with pytest.raises(UserError, match="breakhis_40x is a subset 2 of 1995 images"):
        fetch_dataset("breakhis", tmp_path, url)
    shutil.rmtree(tmp_path / "BreaKHis_v1/histology_slides/breast/benign")
    with pytest.raises(UserError, match=r"'benign' .* has no image.* move that folder away"):
        fetch_dataset("breakhis", tmp_path, url)
    assert served.asked == []
    assert left(tmp_path) == ["BreaKHis_v1"]


def test_complete_data_are_left_alone(tmp_path, capsys):
    photos = tmp_path / "ICIAR2018_BACH_Challenge" / "Photos"
    for folder, prefix in (("Normal", "n"), ("Benign", "b"), ("InSitu", "is"), ("Invasive", "iv")):
        (photos / folder).mkdir(parents=True)
        for number in range(1, 101):
            (photos / folder / f"{prefix}{number:03d}.tif").touch()
    assert fetch_dataset("bach", tmp_path, "http://127.0.0.1:9/never-asked") == photos.parent
    said = capsys.readouterr().err
    assert "bach: complete: 400 images" in said
    assert "nothing to do" in said


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
