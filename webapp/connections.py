"""The connections of a worker: one thread reads every request and sends every answer, each within its time.

waitress parses HTTP, spills large bodies and answers to files, and gives a request to a thread once it is
complete. This adds what it lacks: a deadline for each part of a request and for the answer, room for new
connections when there are too many, and a stop that lets running requests finish.
"""

import ctypes
import errno
import logging
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from waitress import wasyncore  # type: ignore[import-untyped]  # it comes without types
from waitress.adjustments import Adjustments  # type: ignore[import-untyped]
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.server import TcpWSGIServer  # type: ignore[import-untyped]
from waitress.task import (  # type: ignore[import-untyped]
    ErrorTask,
    Task,
    ThreadedTaskDispatcher,
    WSGITask,
)

from .app import LARGEST_BODY

MOST_CONNECTIONS = 1_000
MOST_ACCEPTED_AT_ONCE = 32
BACKLOG = 128
CHECK_SECONDS = 0.5  # how often deadlines are checked
SLOWEST = 2_000  # bytes a second: a client that is slower is cut off
LARGEST_HEAD = 64 * 1024
# A body that is too large is read before it is refused, up to twice the size: browsers show no answer that
# comes while they still send.
LARGEST_READ = 2 * LARGEST_BODY
MOST_INCOMPLETE = 256 * 1024 * 1024  # bytes of all bodies that have not arrived whole
IN_MEMORY = 4 * 1024 * 1024  # of an answer that a client has not read; the rest is in a file
LARGE_ANSWER = 8 * 1024 * 1024
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_C_LIBRARY = ctypes.CDLL(None)


# ---- deadlines ------------------------------------------------------------------------------------------


class Phase(Enum):
    """What a connection waits for."""

    IDLE = "the first byte of a request"
    HEAD = "the rest of the head"
    BODY = "the rest of the body"
    ANSWER = "the client, to read the answer"
    SERVED = "the application"


# How long a connection may be in a phase, in seconds. A body and an answer have as long again whenever enough
# of it has passed.
SECONDS: Mapping[Phase, float] = {
    Phase.IDLE: 10.0,
    Phase.HEAD: 10.0,
    Phase.BODY: 20.0,
    Phase.ANSWER: 20.0,
    Phase.SERVED: float("inf"),
}


class Waiting(NamedTuple):
    """Since when a connection is in a phase, by the monotonic clock, and how many bytes had passed then."""

    phase: Phase
    since: float
    passed: int = 0

    def continued(self, phase: Phase, passed: int, now: float, seconds: Mapping[Phase, float]) -> "Waiting":
        """Return what the connection waits for now that `passed` bytes of a body or an answer have passed."""
        allowed = seconds[phase]
        is_new = phase is not self.phase
        has_time_again = now > self.since + allowed and passed - self.passed >= SLOWEST * allowed
        return Waiting(phase, now, passed) if is_new or has_time_again else self

    def is_late(self, now: float, seconds: Mapping[Phase, float]) -> bool:
        """Whether the time of the phase is over."""
        return now > self.since + seconds[self.phase]


# ---- one connection -------------------------------------------------------------------------------------


class LogEntry(NamedTuple):
    """What the access log tells of a request: who asked for what, and how it was answered."""

    address: str
    method: str
    path: str
    status: str
    sent: int
    seconds: float


class _Counting(Task):  # type: ignore[misc]  # waitress comes without types
    """A task that counts the bytes of its answer, and tells the server about it at its end."""

    sent = 0

    def write(self, data: bytes) -> None:
        self.sent += len(data)
        super().write(data)

    def service(self) -> None:
        began = time.monotonic()
        try:
            super().service()
        finally:
            request, channel = self.request, self.channel
            environ = getattr(self, "environ", None) or {}  # in which the application corrects the address
            entry = LogEntry(
                str(environ.get("REMOTE_ADDR", channel.addr[0])),
                getattr(request, "command", "-") or "-",
                getattr(request, "path", "-") or "-",
                self.status.partition(" ")[0],
                self.sent,
                time.monotonic() - began,
            )
            channel.server.log_request(entry)


class _Request(_Counting, WSGITask):  # type: ignore[misc]
    """A request that the application answers."""


class _BadRequest(_Counting, ErrorTask):  # type: ignore[misc]
    """A request that waitress refuses."""


