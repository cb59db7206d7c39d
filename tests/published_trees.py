"""The smallest contents that pass for the published archives, archives of them, and a server."""

import hashlib
import io
import os
import re
import socket
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BACH, BREAKHIS, breakhis_path

from paper_code.datasets import fetch

TREE, PHOTOS = BREAKHIS.as_posix(), BACH.as_posix()


def breakhis_files(size: int = 2000) -> dict[str, bytes]:
    """One image of each class and magnification: `size` bytes that cannot be compressed."""
    return {
        breakhis_path(Path(), subtype, slide, magnification, 1).as_posix(): os.urandom(size)
        for magnification in (40, 100, 200, 400)
        for subtype, slide in (("A", "14-22549AB"), ("DC", "14-2523"))
    }


def bach_files(size: int = 2000) -> dict[str, bytes]:
    """One image of each class: `size` bytes that cannot be compressed."""
    names = ("Normal/n001", "Benign/b001", "InSitu/is001", "Invasive/iv001")
    return {f"{PHOTOS}/{name}.tif": os.urandom(size) for name in names}


def tar(*extra: tarfile.TarInfo, files: dict[str, bytes] | None = None) -> bytes:
    """A .tar.gz of files, by default BreakHis's, and of further members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in (breakhis_files() if files is None else files).items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info, io.BytesIO(bytes(info.size)))
    return buffer.getvalue()


def zipped(*extra: tuple[str, int], files: dict[str, bytes] | None = None) -> bytes:
    """A ZIP of files, by default BACH's, and of further members: name and kind of each."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (bach_files() if files is None else files).items():
            archive.writestr(name, content)
        for name, mode in extra:
            info = zipfile.ZipInfo("x")
            info.filename, info.external_attr = name, (mode | 0o644) << 16
            archive.writestr(info, b"../../outside")
    return buffer.getvalue()


def md5(content: bytes) -> str:
    return f"md5:{hashlib.md5(content).hexdigest()}"


Reply = Callable[[socket.socket, int, bytes], None]


def head(status: str, **fields: object) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "Connection: close", "", ""]).encode()


def part(start: int, body: bytes, **changes: object) -> bytes:
    """The header of an answer from byte `start` on."""
    if start == 0:
        return head("200 OK", **{"Content_Length": len(body)} | changes)
    if start >= len(body):
        return head("416 Range Not Satisfiable", Content_Range=f"bytes */{len(body)}")
    span = f"bytes {start}-{len(body) - 1}/{len(body)}"
    fields = {"Content_Length": len(body) - start, "Content_Range": span}
    return head("206 Partial Content", **fields | changes)


def whole(connection: socket.socket, start: int, body: bytes) -> None:
    connection.sendall(part(start, body) + body[start:])


class Server:
    """Answers each request in turn with the next of `replies`, the last one for ever."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.replies: list[Reply] = [whole]
        self.asked: list[int] = []  # from which byte
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/archive"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                request = connection.recv(65536).decode()
                found = re.search(r"(?i)^range: bytes=(\d+)-", request, re.MULTILINE)
                start = int(found[1]) if found else 0
                self.asked.append(start)
                reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                try:
                    reply(connection, start, self.body)
                    connection.shutdown(socket.SHUT_WR)
                    connection.settimeout(0.2)
                    connection.recv(1)  # until the other side has read it all
                except OSError:
                    pass  # it hung up


@pytest.fixture
def serve(monkeypatch):
    """serve(body) -> a `Server`; nobody waits between two attempts."""
    monkeypatch.setattr(fetch, "_WAITS", (0, 0))
    running: list[Server] = []

    def start(body: bytes) -> Server:
        running.append(Server(body))
        return running[-1]

    yield start
    for server in running:
        server.socket.close()
