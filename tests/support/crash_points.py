"""The points at which one call can be killed or refused: found by strace, then tried one by one.

A worker process forks a child that has a home open and waits; strace is attached, and the child makes its one
call. So the system calls that strace counts are those of that call alone, not of Python's start.
"""

import copy
import fcntl
import gc
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from hermes_sessions import BulkReport, Conflict, InvalidValue, NotFound, SessionRepository, SessionsError
from hermes_sessions.search.worker import BackgroundIndexer

from . import compiled
from .agent_db import filled_state, writing
from .feed import Follower
from .make import message, turns

# A kill comes before the system call that it is put at, so these are the places between which a disk differs.
WRITING = ("write", "writev", "pwrite64", "pwritev", "ftruncate", "fallocate", "copy_file_range", "sendfile")
NAMING = ("rename", "renameat", "renameat2", "link", "linkat", "symlink", "mkdir", "mkdirat")
REMOVING = ("unlink", "unlinkat", "rmdir", "truncate")
CHANGING = (*WRITING, *NAMING, *REMOVING, "fsync", "fdatasync", "fchmod", "chmod", "utimensat")
SYNCING = ("fsync", "fdatasync")  # what is on the disk stays what it is, unless the power fails
OPENING = ("open", "openat", "openat2", "creat")
# What a full disk refuses.
GROWING = (*WRITING, *NAMING, *OPENING)
LOCKING = ("flock",)
READING = (
    *("read", "pread64", "lseek", "getdents64", "readlink", "stat", "lstat", "fstat", "newfstatat", "statx"),
    *("access", "faccessat", "faccessat2"),
)

LONG_AGO = 1_700_000_000.0
HOURS_AGO = 2 * 3600
WAIT_SECONDS = 60.0


# ---- the home -------------------------------------------------------------------------------------------


