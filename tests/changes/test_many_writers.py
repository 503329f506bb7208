"""Many processes and threads change a few sessions at once: nothing is lost, twice, half or silent.

A second test adds a program that replaces whole files without our locks, as the web UI of before does.
`HERMES_WRITERS=10` makes both ten times as long.
"""

import itertools
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hermes_sessions import Conflict, InvalidValue, NotFound, Session, SessionRepository
from hermes_sessions.findings import FindingKind

from ..support.crash_points import rows_of
from ..support.figures import tell
from ..support.make import message, turns, write_document
from ..support.processes import at_once
from ..support.programs import need_strace

SHARED = ("one", "two", "three")
SHORTENED = "shortened"
PROCESSES, THREADS, LAST = 8, 8, 5


def some_or_many(steps: int) -> pytest.MarkDecorator:
    """Let a test run with so many `steps`, and when asked for with ten times as many."""
    return pytest.mark.parametrize("steps", [steps, pytest.param(10 * steps, marks=pytest.mark.long)])


class Done(NamedTuple):
    """What a writer did: its appended texts by session, its last value of each key, its counts."""

    appended: dict[str, list[str]]
    last: dict[str, dict[str, int]]
    counts: Counter[str]
    own: frozenset[str] = frozenset()


# ---- writers --------------------------------------------------------------------------------------------


class Writer:
    """One actor that changes sessions at random, and keeps what it was told."""

    def __init__(self, sessions: SessionRepository, name: str) -> None:
        self._sessions, self._name = sessions, name
        self._random = random.Random(name)
        self._appended: dict[str, list[str]] = {each: [] for each in SHARED}
        self._last: dict[str, dict[str, int]] = {each: {} for each in SHARED}
        self._counts: Counter[str] = Counter()
        self._own: list[str] = []

    def run(self, steps: int) -> Done:
        """Make so many random changes."""
        changes = (
            *(self.append,) * 4,
            *(self.update,) * 4,
            *(self.save,) * 4,
            self.save_stale,
            self.shorten,
            self.fork,
            self.add,
            self.delete,
            self.look,
        )
        for step in range(steps):
            change = self._random.choice(changes)
            change(self._random.choice(SHARED), step)
            self._counts[change.__name__] += 1
        return Done(self._appended, self._last, self._counts, frozenset(self._own))

    def append(self, session_id: str, step: int) -> None:
        """Append a message of its own."""
        text = f"{self._name} appends {step}"
        self._sessions.append(session_id, [message(text)])
        self._appended[session_id].append(text)

    def update(self, session_id: str, step: int) -> None:
        """Set a key that is its own."""
        self._sessions.update(session_id, touch=True, extra={self._name: step})
        self._last[session_id][self._name] = step

    def save(self, session_id: str, step: int) -> None:
        """Save a session as it was read, with one more message, and counted."""
        read = self._sessions.get(session_id)
        text = f"{self._name} saves {step}"
        with suppress(Conflict):
            self._sessions.save(counted(read, text))
            self._appended[session_id].append(text)
            self._counts["saved"] += 1
            self._counts[f"saved {session_id}"] += 1
            return
        self._counts["conflicts"] += 1

    def save_stale(self, session_id: str, step: int) -> None:
        """Save a session that it has itself changed since: refused, whatever the others did."""
        read = self._sessions.get(session_id)
        self.append(session_id, step)
        with pytest.raises(Conflict):
            self._sessions.save(counted(read, "a stale save"))
        self._counts["conflicts"] += 1

    def shorten(self, _: str, step: int) -> None:
        """Grow and shorten the session that is there for it."""
        self._sessions.append(SHORTENED, turns(3))
        with suppress(InvalidValue):  # another was faster, and left no message to go back to
            self._sessions.undo(SHORTENED)
        self._sessions.truncate(SHORTENED, self._random.randrange(4))
        if step % 10 == 0:
            self._sessions.clear(SHORTENED)

    def fork(self, session_id: str, _: int) -> None:
        """Copy a session, which must be one moment of it; checked at the end."""
        self._own.append(self._sessions.fork(session_id, title=session_id).session_id)

    def add(self, _: str, step: int) -> None:
        """Begin a session of its own."""
        session = self._sessions.new(title=self._name)
        self._sessions.append(session.session_id, turns(step % 5 + 1))
        self._own.append(session.session_id)

    def delete(self, _: str, __: int) -> None:
        """Delete one of its own sessions."""
        if self._own:
            self._sessions.delete(self._own.pop())
            self._counts["deleted"] += 1

    def look(self, session_id: str, step: int) -> None:
        """List, sync or rebuild while the others write."""
        looks = (lambda: self._sessions.list(hidden=True), self._sessions.sync, self._sessions.rebuild)
        looks[step % 3]()
        assert self._sessions.summary(session_id).message_count <= len(
            self._sessions.get(session_id).messages
        )


