"""Child processes that share a long piece of work, such as reading 20,000 files: started, fed, and ended.

Each is a new interpreter, since to fork is unsafe beside threads, and it runs nothing of the main program. It
ends when its standard input does, however this process ended. What one that died was to do is done here.
"""

import contextlib
import gc
import io
import os
import pickle
import select
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import cycle, islice
from types import TracebackType
from typing import IO, Any, Generic, NamedTuple, Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 2  # items that each child has: while the result of one is taken, it works on the next
NICENESS = 10  # of children that work in the background: a server answers before them
_SIZE = 8  # bytes, before each pickled value on a pipe
GONE = (OSError, EOFError, ValueError)  # of a pipe to a child that has ended, or that is closed
# `-P` keeps modules in the current folder from being imported; the path is that of this process.
_START = "import sys; sys.path[:] = sys.argv[2:]; from hermes_sessions import processes; processes.work()"


def available() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


class Child:
    """A process that runs one function over the values that it is sent."""

    def __init__(self, function: Callable[..., Any], *, background: bool) -> None:
        """Start it; raise `OSError` if the system refuses, and `ValueError` if this is no Python program."""
        if not sys.executable:
            raise ValueError("there is no interpreter to start")
        import subprocess  # noqa: PLC0415  # most programs that open a home start no process

        niceness = str(NICENESS if background else 0)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, niceness, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # or a result that was read ahead would not seem to be there
        )
        # Both exist, because `PIPE` asks for them.
        self._items = io.BufferedWriter(self._process.stdin)  # type: ignore[type-var]
        self._results: IO[bytes] = self._process.stdout  # type: ignore[assignment]
        try:
            self.send(function)
        except BaseException:
            self.end()
            raise

    @property
    def number(self) -> int:
        """The number of the process."""
        return self._process.pid

    def send(self, value: object) -> None:
        """Send a value; raise one of `GONE` if the process has ended."""
        _write(self._items, value)

    def receive(self) -> Any:
        """Return the next value, waiting for it; raise one of `GONE` if the process has ended."""
        return _read(self._results)

    def fileno(self) -> int:
        """Return the descriptor at which the results arrive."""
        return self._results.fileno()

    def is_ready(self) -> bool:
        """Whether `receive` would not wait: there is a result, or the process has ended."""
        return bool(_ready([self], 0))

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        for pipe in (self._items, self._results):
            with contextlib.suppress(OSError):  # what is not sent yet is for nobody
                pipe.close()
        self._process.wait()


def _ready(children: Sequence[Child], milliseconds: int | None) -> list[Child]:
    """Return the children that have a result or have ended; wait so long for one, None for as long as needed.

    Not `select.select`, which takes no descriptor above 1,023.
    """
    waiting, by_descriptor = select.poll(), {child.fileno(): child for child in children}
    for descriptor in by_descriptor:
        waiting.register(descriptor, select.POLLIN)
    return [by_descriptor[descriptor] for descriptor, _ in waiting.poll(milliseconds)]


class _Waiting(NamedTuple, Generic[T]):
    """An item whose result is awaited, and the child that has it, None if it is to be done here."""

    item: T
    child: Child | None


class Pool(Generic[T, R]):
    """Several children that run a function over items; it and the items must be small, and can be pickled."""

    def __init__(self, function: Callable[[T], R], count: int, *, background: bool = False) -> None:
        self._function, self.children = function, list[Child]()
        for _ in range(count):
            # A system that refuses another process, for its memory or limits, is one to do the work here.
            with contextlib.suppress(*GONE):
                self.children.append(Child(function, background=background))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self.children:
            child.end()

    def results(self, items: Iterable[T]) -> Iterator[R]:
        """Yield the result of each item, in their order; errors are those of the function itself."""
        return self._results(items, deque.popleft)

    def results_as_they_come(self, items: Iterable[T]) -> Iterator[R]:
        """Yield the same, each as soon as a child has it: no child waits for the others."""
        return self._results(items, self._pop_ready)

    def _results(self, items: Iterable[T], pop: Callable[[deque[_Waiting[T]]], _Waiting[T]]) -> Iterator[R]:
        rest, waiting = iter(items), deque[_Waiting[T]]()
        for child, item in zip(cycle(self.children), islice(rest, AHEAD * len(self.children)), strict=False):
            waiting.append(self._given(child, item))
        while waiting:
            done = pop(waiting)
            result = self._result(done)
            for item in islice(rest, 1):  # before the result is used: the child is idle
                waiting.append(self._given(done.child, item))
            yield result
        for item in rest:  # without any child
            yield self._function(item)

    def _pop_ready(self, waiting: deque[_Waiting[T]]) -> _Waiting[T]:
        """Take the first item whose result is there, or whose child has ended; wait for one."""
        found = next((each for each in waiting if each.child not in self.children), None)
        if found is None:
            busy = {each.child for each in waiting}
            ready = _ready([child for child in self.children if child in busy], None)
            found = next(each for each in waiting if each.child in ready)
        waiting.remove(found)
        return found

    def _given(self, child: Child | None, item: T) -> _Waiting[T]:
        if child in self.children:
            with contextlib.suppress(*GONE):
                child.send(item)
                return _Waiting(item, child)
        return _Waiting(item, None)

    def _result(self, waiting: _Waiting[T]) -> R:
        child = waiting.child
        if child in self.children:
            try:
                result: R = child.receive()
            except GONE:  # killed, or out of memory
                self.children.remove(child)
                child.end()
            else:
                return result
        return self._function(waiting.item)


# ---- the pipes, from both ends ----------------------------------------------------------------------------


def _write(pipe: IO[bytes], value: object) -> None:
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    pipe.write(len(data).to_bytes(_SIZE))
    pipe.write(data)
    pipe.flush()


def _read(pipe: IO[bytes]) -> Any:
    size = int.from_bytes(_read_all(pipe, _SIZE))
    return pickle.loads(_read_all(pipe, size))  # noqa: S301  # of a process that this one has started


def _read_all(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    while len(data) < size:  # a pipe holds less than some results
        more = pipe.read(size - len(data))
        if not more:
            raise EOFError("the process at the other end has ended")
        data += more
    return data


def is_awaited() -> bool:
    """Whether the parent of this child process still waits for its result."""
    given = select.poll()
    given.register(0, 0)  # for nothing but the end of the other side, which is always reported
    return not given.poll(0)


def work() -> None:
    """Run the function that the parent process sends over each item that it sends, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent receives it too, and ends this process
    os.nice(int(sys.argv[1]))
    gc.freeze()
    given, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that is printed may come between the results
    with contextlib.suppress(EOFError, BrokenPipeError):
        function = _read(given)
        while True:
            _write(results, function(_read(given)))