def make_home(home: Path) -> Follower:
    """Make a home with sessions of both programs, drafts, projects, tags, a trash, a backup, and an agent.

    Returns a client of its change feed.
    """
    sessions_dir = home / "webui" / "sessions"
    sessions_dir.mkdir(parents=True)
    _write_projects(home / "webui" / "projects.json")
    (home / "webui" / "last_workspace.txt").write_text(str(home))
    for name, values in _documents().items():
        text = json.dumps({"session_id": name, **_times(), **values}, ensure_ascii=False, indent=2)
        (sessions_dir / f"{name}.json").write_text(text)
    (sessions_dir / "compact.json").write_text(json.dumps({"messages": turns(3), "title": "Compact"}))
    (sessions_dir / "broken.json").write_text('{"title": "Broken", ')
    (sessions_dir / "subject.json.bak").write_bytes(OLDER)
    (sessions_dir / "_index.json").write_text("[]")
    _make_agent(home)
    with SessionRepository.open(hermes_home=home) as sessions:
        sessions.save(replace(sessions.new(model="Draft"), session_id="draft", signature=None))
        sessions.tag_many(["subject", "thrown-away", "c"], "old", "kept")
        sessions.delete("thrown-away")
        sessions.truncate("shortened", 1)
        sessions.projects.delete(DELETED)
        sessions.import_agent_session("sub")
        sessions.tag_many(["was-filed", "c"], "removed", "kept")
        sessions.remove_tag("removed")
        sessions.sync()
        follower = Follower()
        follower.follow(sessions)
    with closing(sqlite3.connect(home / "webui" / "sessions.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for folder in (sessions_dir, home / "webui" / "trash", home):
        os.utime(folder, (time.time() - HOURS_AGO,) * 2)
    return follower


def _times() -> dict[str, float]:
    return {"created_at": LONG_AGO, "updated_at": LONG_AGO}


def _documents() -> dict[str, dict[str, Any]]:
    calls = [{"name": "ls", "assistant_msg_idx": 1}, {"name": "cat", "assistant_msg_idx": 5}]
    return {
        "subject": {
            "title": "Subject",
            "project_id": "project",
            "pinned": False,
            "unknown": {"kept": [1, 2.50]},
            "message_count": 6,
            "messages": turns(6),
            "tool_calls": calls,
            "context_messages": turns(2),
        },
        "filed": {"title": "In the project too", "project_id": "project", "messages": turns(2)},
        "elsewhere": {"title": "In another project", "project_id": "kept", "messages": turns(2)},
        "lone": {"title": "Imported", "messages": [message("hello", at=LONG_AGO)]},
        "thrown-away": {"title": "Deleted", "messages": turns(1)},
        "shortened": {"title": "Shortened", "messages": turns(4)},
        "was-filed": {"title": "In a deleted project", "project_id": DELETED, "messages": turns(1)},
        "interrupted": {
            "title": "Interrupted",
            "messages": turns(2),
            "active_stream_id": "stream",
            "pending_user_message": "what was asked",
            "pending_started_at": LONG_AGO,
        },
    }


def _write_projects(path: Path) -> None:
    names = (*PROJECTS, DELETED)
    projects = [{"project_id": name, "name": name, "color": None, "created_at": 1.0} for name in names]
    path.write_text(json.dumps(projects, indent=2))


PROJECTS = ("kept", "project")
DELETED = "deleted"  # a project that can be restored


def _make_agent(home: Path) -> None:
    path = filled_state(home / "state.db")
    with writing(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    os.utime(path, (time.time() - HOURS_AGO,) * 2)


def opened(home: Path) -> SessionRepository:
    """Open the repository of a home."""
    return SessionRepository.open(hermes_home=home)


# ---- the calls ------------------------------------------------------------------------------------------

Call = Callable[[], object]


class Mutator(NamedTuple):
    """A call of the repository, made ready by `prepare`, and what may be half way when it is broken off.

    `steps` are the files that change before what the call is about does, and stay so if that fails. `done`
    is what a second call says after the first has come through.
    """

    prepare: Callable[[SessionRepository], Call]
    steps: frozenset[str] = frozenset()
    done: tuple[type[SessionsError], ...] = ()


OLDER = b'{"title": "An older backup"}'  # the web UI's own, which moves to the backups
ASIDE = frozenset({"sessions/subject.json.bak", "backups/subject.<older>"})
BACKUP = frozenset({"backups/subject.<time>"}) | ASIDE
CHANGES = ".changes.jsonl"
TAGS = frozenset({"tags.json"})  # which a copy gets before it is written
NOTED = frozenset({f"backups/subject{CHANGES}"})  # a change is noted before it is made


def _undo_note(subject: str, key: str) -> str:
    """Return the file that says how to undo a change of a project or a tag, noted before it is made."""
    return f"undo/{subject}-{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"


SEVERAL = frozenset(f"sessions/{name}.json" for name in ("subject", "filed", "lone"))


def told(report: BulkReport) -> None:
    """Raise the first failure of a report, as the call for one session does."""
    for error in report.errors.values():
        raise error


def _first_message(sessions: SessionRepository) -> Call:
    def call() -> object:
        return sessions.append(sessions.new(model="Fresh", workspace="/usr").session_id, turns(2))

    return call


def _save(**values: Any) -> Callable[[SessionRepository], Call]:
    def prepare(sessions: SessionRepository) -> Call:
        changed = replace(sessions.get("subject"), **values)
        return lambda: sessions.save(changed)

    return prepare


EXPORT = {"session_id": "x", "title": "Imported", "messages": turns(4), "tool_calls": [{"n": 1}], "more": [1]}


MUTATORS: dict[str, Mutator] = {
    "new + append": Mutator(_first_message),
    "append to a draft": Mutator(lambda sessions: lambda: sessions.append("draft", turns(2))),
    "save": Mutator(_save(title="Saved", messages=turns(7)), NOTED),
    "save, shorter": Mutator(_save(messages=turns(2)), BACKUP | NOTED),
    "update": Mutator(
        lambda sessions: (
            lambda: sessions.update("subject", title="Updated", extra={"new": 1, "large": "x" * 5000})
        )
    ),
    "update, remove": Mutator(lambda sessions: lambda: sessions.update("subject", remove=["unknown"])),
    "update_many": Mutator(
        lambda sessions: (
            lambda: told(
                sessions.update_many(["subject", "filed", "lone"], title="Updated", extra={"new": 1})
            )
        ),
        SEVERAL,
    ),
    "delete_many": Mutator(
        lambda sessions: lambda: told(sessions.delete_many(["filed", "lone"])),
        frozenset({"sessions/filed.json", "trash/filed.<time>", "sessions/lone.json", "trash/lone.<time>"}),
        (NotFound,),
    ),
    "update workspace": Mutator(
        lambda sessions: lambda: sessions.update("subject", workspace="/usr"),
        frozenset({"sessions/subject.json"}),
    ),
    "append": Mutator(
        lambda sessions: lambda: sessions.append("subject", turns(2), tool_calls=[{"n": 1}]), NOTED
    ),
    "append, compact": Mutator(
        lambda sessions: lambda: sessions.append("compact", turns(2), pinned=True),
        frozenset({f"backups/compact{CHANGES}"}),
    ),
    "truncate": Mutator(lambda sessions: lambda: sessions.truncate("subject", 3), BACKUP | NOTED),
    "clear": Mutator(lambda sessions: lambda: sessions.clear("subject"), BACKUP | NOTED),
    "undo": Mutator(lambda sessions: lambda: sessions.undo("subject"), BACKUP | NOTED),
    "fork": Mutator(lambda sessions: lambda: sessions.fork("subject", keep=3), TAGS),
    "duplicate": Mutator(lambda sessions: lambda: sessions.duplicate("subject"), TAGS),
    "tag": Mutator(lambda sessions: lambda: sessions.tag("subject", "new")),
    "tag an agent's": Mutator(lambda sessions: lambda: sessions.tag("a", "new")),
    "untag": Mutator(lambda sessions: lambda: sessions.untag("subject", "old")),
    "tag_many": Mutator(lambda sessions: lambda: sessions.tag_many(["subject", "lone", "c"], "new", "more")),
    "rename_tag": Mutator(
        lambda sessions: lambda: sessions.rename_tag("old", "new"), frozenset({_undo_note("tag", "old")})
    ),
    "import_document": Mutator(lambda sessions: lambda: sessions.import_document(EXPORT)),
    "delete": Mutator(
        lambda sessions: lambda: sessions.delete("subject"),
        ASIDE,
        (NotFound,),
    ),
    "delete a draft": Mutator(lambda sessions: lambda: sessions.delete("draft"), done=(NotFound,)),
    "delete an agent's": Mutator(
        lambda sessions: lambda: sessions.delete("c"),
        frozenset({"trash/c.<time>"}),
        (NotFound,),
    ),
    "delete_everywhere": Mutator(
        lambda sessions: lambda: sessions.delete_everywhere("c"),
        frozenset({"trash/c.<time>"}),
        (NotFound,),
    ),
    "restore": Mutator(
        lambda sessions: lambda: sessions.restore("thrown-away"),
        done=(NotFound, Conflict),
    ),
    "restore a backup": Mutator(
        lambda sessions: lambda: sessions.restore("shortened"),
        frozenset({"trash/shortened.<time>", "sessions/shortened.json"}),
        (NotFound, Conflict),
    ),
    "recover": Mutator(
        lambda sessions: lambda: sessions.recover("interrupted"),
        frozenset({f"backups/interrupted{CHANGES}"}),
    ),
    "purge": Mutator(
        lambda sessions: lambda: sessions.purge(older_than=0),
        frozenset({f"backups/shortened{CHANGES}", "trash/thrown-away.<time>"}),
    ),
    "projects.create": Mutator(
        lambda sessions: lambda: sessions.projects.create("New"),
        done=(InvalidValue,),  # there is one of this name
    ),
    "projects.rename": Mutator(lambda sessions: lambda: sessions.projects.rename("project", "New", "#abc")),
    "projects.delete": Mutator(
        lambda sessions: lambda: sessions.projects.delete("project"),
        frozenset({"sessions/subject.json", "sessions/filed.json", _undo_note("project", "project")}),
        (NotFound,),
    ),
    "projects.restore": Mutator(
        lambda sessions: lambda: told(sessions.projects.restore(DELETED)),
        frozenset({"projects.json", "sessions/was-filed.json"}),
        (NotFound,),
    ),
    "restore_tag": Mutator(
        lambda sessions: lambda: sessions.restore_tag("removed"), frozenset({"tags.json"}), (NotFound,)
    ),
    "projects.ensure_cron": Mutator(lambda sessions: sessions.projects.ensure_cron),
    "write_web_ui_index": Mutator(lambda sessions: sessions.write_web_ui_index),
    "import an agent's": Mutator(lambda sessions: lambda: sessions.import_agent_session("c")),
    "import an agent's job": Mutator(
        lambda sessions: lambda: sessions.import_agent_session("cron_daily_1"), frozenset({"projects.json"})
    ),
    "unimport an agent's": Mutator(lambda sessions: lambda: told(sessions.webui.unimport_many(["sub"]))),
    "import once more": Mutator(
        lambda sessions: lambda: sessions.import_agent_session("lone"), frozenset({f"backups/lone{CHANGES}"})
    ),
}


# ---- what a disk holds ----------------------------------------------------------------------------------

DEBRIS = re.compile(r"\.(tmp|swap)\.")
# What is kept for an undo names times and inodes: `tests/changes/test_undoing_faults.py` judges it.
KEPT = re.compile(r"^undo/(session-.*\.json|.*\.kept)$")
INDEXES = ("sessions.db", "search.db")
OTHERS = "search"  # locks of the thread that keeps the index of words, which no call waits for
Files = Mapping[str, bytes]
Plain = Mapping[str, Any]


def files_of(home: Path) -> dict[str, bytes]:
    """Return what every file of a home holds, the agent's database as SQL; less locks and the index."""
    state = home / "webui"
    found = [path for path in state.rglob("*") if path.is_file() and path.parent.name != "locks"]
    kept = {str(path.relative_to(state)): path for path in found if not path.name.startswith(INDEXES)}
    with closing(sqlite3.connect(home / "state.db")) as db:
        agent = "\n".join(db.iterdump()).encode()
    return {"state.db": agent, **{name: path.read_bytes() for name, path in sorted(kept.items())}}


def documents_of(home: Path) -> dict[str, bytes]:
    """Return what the files of the conversations hold, a part of `files_of`."""
    return {f"sessions/{path.name}": path.read_bytes() for path in (home / "webui/sessions").glob("*.json")}


def plain(files: Files) -> dict[str, Any]:
    """Return what files say, less what is another at every call: new ids, times of now, names of trash."""
    return {name: _plain(data, name) for name, data in by_plain_name(files).items()}


def by_plain_name(files: Files) -> dict[str, bytes]:
    """Return files by what their names are at every call, less what no call has to leave the same."""
    kept = {name: data for name, data in files.items() if data or not name.endswith(CHANGES)}
    told = {name: data for name, data in kept.items() if not (DEBRIS.search(name) or KEPT.search(name))}
    return {_plain_name(name, data): data for name, data in told.items()}


def _plain_name(name: str, data: bytes) -> str:
    if name.startswith("backups/") and data == OLDER:
        return f"{name.partition('.')[0]}.<older>"
    return re.sub(
        r"^((trash|backups)/[^.]+)\.\d.*", r"\1.<time>", re.sub(r"/[0-9a-f]{12}\.", "/<new>.", name)
    )


def _plain(data: bytes, name: str = "") -> Any:
    if name.endswith(CHANGES):
        return [_plain(line) for line in data.split(b"\n") if line]
    try:
        return _masked(json.loads(data))
    except ValueError:
        return data


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {_masked(key): _masked(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    if isinstance(value, int | float) and _is_of_now(value):
        return "<now>"
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{12}([0-9a-f]{20})?", value):
        return "<new>"
    return value


def _is_of_now(value: float) -> bool:
    return any(abs(value / unit - time.time()) < 24 * 3600 for unit in (1, 1e9))  # seconds, nanoseconds


def sessions_of(files: Files) -> dict[str, tuple[str, int]]:
    """Return title and number of messages of each session that has a readable file, by id."""
    found = {}
    for name, data in files.items():
        folder, _, last = name.rpartition("/")
        if folder == "sessions" and last.endswith(".json") and last not in ("_index.json", "broken.json"):
            document = json.loads(data)
            found[last.removesuffix(".json")] = (document["title"], len(document["messages"]))
    return found


def trash_of(files: Files) -> set[str]:
    """Return the ids of what lies in the trash, with the agent's segments that it holds."""
    trashed = {
        name.removeprefix("trash/"): data
        for name, data in files.items()
        if name.startswith("trash/") and not DEBRIS.search(name)
    }
    copies = (json.loads(data) for name, data in trashed.items() if ".agent." in name)
    held = {segment for copy in copies for segment in copy["agent_segments"]}
    return held | {name.partition(".")[0] for name in trashed}


def rows_of(home: Path) -> dict[str, list[Any]]:
    """Return every row of the index that says something of a session."""
    tables = "sessions unreadable_files trashed_sessions agent_conversations file_tags conversation_tags"
    with closing(sqlite3.connect(home / "webui" / "sessions.db")) as db:
        return {
            name: sorted((_parsed(row) for row in db.execute(f"SELECT * FROM {name}")), key=repr)
            for name in tables.split()
        }


def _parsed(row: Sequence[Any]) -> list[Any]:
    return [json.loads(value) if isinstance(value, str) and value[:1] == "{" else value for value in row]


def disk_of(home: Path) -> str:
    """Return all that a new process can know of a home: files, times of changes, every row of the index.

    Masked are the numbers of files, times of now and new ids: each copy of the template has others.
    """
    found = {str(path.relative_to(home)): path.stat() for path in home.rglob("*")}
    kept = {name: each for name, each in found.items() if not name.startswith(INDEX_FILES)}
    times = [(_plain_name(name.removeprefix("webui/"), b""), each.st_mode, _masked(each.st_mtime_ns))
             for name, each in sorted(kept.items())]  # fmt: skip
    return repr((plain(files_of(home)), times, _every_row(home, {each.st_ino for each in found.values()})))


INDEX_FILES = ("webui/sessions.db", "webui/search.db", "webui/locks/search", "state.db-")


def _every_row(home: Path, numbers: Collection[int]) -> str:
    with closing(sqlite3.connect(home / "webui" / "sessions.db")) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        stamps = {stamp for (stamp,) in db.execute("SELECT stamp FROM change_log")}  # random
        rows = {
            name: [_masked(_parsed(row)) for row in db.execute(f"SELECT * FROM {name}")] for name in tables
        }

    def masked(found: re.Match[str]) -> str:
        number = int(found[0])
        return "<number>" if number in numbers or number in stamps or _is_of_now(number) else found[0]

    return re.sub(r"\d{6,}", masked, repr(rows))


# ---- points ---------------------------------------------------------------------------------------------


class Point(NamedTuple):
    """The `number`th system call `name` of a mutator, `what` it is about, and whether SQLite makes it.

    `creates` is whether it may make or change something, `differs` whether the disk may be another before it
    than it was before the last point of which that is said: a kill at any other finds the same disk.
    """

    name: str
    number: int
    what: str
    of_sqlite: bool
    creates: bool
    differs: bool

    def __str__(self) -> str:
        return f"{self.name} {self.number} ({self.what})"


class Reference(NamedTuple):
    """A mutator left alone: its system calls, and the files after it."""

    points: list[Point]
    after: dict[str, Any]


class Tried(NamedTuple):
    """What came of one point: whether it was reached, how the call ended, what is wrong."""

    reached: bool
    outcome: str
    problems: list[str]
    debris: int = 0


_LINE = re.compile(r"^(?:\d+\s+)?(\w+)\((.*)$")


def points_of(log: str, home: Path) -> list[Point]:
    """Return the system calls of a log of strace."""
    seen: Counter[str] = Counter()
    points, changed = [], True
    for line in log.splitlines():
        if match := _LINE.match(line):
            name, rest = match.groups()
            seen[name] += 1
            what = _subject_of(name, rest).replace(str(home), "")
            creates = name not in OPENING or "O_CREAT" in rest
            is_place = creates and name in (*CHANGING, *OPENING)
            points.append(Point(name, seen[name], what, ".db" in what, creates, is_place and changed))
            if is_place:
                changed = name not in SYNCING and " = -1 E" not in rest
    return points


def _subject_of(name: str, rest: str) -> str:
    quoted, descriptor = re.search(r'"(/[^"]*)"', rest), re.match(r"\d+<([^>]*)>", rest)
    found = descriptor or quoted
    path = found[1] if found else rest.partition(",")[0]
    return re.sub(r"\d{9,}", "0", re.sub(r"\.(tmp|swap)\.(bak\.)?[\d.]+", r".\1.\2", path))


class Fault(NamedTuple):
    """What is put in at a point: strace's words for it, such as `error=EIO`; and whether it then goes on."""

    words: str
    lasting: bool = False

    @property
    def kills(self) -> bool:
        """Whether it ends the process."""
        return self.words == KILL.words


KILL = Fault("signal=KILL")


# ---- the child ------------------------------------------------------------------------------------------


class Child:
    """A forked process that has a home open, and makes its call when told."""

    def __init__(self, home: Path, mutator: Mutator) -> None:
        self._socket, other = socket.socketpair()
        self._socket.settimeout(WAIT_SECONDS)
        self.pid = os.fork()
        if not self.pid:
            self._socket.close()
            _serve(other, home, mutator)
        other.close()
        self.ended = False
        self._lines = self._socket.makefile("r")

    def tell(self, word: str) -> None:
        """Tell it what to do next."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.send(word.encode())

    def answer(self) -> Any:
        """Return what it answers, None if it is dead."""
        try:
            line = self._lines.readline()
        except ConnectionResetError:
            line = ""
        return json.loads(line) if line else None

    def ask(self, word: str) -> Any:
        """Tell it what to do, and return its answer."""
        self.tell(word)
        return self.answer()

    def held(self) -> list[str]:
        """Return the locks and temporary files that it has open."""
        paths = []
        for each in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(OSError):
                paths.append(str(each.readlink()))
        return [path for path in paths if "/locks/" in path or DEBRIS.search(path)]

    def end(self) -> int:
        """Kill it if it lives, and return the signal that ended it."""
        if not self.ended:
            os.kill(self.pid, signal.SIGKILL)
            _, status = os.waitpid(self.pid, 0)
            self.ended = True
            self._lines.close()
            self._socket.close()
            return os.waitstatus_to_exitcode(status)
        return 0


def _serve(channel: socket.socket, home: Path, mutator: Mutator) -> None:
    """Do what the worker says, in the child, until it says no more."""
    # It would take connections at moments that nobody foresees: `test_search` kills it among writes.
    setattr(BackgroundIndexer, "start", lambda _: None)  # noqa: B010  # mypy knows no method that is assigned to
    try:
        sessions = opened(home)
        call = mutator.prepare(sessions)
        sessions.list(hidden=True, agent=True)
        _say(channel, "ready")
        while word := channel.recv(100):
            if word == b"call":
                _say(channel, _ending(call))
            elif word == b"again":
                _say(channel, _ending(anew(mutator, sessions)))
            else:
                _say(channel, listed(sessions))
    except BaseException:  # noqa: BLE001  # nothing may come back out of the fork
        _say(channel, traceback.format_exc())
    finally:
        os._exit(0)


def _say(channel: socket.socket, value: Any) -> None:
    channel.sendall(json.dumps(value).encode() + b"\n")


def anew(mutator: Mutator, sessions: SessionRepository) -> Call:
    """Return a call that is made ready when it is made."""

    def call() -> object:
        return mutator.prepare(sessions)()

    return call


def _ending(call: Call) -> list[str]:
    try:
        call()
    except SessionsError as error:
        return [type(error).__name__, str(error)]
    except BaseException:  # noqa: BLE001  # which is a finding, told to the test
        return ["not ours", traceback.format_exc()]
    return ["ok", ""]


def listed(sessions: SessionRepository) -> dict[str, list[Any]]:
    """Return title and number of messages of each session in the list, by id."""
    return {each.session_id: [each.title, each.message_count] for each in sessions.list(hidden=True).items}


@contextmanager
def stracing(child: Child, log: Path, trace: str, inject: str | None) -> Iterator[None]:
    """Attach strace to a child for the block; raise `OSError` with its words where that is not allowed."""
    words = ["strace", "-y", "-s", "200", "-o", str(log), "-e", f"trace={trace}"]
    if inject:
        words += ["-e", f"inject={inject}"]
    with subprocess.Popen([*words, "-p", str(child.pid)], stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        said = strace.stderr.readline()
        if "attached" not in said:
            strace.wait()
            raise OSError(said + strace.stderr.read())
        try:
            yield
        finally:
            strace.terminate()  # it lets go of the child
            strace.stderr.read()


# ---- the worker -----------------------------------------------------------------------------------------


class Work(NamedTuple):
    """What a worker keeps: where homes are made, and what the one that they are copied from holds.

    `follower` is a client of that one's change feed. `checked` are the disks, with the mutator's name, that a
    new process was found to work with.
    """

    folder: Path
    template: Path
    before: dict[str, bytes]
    follower: Follower
    checked: set[tuple[str, str]]


_work: Work | None = None


def begin(template: Path, follower: Follower) -> None:
    """Prepare a worker: make every call once, and leave nothing to be imported or compiled in a child."""
    global _work  # noqa: PLW0603  # how a pool hands something to its processes
    compiled.share_statements()
    compiled.share_migrations()
    folder, before = Path(tempfile.mkdtemp(dir=template.parent)), by_plain_name(files_of(template))
    _work = Work(folder, template, before, follower, set())
    for mutator in MUTATORS.values():
        with new_home(_work) as home, opened(home) as sessions:
            mutator.prepare(sessions)()
    gc.collect()
    gc.freeze()  # a collection in a child would touch, and so copy, every page of the worker


@contextmanager
def new_home(work: Work) -> Iterator[Path]:
    """Give out a copy of the template for the block."""
    home = work.folder / "home"
    shutil.copytree(work.template, home)
    try:
        yield home
    finally:
        shutil.rmtree(home)


def refer(name: str) -> Reference:
    """Make a call without any fault, and return its system calls and what it did."""
    assert _work
    mutator, log = MUTATORS[name], _work.folder / "log"
    with new_home(_work) as home:
        child = Child(home, mutator)
        try:
            assert child.answer() == "ready"
            with stracing(child, log, ",".join((*CHANGING, *OPENING, *LOCKING, *READING)), None):
                assert child.ask("call") == ["ok", ""]
        finally:
            child.end()
        return Reference(points_of(log.read_text(), home), plain(files_of(home)))


def attempt(name: str, point: Point, fault: Fault, after: Plain) -> Tried:
    """Make a call with a fault at a point, and look at everything that must hold afterwards."""
    assert _work
    mutator, log = MUTATORS[name], _work.folder / "log"
    with new_home(_work) as home:
        child = Child(home, mutator)
        try:
            ready = child.answer()
            assert ready == "ready", ready
            inject = f"{point.name}:{fault.words}:when={point.number}{'+' * fault.lasting}"
            with stracing(child, log, point.name, inject):
                ending = child.ask("call")
            reached = ending is None if fault.kills else "(INJECTED)" in log.read_text()
            check = Check(name, home, _work.before, after, ending)
            try:
                check.everything(point, child)
            except Exception:  # noqa: BLE001  # a finding too, told with the others
                check.problems.append(traceback.format_exc())
        finally:
            child.end()
        return Tried(reached, ending[0] if ending else check.found, check.problems, check.debris)


# How an error says that what was asked for happened all the same.
MADE = (" was saved", " was deleted", " was restored", "the change was made")


class Check:
    """What must hold of a home after a call that was broken off, or came through."""

    def __init__(
        self,
        name: str,
        home: Path,
        before: Files,
        after: Plain,
        ending: Sequence[str] | None,
    ) -> None:
        self._name, self._mutator, self._home = name, MUTATORS[name], home
        self._before, self._after, self._ending = before, after, ending
        self.problems: list[str] = []
        self.found, self.debris = "", 0

    def _expect(self, holds: bool, problem: str) -> None:
        if not holds:
            self.problems.append(problem)

    def everything(self, point: Point, child: Child) -> None:
        """Look at the disk, at the process that made the call, at a new one, and make the call once more."""
        self.disk(point)
        if self._ending is None:
            self.another_process(child)
        else:
            self.another_process_beside(child)

    def another_process(self, child: Child) -> None:
        """After a kill: nothing stays locked, and a new process works with what is there."""
        child.end()
        self.age_debris()
        self.locks()
        with opened(self._home) as sessions:
            self.index(sessions)
            self.once_more(sessions)

    def another_process_beside(self, child: Child) -> None:
        """After an error: the process goes on, and so does a new one.

        What a new process finds depends on the disk alone: a disk as it was after another error is not looked
        at again, which is most of them.
        """
        assert _work
        self.child(child)
        self.locks()
        disk = (self._name, disk_of(self._home))
        if disk not in _work.checked:
            problems = len(self.problems)
            with opened(self._home) as sessions:
                self.index(sessions)
            if len(self.problems) == problems:
                _work.checked.add(disk)
        self.once_more_there(child)

    def disk(self, point: Point) -> None:
        """Every file is as it was or as the call leaves it, whole; and as the call's ending says."""
        now = files_of(self._home)
        left = [name for name in now if DEBRIS.search(name)]
        self.debris = len(left)
        present = by_plain_name(now)
        states = {name: self._state(name, present) for name in {*present, *self._before, *self._after}}
        torn = [name for name, state in states.items() if state == "torn"]
        self._expect(not torn, f"neither the old nor the new one: {torn}")
        new = {name for name, state in states.items() if state == "new"}
        old = {name for name, state in states.items() if state == "old"}
        self.found = "new" if not old else "old" if not new else "between"
        self._expect(not (old and new - self._mutator.steps), f"half done: new {new}, old {old}")
        self._invariants(now, states)
        if self._ending is None:
            return
        kind, text = self._ending
        harmless = point.name.startswith("unlink")
        self._expect(harmless or not left, f"a temporary file stayed: {left}")
        if kind == "ok":
            self._expect(not old, f"it said ok, but {old} is as it was")
        else:
            self._expect(kind != "not ours", f"raised what is no SessionsError: {text}")
            self._expect(str(self._home) not in text, f"names a path: {text}")
            made = any(words in text for words in MADE)
            one_step = all(step in BACKUP or step.endswith(CHANGES) for step in self._mutator.steps)
            self._expect(
                not made or (not old if one_step else bool(new)), f"{text!r}, but {old} is as it was"
            )
            changed = new - self._mutator.steps
            self._expect(made or not changed, f"it said {text!r}, but {changed} is new")
            noted = any(name.endswith(CHANGES) and name in self._after for name in new)
            self._expect(made or not noted, f"it said {text!r}, but the change is still noted")

    def _state(self, name: str, present: Files) -> str:
        """Return "same" for a file that the call does not change, else "old", "new" or "torn"."""
        data, was, becomes = present.get(name), self._before.get(name), self._after.get(name)
        if name in self._before and name not in self._after:
            return "new" if data is None else "old" if data == was else "torn"
        if was is not None and becomes == _plain(was, name):
            return "same" if data == was else "torn"
        if data == was:
            return "old"
        return "new" if data is not None and _plain(data, name) == becomes else "torn"

    def _invariants(self, now: Files, states: Mapping[str, str]) -> None:
        trash = trash_of(now)
        for name in ("subject", "lone", "filed"):
            kept = (f"sessions/{name}.json" in now) + (name in trash)
            self._expect(kept == 1, f"{name} is {kept} times there")
        if self._name == "delete_everywhere" and states["state.db"] == "new":
            self._expect(trash >= {"a", "b", "c"}, f"the agent's are deleted, in the trash is {trash}")
        if self._name == "projects.delete" and states["projects.json"] == "new":
            unassigned = {states["sessions/subject.json"], states["sessions/filed.json"]} == {"new"}
            self._expect(unassigned, "the project is gone, but a session is still in it")

    def child(self, child: Child) -> None:
        """Nothing stays open, and the same repository lists what the files say."""
        held = child.held()
        self._expect(not held, f"still open: {held}")
        self._listed(child.ask("list"), "the same process")

    def locks(self) -> None:
        """Nothing stays locked."""
        for path in (self._home / "webui" / "locks").iterdir():
            if path.name.startswith(OTHERS):
                continue
            with path.open("wb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    self.problems.append(f"{path.name} is locked")
        with closing(self._database()) as db:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                self.problems.append(f"the index: {error}")

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(self._home / "webui" / "sessions.db", timeout=0, isolation_level=None)

    def _listed(self, shown: Any, who: str) -> None:
        expected = {name: list(said) for name, said in sessions_of(documents_of(self._home)).items()}
        drafts = self._drafts()
        if not isinstance(shown, dict):
            self.problems.append(f"{who} cannot list: {shown}")
            return
        with_file = {name: said for name, said in shown.items() if name in expected or name not in drafts}
        self._expect(with_file == expected, f"{who} lists {with_file}, the files say {expected}")
        deleting = "draft" in self._name and "delete" in self._name
        kept = "draft" in shown or deleting
        self._expect(kept, f"{who} has lost the draft")

    def _drafts(self) -> set[str]:
        with closing(self._database()) as db:
            return {name for (name,) in db.execute("SELECT session_id FROM sessions WHERE draft")}

    def age_debris(self) -> None:
        """Make temporary files old enough to be removed by the next opening."""
        for path in (self._home / "webui").rglob("*.tmp.*"):
            os.utime(path, (time.time() - HOURS_AGO,) * 2)

    def index(self, sessions: SessionRepository) -> None:
        """A new process lists what the files say; its rows, after a sync, are those of a rebuild."""
        self._followed(sessions)
        self._listed(listed(sessions), "an opening")
        sessions.sync()
        files = files_of(self._home)
        page = sessions.list(hidden=True, agent=True)
        own = {each.session_id: [each.title, each.message_count] for each in page.items if not each.of_agent}
        self._listed(own, "a sync")
        self._expect(sessions.count(hidden=True) == len(own), "a wrong count")
        self._expect(page.total == len(page.items), "a wrong total")
        self._expect([each[:11] for each in page.warnings] == ["broken.json"], f"{page.warnings}")
        shown = {each.session_id for each in page.items if each.of_agent}
        self._expect(shown == self._of_agent(files), f"of the agent's there are {shown}")
        for name, (title, count) in sessions_of(files).items():
            whole = sessions.get(name)
            self._expect((whole.title, len(whole.messages)) == (title, count), f"{name} reads as another")
        rows = rows_of(self._home)
        sessions.rebuild()
        again = rows_of(self._home)
        others = [
            pair for name in rows for pair in zip(rows[name], again[name], strict=False) if pair[0] != pair[1]
        ]
        self._expect(again == rows, f"a rebuild makes other rows: {others}")
        trashed = {row[0] for row in rows["trashed_sessions"]}
        self._expect(trashed == trash_of(files), f"in the trash: {trashed}")
        if self._ending is None:
            left = [name for name in files if DEBRIS.search(name)]
            self._expect(not left, f"the next opening left {left}")

    def _followed(self, sessions: SessionRepository) -> None:
        """A client that knows the lists from before the call has those of now by the change feed."""
        assert _work
        follower = copy.deepcopy(_work.follower)
        changes = follower.follow(sessions)
        differences = follower.differences(sessions)
        self._expect(not differences, f"the change feed misses {differences}")
        other_workspace = "workspace" in self._name  # with which lists show the agent's conversations
        self._expect(changes.complete or other_workspace, "the change feed is not complete")

    def _of_agent(self, files: Files) -> set[str]:
        here = sessions_of(files).keys() | trash_of(files)
        agent = files["state.db"].decode()
        return {name for name in AGENT_HEADS if f"INTO \"sessions\" VALUES('{name}'" in agent} - here

    def once_more(self, sessions: SessionRepository) -> None:
        """The same call made once more works, in another process."""
        self._worked(_ending(anew(self._mutator, sessions)), "another process")
        self._listed(listed(sessions), "another process, after one more call,")

    def once_more_there(self, child: Child) -> None:
        """The same call made once more works, in the same process."""
        self._worked(child.ask("again"), "the same process")
        self._listed(child.ask("list"), "the same process, after one more call,")

    def _worked(self, ending: Any, who: str) -> None:
        done = [error.__name__ for error in self._mutator.done] if self.found != "old" else []
        works = isinstance(ending, list) and ending[0] in ("ok", *done)
        self._expect(works, f"once more, {who}: {ending}")


AGENT_HEADS = frozenset({"c", "sub", "lone", "cron_daily_1"})