def counted(read: Session, text: str) -> Session:
    """Return a session with one more message, and one more in the count of its saves."""
    saves = {"saves": read.extra.get("saves", 0) + 1}
    return replace(read, messages=[*read.messages, message(text)], extra={**read.extra, **saves})


def write_in_a_process(home: Path, name: str, threads: int, steps: int) -> list[Done]:
    """Be one process of writers, of so many threads over one repository."""
    with (
        ending(home, name),
        SessionRepository.open(hermes_home=home) as sessions,
        ThreadPoolExecutor(threads) as pool,
    ):
        writers = [Writer(sessions, f"{name}.{thread}") for thread in range(threads)]
        return list(pool.map(lambda writer: writer.run(steps), writers))


@contextmanager
def ending(home: Path, name: str) -> Iterator[None]:
    """Say at the end of the block that a writer has ended, however it did."""
    try:
        yield
    finally:
        (home / "ended" / name).touch()


def ended(home: Path) -> int:
    """Return how many writers have ended."""
    return sum(1 for _ in (home / "ended").iterdir())


def wait_for_open(home: Path, writers: int) -> None:
    """Wait until so many writers have opened the home."""
    while sum(1 for _ in (home / "open").iterdir()) < writers:
        os.sched_yield()


# ---- readers --------------------------------------------------------------------------------------------


def running(home: Path, writers: int) -> Iterator[None]:
    """Give out once for each round until all writers have ended, and once after."""
    while ended(home) < writers:
        yield
    yield


def read_raw(home: Path, writers: int) -> list[Done]:
    """Parse every file of the folder again and again: each is whole, and no shared one gets shorter."""
    counts: Counter[str] = Counter()
    known: Counter[str] = Counter()
    for _ in running(home, writers):
        for path in (home / "webui" / "sessions").glob("*.json"):
            with suppress(FileNotFoundError):  # deleted since
                document = json.loads(path.read_bytes())
                length = len(document["messages"])
                assert length == document["message_count"]
                assert path.stem not in SHARED or length >= known[path.stem]
                known[path.stem] = length
                counts["files read"] += 1
    return [Done({}, {}, counts)]


def read_lists(home: Path, writers: int) -> list[Done]:
    """List the home again and again: nothing is unreadable, every shared session is there."""
    counts: Counter[str] = Counter()
    with SessionRepository.open(hermes_home=home) as sessions:
        for _ in running(home, writers):
            page = sessions.list(hidden=True)
            # On a busy machine the writers can hold the index for longer than a list waits.
            assert [each for each in page.warnings if "as it was last read" not in each] == []
            assert {each.session_id for each in page.items} >= {*SHARED, SHORTENED}
            for each in random.sample(page.items, min(3, len(page.items))):
                with suppress(NotFound):
                    sessions.get(each.session_id)
            counts["lists read"] += 1
    return [Done({}, {}, counts)]


# ---- the program without our locks ----------------------------------------------------------------------


