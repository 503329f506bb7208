"""Several processes that do one thing at the same moment; and whether a process runs."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from typing import Any, TypeVar

T = TypeVar("T")

_gate: Barrier


def at_once(work: Callable[..., T], calls: Sequence[tuple[Any, ...]]) -> list[T]:
    """Return what `work` returns for each tuple of arguments: a process each, begun together."""
    spawn = multiprocessing.get_context("spawn")
    gate = spawn.Barrier(len(calls), timeout=60)
    with ProcessPoolExecutor(len(calls), spawn, initializer=_prepare, initargs=(gate,)) as pool:
        return [future.result() for future in [pool.submit(_after_the_gate, work, call) for call in calls]]


def _prepare(gate: Barrier) -> None:
    global _gate  # noqa: PLW0603  # how a pool hands a barrier to its processes
    _gate = gate


def _after_the_gate(work: Callable[..., T], call: tuple[Any, ...]) -> T:
    _gate.wait()
    return work(*call)


def is_running(process: int) -> bool:
    """Whether there is such a process, also of another user."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
