"""Clients that send or read slowly, or open too many connections: the server still answers others."""

import json
import resource
import select
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from webapp.connections import SECONDS, SLOWEST, Phase, Server, Waiting
from webapp.worker import most_connections

from ..conftest import copy_sample
from ..support.figures import tell
from ..support.serving import PROGRAM, address, start, stop

HEAD = b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n"
FORM = (
    b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 1000\r\n\r\npassword="
)
CHUNKED = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1f4\r\na"
UNREAD = 20 * b"GET /static/list.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
KINDS = {"nothing": b"", "head": HEAD, "body": FORM, "chunked body": CHUNKED, "unread answers": UNREAD}


def opened(url: str, sent: bytes) -> socket.socket:
    """Return a connection on which something was sent; it takes little at once."""
    host, _, port = url.removeprefix("http://").partition(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((host, int(port)))
    connection.sendall(sent)
    return connection


def health(url: str) -> float:
    """Return how many seconds `/health` took to answer."""
    began = time.monotonic()
    with urllib.request.urlopen(f"{url}/health", timeout=60) as answer:
        assert json.loads(answer.read())["status"] == "ok"
    return time.monotonic() - began


def workers(server: subprocess.Popen[str]) -> list[str]:
    return Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()


@contextmanager
def trickling(connections: list[socket.socket], seconds: float = 1.0) -> Iterator[None]:
    """Send a byte after each second, or other time, on each connection while the block runs."""
    ended = threading.Event()

    def send() -> None:
        while not ended.wait(seconds):
            for each in connections:
                try:
                    each.send(b"a")
                except OSError:  # the server closed it
                    continue

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.slow
def test_health_is_answered_beside_500_slow_clients(may: Path, pytestconfig: pytest.Config) -> None:
    server = start(may, "--port", "0", HERMES_WEBUI_PASSWORD="correct horse")
    try:
        url = address(server)
        health(url)
        before = workers(server)
        with ExitStack() as stack:
            kinds = [sent for sent in KINDS.values() for _ in range(100)]
            connections = [stack.enter_context(opened(url, sent)) for sent in kinds]
            with trickling(connections[:400]):
                times = [health(url) for _ in range(20)]
                time.sleep(1.5)
                times += [health(url) for _ in range(20)]
        usual, most = median(times) * 1000, max(times) * 1000
        tell(pytestconfig, [f"/health beside 500 slow clients: {usual:.0f} ms, {most:.0f} ms at most"])
        assert workers(server) == before
    finally:
        said = stop(server)
    assert server.returncode == 0
    assert "Traceback" not in said


DESCRIPTORS = (256, 64, 128)


@pytest.fixture(scope="module")
def short_of_descriptors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Future[None]]]:
    """What came of each server with few descriptors; two at a time, since they wait for ten seconds."""
    with ThreadPoolExecutor(2) as pool:
        homes = {each: copy_sample("may", tmp_path_factory.mktemp("short")) for each in DESCRIPTORS}
        yield {each: pool.submit(serve_short_of, each, home) for each, home in homes.items()}


