"""The errors that callers of the library see, and the one place where the system's errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SessionsError(Exception):
    """Base of every error of this library; its text is for people and names no path."""


class NotFound(SessionsError, KeyError):
    """No session or project has this id."""

    def __str__(self) -> str:  # KeyError would show the repr of its argument
        return str(self.args[0])


class InvalidId(SessionsError, ValueError):
    """Not an id: 1 to 128 of A-Z a-z 0-9 _ and -."""


class InvalidValue(SessionsError, ValueError):
    """A value of the wrong type or size; the text names the field and the limit."""


class Conflict(SessionsError):
    """The session changed since it was read; nothing was written."""


class ReadOnly(SessionsError):
    """The session is marked read-only and must not be changed here."""


class StorageError(SessionsError):
    """The disk or the database refused; its own error is the `__cause__`."""


class AgentUnavailable(SessionsError):
    """The agent's state.db cannot be read; `absent` is true if there is none."""

    def __init__(self, text: str, *, absent: bool = False) -> None:
        super().__init__(text)
        self.absent = absent


class NewerDatabase(StorageError):
    """The index was written by a newer version of this program; it was left untouched."""


class Unreadable(SessionsError):
    """A file that is not what it should be; it was left exactly as it is.

    `path` is where it lies, `reason` why it could not be read.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.name} cannot be read: {reason}")
        self.path = path
        self.reason = reason


class Locked(StorageError):
    """Somebody else held a lock for too long."""


class Damaged(StorageError):
    """A database of ours is none any more."""


class Unconfirmed(OSError):
    """A change was made, and then the system refused a step that would have made it last or told of it."""


@contextmanager
def storing(action: str) -> Iterator[None]:
    """Turn an `OSError` of the block into a `StorageError` that says what was being done.

    `action` is the sentence's start, such as ``"cannot save session ab12"``.
    """
    try:
        yield
    except Unconfirmed as error:
        raise StorageError(
            f"the change was made, but the disk did not confirm it: {error.strerror}"
        ) from error
    except OSError as error:
        raise StorageError(f"{action}: {error.strerror or type(error).__name__}") from error
