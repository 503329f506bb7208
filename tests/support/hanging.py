"""Ends a worker whose test hangs, after saying where, at a price that 10,000 tests can pay.

pytest's own `faulthandler_timeout` starts and ends a thread for each test: a millisecond of the processor's
time, and on a busy machine six more of waiting. It also lets the test hang on, until the whole run is ended.
"""

import faulthandler
import gc
import threading
import time
import traceback

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key
from greenlet import greenlet

LIMIT_SECONDS = 300.0
LATEST_SECONDS = 30.0  # one timer serves all tests that begin within this time
_timers = pytest.StashKey["_Timers"]()


def watch(item: pytest.Item) -> None:
    """End this process if a test still runs `LIMIT_SECONDS` from now, or up to `LATEST_SECONDS` sooner.

    pytest-xdist then reports the test as failed, and gives the other tests to a new worker. A test that is
    marked as long may take its time.
    """
    stash = item.config.stash
    errors = stash.get(fault_handler_stderr_fd_key, None)  # none without pytest's plugin
    if item.get_closest_marker("long"):
        stop(item.config)
    elif errors is not None and not (_timers in stash and stash[_timers].are_fresh):
        stop(item.config)
        stash[_timers] = _Timers(errors)


def stop(config: pytest.Config) -> None:
    """Let what comes now take its time."""
    timers = config.stash.get(_timers, None)
    if timers is not None:
        timers.cancel()
        del config.stash[_timers]


class _Timers:
    """Two timers: the second runs without Python, and so also ends a test that lets no other thread run."""

    def __init__(self, errors: int) -> None:
        self._began = time.monotonic()
        self._tell = threading.Timer(LIMIT_SECONDS - LATEST_SECONDS / 2, _tell_greenlets, (errors,))
        self._tell.daemon = True
        self._tell.start()
        faulthandler.dump_traceback_later(LIMIT_SECONDS, exit=True, file=errors)

    @property
    def are_fresh(self) -> bool:
        """Whether a test that begins now may be timed by these."""
        return time.monotonic() - self._began < LATEST_SECONDS

    def cancel(self) -> None:
        self._tell.cancel()
        faulthandler.cancel_dump_traceback_later()


def _tell_greenlets(errors: int) -> None:
    """Print where each greenlet waits: a test that waits for the browser is on no thread's stack."""
    waiting = [each.gr_frame for each in gc.get_objects() if isinstance(each, greenlet) and each.gr_frame]
    with open(errors, "w", encoding="utf-8", errors="replace", closefd=False) as output:
        for frame in waiting:
            print("\nA greenlet that waits (most recent call last):", file=output)
            traceback.print_stack(frame, file=output)
