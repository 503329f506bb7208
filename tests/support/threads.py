"""Runs calls in a thread of their own, since that of a test can have the event loop of the browser's driver.

And waits for what others do.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_own_thread(call: Callable[[], T]) -> T:
    """Return what a call returns, made in a new thread."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(call).result()


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what other threads or processes do."""
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)