def write_foreign(home: Path, steps: int, others: int) -> list[Done]:
    """Replace one whole file again and again, without a lock; count the versions that somebody overwrote.

    Each version has a number, which the others copy. So one that is older than the last was put there by who
    had not seen the last; that is a loss unless who did it finds out and puts the last one back.
    """
    path = home / "webui" / "sessions" / "one.json"
    counts: Counter[str] = Counter()
    wait_for_open(home, others)
    with ending(home, "foreign"):
        for step in range(steps):
            for _ in range(random.randrange(20)):
                document = json.loads(path.read_bytes())
                if document["foreign"] != step:
                    document = put_back(path, step)
                    counts["put back"] += 1
            write_whole(path, {**json.loads(path.read_bytes()), "foreign": step + 1})
            counts["foreign writes"] += 1
    return [Done({}, {}, counts)]


def put_back(path: Path, step: int) -> dict[str, Any]:
    """Return the document once it is of this step again; fail if it never is."""
    for _ in range(20_000):
        document: dict[str, Any] = json.loads(path.read_bytes())
        if document["foreign"] == step:
            return document
    raise AssertionError(f"version {step} was overwritten by who had not seen it")


def write_whole(path: Path, document: dict[str, Any]) -> None:
    """Replace a file by this document, atomically, and without a look at what is there."""
    temporary = path.with_suffix(".foreign")
    temporary.write_text(json.dumps(document, ensure_ascii=False, indent=2))
    temporary.replace(path)


def write_beside(home: Path, name: str, kind: str) -> list[Done]:
    """Change the same session until the other program has ended, and a few times after."""
    counts: Counter[str] = Counter()
    kept: dict[str, list[str]] = {"one": []}
    with SessionRepository.open(hermes_home=home) as sessions:
        (home / "open" / name).touch()
        for step in itertools.count():
            alone = ended(home) > 0
            try:
                text = beside(sessions, name, kind, step)
            except Conflict:
                counts["conflicts"] += 1
                assert not alone or kind == "save"  # another process of ours may have been faster than a save
                continue
            counts[kind if alone else f"{kind} beside"] += 1
            if alone:
                kept["one"].append(text)
            if len(kept["one"]) == LAST:
                return [Done(kept, {}, counts)]
    raise AssertionError


def beside(sessions: SessionRepository, name: str, kind: str, step: int) -> str:
    """Make one change, and return what it leaves in the file."""
    text = f"{name} {kind} {step}"
    if kind == "append":
        sessions.append("one", [message(text)])
    elif kind == "update":
        sessions.update("one", touch=False, extra={f"{name} {step}": text})
    else:
        read = sessions.get("one")
        sessions.save(replace(read, messages=[*read.messages, message(text)]))
    return text


# ---- what must hold -------------------------------------------------------------------------------------

ROLES: dict[str, Callable[..., list[Done]]] = {
    "write": write_in_a_process,
    "raw": read_raw,
    "list": read_lists,
    "foreign": write_foreign,
    "beside": write_beside,
}


def act(role: str, *arguments: Any) -> list[Done]:
    """Be one of the processes."""
    return ROLES[role](*arguments)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a few sessions, and folders where each writer says that it has it open, or has ended."""
    for name in ("open", "ended"):
        (tmp_path / name).mkdir()
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        for name in (*SHARED, SHORTENED):
            counts = {"message_count": 2, "saves": 0, "foreign": 0}
            write_document(sessions, name, title=name, messages=turns(2), **counts)
        sessions.sync()
    return tmp_path


UPDATE_TWICE = """
import sys
from hermes_sessions import SessionRepository
with SessionRepository.open(hermes_home=sys.argv[1]) as sessions:
    sessions.update("one", title="ours")
    print(sessions.summary("one").title, flush=True)
    sessions.update("one", extra={"more": 1})
