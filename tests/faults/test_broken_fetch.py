"""Downloads from servers on the loopback interface that break, stall, lie or forget."""

import hashlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from conftest import ROOT
from test_bad_archives import tar

from paper_code import cli
from paper_code.datasets import fetch

Reply = Callable[[socket.socket, int], None]
BODY = tar()
SUM = f"md5:{hashlib.md5(BODY).hexdigest()}"


class Server:
    """Answers each request in turn with the next of `replies`, the last one for ever."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
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
                    reply(connection, start)
                    connection.shutdown(socket.SHUT_WR)
                    connection.settimeout(0.2)
                    connection.recv(1)  # until the other side has read it all
                except OSError:
                    pass  # it hung up


def head(status: str, **fields: object) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "Connection: close", "", ""]).encode()


def part(start: int, body: bytes = BODY, **changes: object) -> bytes:
    """The header of an answer from byte `start` on."""
    if start == 0:
        return head("200 OK", **{"Content_Length": len(body)} | changes)
    span = f"bytes {start}-{len(body) - 1}/{len(body)}"
    fields = {"Content_Length": len(body) - start, "Content_Range": span}
    return head("206 Partial Content", **fields | changes)


def whole(connection: socket.socket, start: int) -> None:
    connection.sendall(part(start) + BODY[start:])


def drops_after(count: int) -> Reply:
    return lambda connection, start: connection.sendall(part(start) + BODY[start : start + count])


def resets_after(count: int) -> Reply:
    def reply(connection: socket.socket, start: int) -> None:
        connection.sendall(part(start) + BODY[start : start + count])
        time.sleep(0.05)
        linger = b"\1\0\0\0\0\0\0\0"  # close it at once, with a reset
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()

    return reply


def stalls_after(count: int) -> Reply:
    def reply(connection: socket.socket, start: int) -> None:
        connection.sendall(part(start) + BODY[start : start + count])
        time.sleep(0.6)

    return reply


def drips(connection: socket.socket, start: int) -> None:
    connection.sendall(part(start))
    for place in range(start, len(BODY), 400):
        connection.sendall(BODY[place : place + 400])
        time.sleep(0.005)


def says(content: bytes) -> Reply:
    return lambda connection, _: connection.sendall(content)


def without_ranges(count: int | None = None) -> Reply:
    return lambda connection, _: connection.sendall(part(0) + BODY[:count])


def from_elsewhere(connection: socket.socket, start: int) -> None:
    """The right answer, unless it was asked for a part: then one that begins too early."""
    if start == 0:
        whole(connection, 0)
    else:
        connection.sendall(part(start - 7 or 1) + BODY[start - 7 or 1 :])


def in_chunks(count: int) -> Reply:
    def reply(connection: socket.socket, _: int) -> None:
        connection.sendall(head("200 OK", Transfer_Encoding="chunked"))
        for place in range(0, len(BODY), 3000):
            if place > count:
                return
            piece = BODY[place : place + 3000]
            connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    return reply


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(fetch, "_WAITS", (0, 0))
    monkeypatch.setattr(fetch, "_TIMEOUT", 0.4)
    running = Server()
    yield running
    running.socket.close()


def words(server: Server, root, *options: str) -> list[str]:
    return ["fetch", "breakhis", "--data-root", str(root), "--url", server.url, *options]


MENDED = {
    "dropped at the first byte": ([drops_after(0), whole], SUM),
    "dropped before the last byte": ([drops_after(len(BODY) - 1), whole], SUM),
    "dropped at every 3,000th byte": ([drops_after(3000)], SUM),
    "reset at byte 5,000": ([resets_after(5000), whole], SUM),
    "stalled at byte 4,000": ([stalls_after(4000), whole], SUM),
    "an answer cut in its header": ([says(b"HTTP/1.1 200 OK\r\nContent-Le"), whole], SUM),
    "503, then well": ([says(head("503 Unavailable", Content_Length=0)), whole], SUM),
    "no ranges": ([drops_after(1000), without_ranges()], SUM),
    "ranges from another byte": ([drops_after(1000), from_elsewhere, whole], SUM),
    "a range that is not told": (
        [drops_after(1000), says(head("206 Partial Content") + BODY[1000:]), whole],
        SUM,
    ),
    "in chunks, dropped": ([in_chunks(6000), whole], SUM),
    "length too small": ([says(part(0, Content_Length=len(BODY) - 50) + BODY), whole], None),
}


@pytest.mark.parametrize("fault", MENDED)
def test_resumed_and_verified(fault, server, tmp_path):
    server.replies, checksum = MENDED[fault]
    options = ["--checksum", checksum] if checksum else []
    status = cli.main(words(server, tmp_path / "data", *options))
    if fault == "length too small":  # what the server calls the whole file is no whole archive
        assert status == 2
        assert list((tmp_path / "data").iterdir()) == []
        status = cli.main(words(server, tmp_path / "data"))
    assert status == 0
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["BreaKHis_v1"]
    assert len(list((tmp_path / "data").rglob("*.png"))) == 8


FATAL = {
    "another checksum": ([whole], "not 0+ as published", "md5:" + "0" * 32),
    "404": ([says(head("404 Not Found", Content_Length=0))], "answers 404 Not Found", SUM),
    "503 for ever": ([says(head("503 Busy", Content_Length=0))], "answers 503", SUM),
    "a web page": (
        [says(head("200 OK", Content_Type="text/html") + b"<html>Log in</html>")],
        "sends text/html, not the archive",
        SUM,
    ),
    "a redirection to a file of this machine": (
        [says(head("302 Found", Location="file:///etc/passwd", Content_Length=0))],
        "302|cannot be reached",
        SUM,
    ),
    "dropped at once, for ever": ([drops_after(0)], "closed early", SUM),
    "another file after the break": (
        [drops_after(3000), says(part(3000) + bytes(len(BODY) - 3000))],
        "as published",
        SUM,
    ),
}


@pytest.mark.parametrize("fault", FATAL)
def test_given_up_with_one_message(fault, server, tmp_path, capsys):
    server.replies, message, checksum = FATAL[fault]
    assert cli.main(words(server, tmp_path / "data", "--checksum", checksum)) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert [line for line in said if line.startswith("error: ")] == said[-1:]
    assert re.search(message, said[-1])
    assert not [path for path in (tmp_path / "data").glob("*") if path.stat().st_size]
    server.replies = [whole]
    assert cli.main(words(server, tmp_path / "data", "--checksum", SUM)) == 0


def test_a_killed_download_goes_on(server, tmp_path):
    """kill -9 in the middle of a drip; the second attempt asks for the rest alone."""
    server.replies = [drips, whole]
    command = [sys.executable, "-m", "paper_code", *words(server, tmp_path, "--checksum", SUM)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    half = tmp_path / "BreaKHis_v1.tar.gz.part"
    deadline = time.monotonic() + 20
    while not (half.exists() and half.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    held = half.stat().st_size
    assert cli.main(words(server, tmp_path, "--checksum", SUM)) == 0
    assert server.asked == [0, held] if held < len(BODY) else True
    assert [path.name for path in tmp_path.iterdir()] == ["BreaKHis_v1"]