class Connection(HTTPChannel):  # type: ignore[misc]
    """A connection that is closed when its client takes too long."""

    task_class, error_task_class = _Request, _BadRequest

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Wait for the first request."""
        self.waiting = Waiting(Phase.IDLE, time.monotonic())
        self._sent = self._incomplete = 0
        super().__init__(*arguments, **options)

    @property
    def phase(self) -> Phase:
        """What the connection waits for now."""
        if self.total_outbufs_len:
            return Phase.ANSWER
        if self.requests:
            return Phase.SERVED
        if self.request is None:
            return Phase.IDLE
        return Phase.BODY if self.request.headers_finished else Phase.HEAD

    def update(self, now: float) -> Waiting:
        """Note what the connection waits for, and return it."""
        phase, passed = self.phase, 0
        if phase is Phase.ANSWER:
            passed = self._sent
        elif phase is Phase.BODY:
            passed = self.request.body_bytes_received
        self.waiting = self.waiting.continued(phase, passed, now, self.server.seconds)
        return self.waiting

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send what the client takes now, and return how many bytes that is."""
        sent: int = super().send(data, do_close=do_close)
        self._sent += sent
        return sent

    def handle_read(self) -> None:
        """Read what has arrived; a request that is complete goes to a thread."""
        super().handle_read()
        self._count_incomplete(self.request.body_bytes_received if self.request is not None else 0)
        self.update(time.monotonic())
        if self.server.incomplete > MOST_INCOMPLETE and self._incomplete:
            self.handle_close()

    def handle_write(self) -> None:
        """Send what the client takes."""
        super().handle_write()
        self.update(time.monotonic())
        if self._sent > LARGE_ANSWER and not self.total_outbufs_len:
            self._sent = 0
            _return_memory()

    def service(self) -> None:
        """Answer a request, in a thread."""
        super().service()
        self.waiting = Waiting(Phase.SERVED, time.monotonic())  # so that the wait for the next request is new
        self.server.note_change(self)
        if self._sent + self.total_outbufs_len > LARGE_ANSWER:
            _return_memory()

    def write_soon(self, data: bytes) -> int:
        """Send a part of an answer, now or when the client takes it; called in a thread."""
        written: int = super().write_soon(data)
        if self.total_outbufs_len:
            self.server.note_change(self)
        return written

    def del_channel(self, map: Any = None) -> None:  # waitress's name
        """Forget the connection, which is about to be closed."""
        self.server.forget(self._fileno)
        super().del_channel(map)

    def handle_close(self) -> None:
        """Close the connection; the stream or answer that a thread writes to it ends."""
        self._count_incomplete(0)
        if self.request is not None:
            self.request.close()
        super().handle_close()

    def _count_incomplete(self, size: int) -> None:
        self.server.incomplete += size - self._incomplete
        self._incomplete = size


def _return_memory() -> None:
    """Return the memory of a large answer to the system: glibc would keep 150 MB after a session of 50 MB."""
    trim = getattr(_C_LIBRARY, "malloc_trim", None)  # only glibc has it, and needs it
    if trim is not None:
        trim(0)


# ---- all connections ------------------------------------------------------------------------------------


