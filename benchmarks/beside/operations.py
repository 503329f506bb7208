"""What is compared: the names by which the processes know the operations, and what the tables call them."""

from typing import NamedTuple


class Operation(NamedTuple):
    """An operation of this library, its counterpart in the web UI, and the floor of the library's.

    `rounds` is how often each side does it, unless that takes longer than a few seconds. `is_hot` is what
    happens at every poll or click.
    """

    name: str
    title: str
    ours: str
    theirs: str
    floor: str
    rounds: int
    is_hot: bool = True


FLOOR = "floor of "  # before the name of an operation: its floor
ALL, PAGE, POLL = "list, all as values", "list, first page", "list, nothing changed"
WRITE = "copy, fsync, rename, fsync folder, one row"
OPERATIONS = (
    Operation("poll", POLL, "`version()`", "`all_sessions()`", "one stat, one row", 15),
    Operation("page", PAGE, "`list(limit=50)`", "`all_sessions()`", "SQL, 50 rows", 15),
    Operation("list", ALL, "`list()`", "`all_sessions()`", "SQL, all rows", 15, is_hot=False),
    Operation("rename", "rename, 12 messages", "`update(title=…)`", "`save()`", WRITE, 15),
    Operation("add", "add a message to 12", "`append()`", "`save()`", WRITE, 15),
    Operation("add_long", "add a message to 2,000", "`append()`", "`save()`", WRITE, 10),
    Operation("save_long", "save 2,000 and one more", "`save()`", "`save()`", WRITE, 10),
    Operation(
        "open",
        "open, last 30 of 2,000",
        "`summary()`, `messages(limit=30)`",
        "`/api/session`, not in memory",
        "seek, read those bytes, parse",
        10,
    ),
    Operation(
        "reopen",
        "open again",
        "`summary()`, `messages(limit=30)`",
        "`/api/session`, in memory",
        "seek, read those bytes, parse",
        10,
    ),
    Operation("search", "search all texts", "`search()`", "`/api/sessions/search`", "FTS5, 20 by rank", 5),
    Operation(
        "rebuild",
        "rebuild the index",
        "`rebuild()`",
        "`_write_session_index()`",
        "read, find the top-level keys",
        2,
        is_hot=False,
    ),
)
