"""Searching: what it takes beside the bare query of FTS5, and how large the index of words is."""

import sqlite3
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec

from hermes_sessions import SessionRepository
from hermes_sessions.messages import read_messages
from hermes_sessions.search.indexed_text import CallsBefore, indexed_text

from .homes import PHRASE, WORD
from .timing import Case, Figure, Floor, Size, measure

BEGINNING, NOTHING, UNSPACED = "deploy", "zqxzqx", "会话"
LARGEST_INDEX = 0.7
# What people ask, with the most milliseconds that the answer may take with 20,000 sessions.
QUESTIONS = (
    ("three words", PHRASE, 40),
    ("three words, misspelt", "quartely budgt reveiw", 40),
    ("question", f"how did we do the {PHRASE}?", 40),
    ("very common words", f"{WORD} failed error", 300),
)


def build(sessions: SessionRepository, size: Size) -> Figure:
    """Make everything searchable, and return how long that took."""
    started = time.perf_counter()
    sessions.complete_search()
    spent = (time.perf_counter() - started) * 1000
    return Figure("index of all texts, from where the background was", size, spent, spent, "", None)


def run(sessions: SessionRepository, size: Size) -> Iterator[list[Figure]]:
    """Measure the search over the sidecars of a home."""
    sessions.complete_search()  # also what was written since: the background would be measured too
    index = sqlite3.connect(sessions.config.state_dir / "search.db")
    try:
        for case in _cases(sessions, index):
            yield measure(case, size)
    finally:
        index.close()
    yield [_size_of_index(sessions, size)]


def _cases(sessions: SessionRepository, index: sqlite3.Connection) -> Iterator[Case]:
    content = partial(sessions.search, scope="content", agent=False)
    for name, typed, most in (("rare phrase", f'"{PHRASE}"', 20), ("common word", WORD, 60)):
        yield Case(f"search, {name}", partial(content, typed), _floors(sessions, index, typed), 30, most=most)
    for name, typed, most in QUESTIONS:
        yield Case(f"search, {name}", partial(sessions.search, typed, agent=False), [], 30, most=most)
    yield Case("search, titles too", partial(sessions.search, WORD, agent=False), [], 30, most=60)
    yield Case("search, beginning of a word", partial(content, BEGINNING), [], 30)
    yield Case("search, nothing found", partial(content, NOTHING), [], 30)
    yield Case("search, two characters without spaces", partial(content, UNSPACED), [], 30)


def _floors(sessions: SessionRepository, index: sqlite3.Connection, typed: str) -> list[Floor]:
    """The bare query by rank; and with what every answer shows: the messages, read from their files."""
    query = "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT 20"
    ranked = partial(_all, index, query, typed)
    wanted = [
        (hit.segment_id, hit.message_index) for hit in sessions.search(typed, scope="content", agent=False)
    ]

    def with_messages() -> None:
        ranked()
        for session_id, at in wanted:
            sessions.messages(session_id, before=(at or 0) + 1, limit=1)

    return [
        Floor("FTS5, 20 by rank", ranked, aim=3),
        Floor("that, and 20 messages read", with_messages, aim=3),
    ]


def _all(index: sqlite3.Connection, query: str, typed: str) -> list[tuple[int]]:
    return index.execute(query, (typed,)).fetchall()


def _size_of_index(sessions: SessionRepository, size: Size) -> Figure:
    """Compare the file of the index with the text that is in it, both in bytes."""
    text = sum(len(each.encode()) for each in texts_of(sessions.config.sessions_dir))
    with sqlite3.connect(sessions.config.state_dir / "search.db") as index:
        index.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    held = (sessions.config.state_dir / "search.db").stat().st_size / 1e6
    return Figure("search.db", size, held, held, "text that is indexed", text / 1e6, "MB", aim=LARGEST_INDEX)


def texts_of(folder: Path) -> Iterator[str]:
    """Yield the text of each message of each file that a search finds it by."""
    for path in folder.glob("*.json"):
        document = msgspec.json.decode(path.read_bytes())
        before = CallsBefore()
        for _, message in read_messages(document["messages"], document["tool_calls"]):
            yield indexed_text(message, before).text
            before.add(message)
