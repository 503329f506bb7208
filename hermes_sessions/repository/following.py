"""The calls that follow changes: what changed since an earlier moment, and what changes from now on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from ..feed import Changes, Pause
from ..fields import check_seconds, check_text
from .base import HomeCalls

POLL_SECONDS = 0.5  # a question takes less than a millisecond


class FollowingCalls(HomeCalls):
    """The calls that follow changes of conversations, whoever makes them."""

    def changes(self, since: str | None = None) -> Changes:
        """Return which conversations changed since an earlier call, and which no list shows any longer.

        `since` is the `token` of that call. The ids are of the web UI's sessions, drafts and hidden ones
        included, and of the agents' conversations. Replace each changed one in an old list by its `summary`,
        and take the removed ones out: that is the list of now. The latest 20,000 changes are remembered.
        Without `since`, with an older one, one of another index, or an unreadable one, the result is not
        `complete`: take its token, then read the list again. Raises `InvalidValue`, `StorageError`.
        """
        return self._home.changes(check_text("since", since))

    def watch(self, since: str | None = None, *, timeout: float | None = None) -> Iterator[Changes]:
        """Wait for changes, and yield them as they come, as `changes` returns them.

        Begins at the token `since`, or else at the moment of the call. Ends after `timeout` seconds without a
        change (None: never). If what it yields is not `complete`, read the list again. Raises `InvalidValue`;
        each step raises `StorageError`, and `Closed` once the repository is closed.
        """
        return _waited(self._watch_steps(since, timeout))

    def _watch_steps(self, since: str | None, timeout: float | None) -> Iterator[Changes | Pause]:
        """Return what `watch` yields, with the pauses in between, which the caller makes."""
        known = check_text("since", since)
        seconds = None if timeout is None else check_seconds("timeout", timeout)
        self._access.follow_files()
        return _steps(self.changes, self.changes().token if known is None else known, seconds)


def _waited(steps: Iterator[Changes | Pause]) -> Iterator[Changes]:
    for step in steps:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
        else:
            yield step


def _steps(read: Callable[[str], Changes], token: str, timeout: float | None) -> Iterator[Changes | Pause]:
    changed_at = time.monotonic()
    while True:
        changes = read(token)
        token = changes.token
        if changes.changed or changes.removed or not changes.complete:
            yield changes
            changed_at = time.monotonic()
        elif timeout is not None and time.monotonic() - changed_at >= timeout:
            return
        else:
            left = POLL_SECONDS if timeout is None else changed_at + timeout - time.monotonic()
            yield Pause(max(0.0, min(POLL_SECONDS, left)))
