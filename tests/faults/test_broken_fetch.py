"""Downloads from servers on the loopback interface that break, stall, lie or forget."""

import re
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, one_message
from published_trees import Reply, Server, head, md5, part, tar, whole

from paper_code import cli
from paper_code.datasets import fetch

BODY = tar()
SUM = md5(BODY)


def drops_after(count: int) -> Reply:
    return lambda connection, start, body: connection.sendall(
        part(start, body) + body[start : start + count]
    )


def stalls(connection, start, body) -> None:
    drops_after(4000)(connection, start, body)
    time.sleep(0.6)


def drips(connection, start, body) -> None:
    connection.sendall(part(start, body))
    for place in range(start, len(body), 400):
        connection.sendall(body[place : place + 400])
        time.sleep(0.005)


def says(content: bytes) -> Reply:
    return lambda connection, *_: connection.sendall(content)


@pytest.fixture
def server(serve, monkeypatch):
    monkeypatch.setattr(fetch, "_TIMEOUT", 0.4)
    return serve(BODY)


def words(server: Server, root, *options: str) -> list[str]:
    return ["fetch", "breakhis", "--data-root", str(root), "--url", server.url, *options]


MENDED = {
    "dropped at every 3,000th byte": [drops_after(3000)],
    "stalled": [stalls, whole],
    "503, then well": [says(head("503 Unavailable", Content_Length=0)), whole],
    "no ranges": [drops_after(1000), says(part(0, BODY) + BODY)],
    "a range that is not told": [
        drops_after(1000),
        says(head("206 Partial Content") + BODY[1000:]),
        whole,
    ],
}


@pytest.mark.parametrize("fault", MENDED)
def test_resumed_and_verified(fault, server, tmp_path):
    server.replies = list(MENDED[fault])
    assert cli.main(words(server, tmp_path / "data", "--checksum", SUM)) == 0
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["BreaKHis_v1"]
    assert len(list((tmp_path / "data").rglob("*.png"))) == 8


FATAL = {
    "503 for ever": ([says(head("503 Busy", Content_Length=0))], "answers 503"),
    "a web page": (
        [says(head("200 OK", Content_Type="text/html") + b"<html>Log in</html>")],
        "sends text/html, not the archive",
    ),
    "a redirection to a file of this machine": (
        [says(head("302 Found", Location="file:///etc/passwd", Content_Length=0))],
        "302|cannot be reached",
    ),
    "another file after the break": (
        [drops_after(3000), says(part(3000, BODY) + bytes(len(BODY) - 3000))],
        "as published",
    ),
    # What the server calls the whole file is no whole archive.
    "length too small": ([says(part(0, BODY, Content_Length=len(BODY) - 50) + BODY)], "as publ"),
}


@pytest.mark.parametrize("fault", FATAL)
def test_given_up_with_one_message(fault, server, tmp_path, capsys):
    server.replies, message = list(FATAL[fault][0]), FATAL[fault][1]
    assert cli.main(words(server, tmp_path / "data", "--checksum", SUM)) == 2
    assert re.search(message, one_message(capsys.readouterr().err))
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
