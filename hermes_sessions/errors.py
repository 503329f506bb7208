"""The errors that callers of the library see, and where the errors of the system become them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SessionsError(Exception):
    """Base of every error that leaves the library; its text is for people and contains no paths."""


class NotFound(SessionsError, KeyError):
    """No session, project or backup has this id or name."""

    def __str__(self) -> str:  # KeyError would show the repr of its argument
        return str(self.args[0])


class InvalidId(SessionsError, ValueError):
    """An id is not 1 to 128 of the characters A-Z a-z 0-9 _ and -."""


class InvalidValue(SessionsError, ValueError):
    """A value is of the wrong type or size, or unknown; the text names it and says what is allowed."""


class Conflict(SessionsError):
    """The session or file changed since it was read, so nothing was written. Read it again."""


class ReadOnly(SessionsError):
    """The home or the session is read-only, or the session is the agent's until it is imported."""


class StorageError(SessionsError):
    """The disk or a database reported an error, which is the `__cause__`."""


class AgentUnavailable(SessionsError):
    """The agent's state.db cannot be read; `absent` is true if it does not exist."""

    def __init__(self, text: str, *, absent: bool = False) -> None:
        super().__init__(text)
        self.absent = absent


class NewerDatabase(StorageError):
    """The index was written by a newer version of this program, and was not touched."""


class Unreadable(SessionsError):
    """A file does not hold what it should, and was not touched.

    `path` is its path, `reason` says why it cannot be read.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.name} cannot be read: {reason}")
        self.path = path
        self.reason = reason


class Locked(StorageError):
    """Another program or thread held a lock for too long."""


class Damaged(StorageError):
    """A database file is corrupt; `file` is its name, without folders."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file} is corrupt ({reason}). Its next use rebuilds it from the session files")
        self.file = file


class Closed(SessionsError):
    """The repository was closed before this call."""


class Unconfirmed(OSError):
    """A change was made, but the system failed to confirm that it is on the disk."""


@contextmanager
def storing(action: str) -> Iterator[None]:
    """Raise a `StorageError` for an `OSError` of the block.

    `action` begins its text, such as ``"cannot save session ab12"``.
    """
    try:
        yield
    except Unconfirmed as error:
        raise StorageError(
            f"the change was made, but may not survive a power failure: {error.strerror}"
        ) from error
    except OSError as error:
        raise StorageError(f"{action}: {error.strerror or type(error).__name__}") from error