class Server(TcpWSGIServer):  # type: ignore[misc]
    """All connections of a worker to one address, and the threads that answer their requests."""

    channel_class = Connection

    def __init__(
        self,
        application: Any,
        listener: socket.socket,
        *,
        threads: int,
        most: int,
        log: Callable[[LogEntry], None],
        seconds: Mapping[Phase, float] = SECONDS,
    ) -> None:
        """Accept at most `most` connections from `listener` and answer their requests with `application`.

        `log` is called with each request that was answered, in its thread. `seconds` says how long a
        connection may be in each phase.
        """
        self.incomplete = 0  # bytes of all bodies that have not arrived whole
        self.log_request, self.seconds, self._most = log, seconds, most
        self._next_check = self._accept_from = 0.0
        self._poller, self._registered = select.poll(), dict[int, int]()
        self._changed = deque[Any]()  # channels that may wait for something else now
        # Nobody waits for a thread unless all are busy, which waitress reports at every request.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        dispatcher = ThreadedTaskDispatcher()
        dispatcher.set_thread_count(threads)
        where = (listener.family, listener.type, listener.proto, listener.getsockname())
        super().__init__(
            application, None, True, listener, dispatcher, _adjustments(), where, bind_socket=False
        )

    def poll(self, seconds: float = CHECK_SECONDS) -> None:
        """Wait for the network, at most for some seconds, and do what can be done without waiting.

        waitress asks every connection what it waits for each time, which takes a millisecond for 500 of them.
        Here only those are asked that may have changed.
        """
        now = time.monotonic()
        if now >= self._next_check:
            self._next_check = now + CHECK_SECONDS
            self._close_late(now)
            self._changed.extend(self._map.values())
        while self._changed:
            self._register(self._changed.popleft())
        for descriptor, flags in self._poller.poll(seconds * 1000):
            channel = self._map.get(descriptor)
            if channel is not None:
                wasyncore.readwrite(channel, flags)
                self._changed.append(channel)

    def note_change(self, channel: Connection) -> None:
        """Have a connection asked what it waits for; called in threads."""
        self._changed.append(channel)
        self.pull_trigger()

    def forget(self, descriptor: int | None) -> None:
        """Wait no longer for a descriptor."""
        if descriptor is not None and self._registered.pop(descriptor, 0):
            self._poller.unregister(descriptor)

    def _register(self, channel: Any) -> None:
        descriptor = channel._fileno  # waitress's name; None once it is closed
        if descriptor is None or self._map.get(descriptor) is not channel:
            return
        wanted = select.POLLIN if channel.readable() else 0
        if channel.writable() and not channel.accepting:
            wanted |= select.POLLOUT
        if wanted == self._registered.get(descriptor, 0):
            return
        self.forget(descriptor)
        if wanted:
            self._poller.register(descriptor, wanted)
            self._registered[descriptor] = wanted

    def readable(self) -> bool:
        """Whether to accept connections."""
        return bool(self.accepting) and time.monotonic() >= self._accept_from

    def handle_accept(self) -> None:
        """Accept the connections that wait."""
        for _ in range(MOST_ACCEPTED_AT_ONCE):
            try:
                connection, address = self.socket.accept()
            except OSError as error:  # none is left, or its client is gone
                if error.errno in NO_ROOM:
                    self._make_room()
                return
            self._add(connection, address)

    def stop(self, seconds: float) -> None:
        """Accept nothing more, and return when the running requests are answered or the seconds are over."""
        until = time.monotonic() + seconds
        self.accepting = False
        self._changed.append(self)
        while time.monotonic() < until:
            for each in self._connections():
                if each.update(time.monotonic()).phase not in (Phase.SERVED, Phase.ANSWER):
                    each.handle_close()
            if not self._connections():
                return
            self.poll(0.05)

    def _add(self, connection: socket.socket, address: Any) -> None:
        if len(self.active_channels) >= self._most:
            self._make_room()
        try:
            self.set_socket_options(connection)
            self._changed.append(Connection(self, connection, address, self.adj, map=self._map))
        except OSError:  # its client is gone
            connection.close()

    def _make_room(self) -> None:
        """Close the connection that waits longest, or accept nothing for a moment if all are being served."""
        now = time.monotonic()
        states = [(each.update(now), each) for each in self._connections()]
        waiting = [(state.since, each) for state, each in states if state.phase is not Phase.SERVED]
        if waiting:
            min(waiting, key=lambda candidate: candidate[0])[1].handle_close()
        else:
            self._accept_from = now + CHECK_SECONDS

    def _close_late(self, now: float) -> None:
        for each in self._connections():
            if each.update(now).is_late(now, self.seconds):
                each.handle_close()

    def _connections(self) -> list[Connection]:
        return list(self.active_channels.values())


def _adjustments() -> Any:
    return Adjustments(
        host="127.0.0.1",  # not used: the listener is given
        port=0,
        ident="",
        backlog=BACKLOG,
        max_request_header_size=LARGEST_HEAD,
        max_request_body_size=LARGEST_READ,
        outbuf_overflow=IN_MEMORY,
        outbuf_high_watermark=1 << 40,  # a thread never waits for a client
        channel_request_lookahead=1,  # notices when a client is gone while its request runs
        clear_untrusted_proxy_headers=False,  # `security.proxies` decides
        log_socket_errors=False,
    )
