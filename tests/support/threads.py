"""Runs calls in a thread of their own: that of a test can have the event loop of the browser's driver."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_own_thread(call: Callable[[], T]) -> T:
    """Return what a call returns, made in a new thread."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(call).result()