"""


@pytest.mark.fault
def test_a_version_that_follows_ours_at_once_is_not_taken_for_ours(home: Path) -> None:
    need_strace()
    path = home / "webui" / "sessions" / "one.json"
    before = path.stat().st_ino
    theirs = {"session_id": "one", "of": "theirs" * 50, "title": "theirs", "messages": turns(3), "last": 1}
    slow = [
        "strace",
        "-f",
        "-o",
        os.devnull,
        "-e",
        "trace=renameat2",
        "-e",
        "inject=renameat2:delay_exit=2000000:when=1",
    ]
    program = [sys.executable, "-B", "-c", UPDATE_TWICE, str(home)]
    with subprocess.Popen([*slow, *program], stdout=subprocess.PIPE, text=True) as process:
        while path.stat().st_ino == before:  # until it has renamed, and is held there for two seconds
            os.sched_yield()
        write_whole(path, theirs)
        said, _ = process.communicate()
    assert (process.returncode, said) == (0, "theirs\n")
    left = json.loads(path.read_bytes())
    assert {name: left[name] for name in theirs} == theirs
    assert left["more"] == 1


def check_rows(home: Path, expected: frozenset[FindingKind] = frozenset()) -> None:
    """See that the rows are those that a rebuild makes, and that nothing is wrong but what is expected."""
    with SessionRepository.open(hermes_home=home) as sessions:
        sessions.sync()
        rows = rows_of(home)
        sessions.rebuild()
        assert rows_of(home) == rows
        found = [finding for finding in sessions.check(deep=True) if not finding.note]
        assert {finding.kind for finding in found} <= expected, found


@pytest.mark.slow
@some_or_many(80)
def test_nothing_of_many_writers_is_lost_or_twice_or_half(
    home: Path, request: pytest.FixtureRequest, steps: int
) -> None:
    threads = [THREADS if number == 0 else 1 for number in range(PROCESSES)]
    writers = [("write", home, f"process{number}", count, steps) for number, count in enumerate(threads)]
    readers = [("raw", home, PROCESSES), ("list", home, PROCESSES)]
    done = list(itertools.chain(*at_once(act, [*writers, *readers])))
    counts = sum((each.counts for each in done), Counter[str]())
    with SessionRepository.open(hermes_home=home) as sessions:
        final = {name: sessions.get(name) for name in SHARED}
        for name, session in final.items():
            texts = [each["content"] for each in session.messages[2:]]
            assert Counter(texts) == Counter(text for each in done for text in each.appended.get(name, ()))
            for each in done:
                own = set(each.appended.get(name, ()))
                assert [text for text in texts if text in own] == each.appended.get(name, [])
                assert each.last.get(name, {}).items() <= session.extra.items()
            assert session.extra["saves"] == counts[f"saved {name}"]
        left = {session_id for each in done for session_id in each.own}
        assert {each.session_id for each in sessions.list(hidden=True).items} == {*SHARED, SHORTENED, *left}
        for fork in map(sessions.get, left):
            if fork.parent_session_id:
                origin = final[fork.title].messages
                assert fork.messages == origin[: len(fork.messages)]
        assert len(sessions.trash()) == counts["deleted"]
    check_rows(home)
    assert counts["conflicts"] > counts["save_stale"]
    figures = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    tell(request.config, [f"{PROCESSES} processes, {THREADS} threads in one of them, 2 readers: {figures}"])


@pytest.mark.slow
@some_or_many(1_500)
def test_no_version_of_a_program_without_our_locks_is_overwritten_unseen(
    home: Path, request: pytest.FixtureRequest, steps: int
) -> None:
    kinds = [("append", "update", "save")[number % 3] for number in range(PROCESSES - 1)]
    beside = [("beside", home, f"writer{number}", kind) for number, kind in enumerate(kinds)]
    done = list(itertools.chain(*at_once(act, [("foreign", home, steps, len(kinds)), *beside])))
    counts = sum((each.counts for each in done), Counter[str]())
    document = json.loads((home / "webui" / "sessions" / "one.json").read_bytes())
    assert document["foreign"] == steps
    texts = Counter(each["content"] for each in document["messages"])
    for text in (text for each in done for text in each.appended.get("one", ())):
        assert texts[text] + list(document.values()).count(text) == 1
    # What was added before the program had ended, it has overwritten.
    check_rows(home, frozenset({FindingKind.LOST_UPDATE}))
    assert counts["conflicts"]
    figures = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    tell(request.config, [f"{len(kinds)} processes beside a program without our locks: {figures}"])
