"""Work that several threads want at once, and that one does for all of them."""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class OneAtATime:
    """Locks by key, each as long as somebody holds it or waits for it. Thread-safe."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._locks: dict[Hashable, tuple[threading.Lock, int]] = {}

    @contextmanager
    def holding(self, key: Hashable) -> Iterator[None]:
        """Let no other thread into a block with this key."""
        lock = self._changed(key, 1)
        try:
            with lock:
                yield
        finally:
            self._changed(key, -1)

    def _changed(self, key: Hashable, by: int) -> threading.Lock:
        with self._changing:
            lock, users = self._locks.get(key, (threading.Lock(), 0))
            if users + by:
                self._locks[key] = lock, users + by
            else:
                del self._locks[key]
            return lock