def serve_short_of(descriptors: int, home: Path) -> None:
    """Start a server with few descriptors, open more connections than that, and see that it serves again."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({descriptors}, {descriptors}))"
    command = [
        sys.executable,
        "-c",
        f"{limit}; {PROGRAM}",
        "--hermes-home",
        str(home),
        "serve",
        "--port",
        "0",
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        url = address(server)
        health(url)
        before = workers(server)
        with ExitStack() as stack:
            for _ in range(2 * descriptors):
                stack.enter_context(opened(url, HEAD))
            health(url)
        health(url)
        with urllib.request.urlopen(f"{url}/api/sessions", timeout=20) as answer:
            assert len(json.loads(answer.read())["sessions"]) == 47
        assert workers(server) == before
    finally:
        stop(server)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc names the workers")
@pytest.mark.parametrize("descriptors", DESCRIPTORS)
def test_a_worker_without_descriptors_serves_again(
    short_of_descriptors: dict[int, Future[None]], descriptors: int
) -> None:
    short_of_descriptors[descriptors].result()


# ---- deadlines ------------------------------------------------------------------------------------------


ENOUGH = int(SLOWEST * SECONDS[Phase.BODY])


@pytest.mark.parametrize(
    ("phase", "passed", "seconds", "late"),
    [
        (Phase.IDLE, 0, 9, False),
        (Phase.IDLE, 0, 11, True),
        (Phase.HEAD, 0, 9, False),
        (Phase.HEAD, 0, 11, True),
        (Phase.BODY, 0, 19, False),
        (Phase.BODY, 21, 21, True),  # a byte a second
        (Phase.BODY, ENOUGH - 1, 21, True),
        (Phase.BODY, ENOUGH, 21, False),
        (Phase.ANSWER, 0, 19, False),
        (Phase.ANSWER, 21, 21, True),
        (Phase.ANSWER, ENOUGH, 21, False),
        (Phase.SERVED, 0, 1e9, False),
    ],
)
def test_a_phase_has_its_time(phase: Phase, passed: int, seconds: float, late: bool) -> None:
    began, now = Waiting(phase, 1000.0), 1000.0 + seconds
    state = began.continued(phase, passed, now, SECONDS)
    assert state.is_late(now, SECONDS) is late


def test_a_client_that_was_fast_once_must_stay_so() -> None:
    fast = Waiting(Phase.BODY, 1000.0).continued(Phase.BODY, 1_000_000, 1021.0, SECONDS)
    assert fast == Waiting(Phase.BODY, 1021.0, 1_000_000)
    slow = fast.continued(Phase.BODY, 1_000_020, 1042.0, SECONDS)
    assert slow.is_late(1042.0, SECONDS)


def test_another_phase_begins_with_its_own_time() -> None:
    assert Waiting(Phase.HEAD, 1000.0).continued(Phase.BODY, 5, 1009.0, SECONDS) == Waiting(
        Phase.BODY, 1009.0, 5
    )


def _application(environ: Any, start_response: Any) -> list[bytes]:
    if environ["PATH_INFO"] == "/wait":
        time.sleep(1.0)
    body = environ["wsgi.input"].read() or b"x" * (8_000_000 if environ["PATH_INFO"] == "/large" else 1)
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


SHORT = dict.fromkeys(SECONDS, 0.3) | {Phase.SERVED: float("inf")}


@contextmanager
def serving(
    threads: int = 4, most: int = 100, seconds: Mapping[Phase, float] = SHORT
) -> Iterator[tuple[str, Server]]:
    """Serve an application in a thread, with short deadlines; yield the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = Server(
        _application, listener, threads=threads, most=most, log=lambda _entry: None, seconds=seconds
    )
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            server.poll(0.05)
        server.stop(5.0)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}", server
    finally:
        ended.set()
        thread.join()
        server.task_dispatcher.shutdown()
        server.close()


def is_closed(connection: socket.socket) -> bool:
    """Whether the server ends a connection within 20 seconds, whatever it sent before."""
    connection.settimeout(20)
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", HEAD, FORM, CHUNKED, b"GET / HTTP/1.1\r\n\r\n"])
def test_a_client_that_stops_sending_is_cut_off(sent: bytes) -> None:
    with serving() as (url, _), opened(url, sent) as connection:
        assert is_closed(connection)


@pytest.mark.slow
def test_a_client_that_sends_a_byte_now_and_then_is_cut_off() -> None:
    with serving() as (url, server), opened(url, HEAD + b"X: ") as connection, trickling([connection], 0.05):
        wait_for_no_connection(server)


@pytest.mark.slow
def test_a_client_that_does_not_read_is_cut_off_and_holds_no_thread() -> None:
    request = b"GET /large HTTP/1.1\r\n\r\n"
    with serving(threads=1) as (url, server), ExitStack() as stack:
        unread = [stack.enter_context(opened(url, request)) for _ in range(5)]
        with opened(url, b"GET / HTTP/1.0\r\n\r\n") as connection:
            assert connection.recv(12) == b"HTTP/1.0 200"
        wait_for_no_connection(server)
        assert len(unread) == 5
        assert not server.incomplete


def wait_for_no_connection(server: Server) -> None:
    """Wait until the server has closed every connection, for 20 seconds at most."""
    for _ in range(400):
        if not server.active_channels:
            return
        time.sleep(0.05)
    raise AssertionError("a connection is still open")


@pytest.mark.slow
def test_a_request_that_runs_longer_than_the_deadlines_is_answered() -> None:
    with serving() as (url, _), urllib.request.urlopen(f"{url}/wait", timeout=20) as answer:
        assert answer.read() == b"x"


def test_new_connections_take_the_place_of_those_that_wait() -> None:
    long = dict.fromkeys(SECONDS, 100.0)
    with serving(most=4, seconds=long) as (url, server), ExitStack() as stack:
        idle = [stack.enter_context(opened(url, HEAD)) for _ in range(4)]
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert answer.read() == b"x"
        closed, _, _ = select.select(idle, [], [], 20)
        assert len(closed) == 1
        assert len(server.active_channels) <= 4


def test_bodies_of_both_kinds_arrive_whole() -> None:
    with serving(seconds=SECONDS) as (url, server):
        body = b"b" * 3_000_000
        with urllib.request.urlopen(url, body, timeout=20) as answer:
            assert answer.read() == body
        with urllib.request.urlopen(
            urllib.request.Request(url, iter([body, body]), {"Transfer-Encoding": "chunked"}), timeout=20
        ) as answer:
            assert answer.read() == body + body
        assert server.incomplete == 0


def test_a_worker_leaves_descriptors_for_files() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert 4 <= most_connections() <= max(4, soft // 2)
