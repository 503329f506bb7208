"""Search beside a slow, obvious one over small homes: the same conversations, whatever is asked."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions import SessionRepository
from hermes_sessions.search import tables

from ..support.agent_db import add_message, add_session, keep_full_text, new_state, writing
from ..support.efforts import examples
from ..support.make import message

START = 1_777_000_000.0
# None is a part, a misspelling, or another form of another.
WORDS = ("amber", "brook", "cliff", "drift", "flint", "grove", "heron", "ivory")


class Conversation(NamedTuple):
    """A conversation of a random home."""

    in_web: bool
    title: list[str]
    segments: list[list[list[str]]]  # of messages of words
    deleted: bool

    @property
    def words(self) -> set[str]:
        """All words of its title and its messages."""
        return {*self.title, *(word for part in self.segments for said in part for word in said)}


SOME_WORDS = st.lists(st.sampled_from(WORDS), max_size=4)
MESSAGES = st.lists(SOME_WORDS.filter(bool), min_size=1, max_size=4)
CONVERSATIONS = st.builds(
    Conversation,
    st.booleans(),
    SOME_WORDS,
    st.lists(MESSAGES, min_size=1, max_size=3),
    st.sampled_from([False, False, False, True]),
)


class Asked(NamedTuple):
    """A query: groups of words of which one each must occur, and words that must not."""

    required: list[list[str]]
    excluded: list[str]

    @property
    def text(self) -> str:
        """The query as somebody types it."""
        return " ".join(
            [*(" OR ".join(group) for group in self.required), *(f"-{word}" for word in self.excluded)]
        )

    def matches(self, words: set[str]) -> bool:
        """Whether a conversation with these words is a result."""
        return all(words & {*group} for group in self.required) and not words & {*self.excluded}

    def covers(self, words: set[str]) -> bool:
        """Whether a conversation has any of the words, and none that must not occur."""
        return any(words & {*group} for group in self.required) and not words & {*self.excluded}


ASKED = st.builds(
    Asked,
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=2, unique=True), min_size=1, max_size=3),
    st.lists(st.sampled_from(WORDS), max_size=1),
)


NUMBERS = count()


class Home(NamedTuple):
    """A home that is filled anew for each example."""

    sessions: SessionRepository
    state_db: Path

    def fill(self, conversations: list[Conversation]) -> dict[str, Conversation]:
        """Replace all conversations; return by id those that are not deleted."""
        for summary in list(self.sessions.list(hidden=True)):
            self.sessions.delete(summary.session_id)
        self.sessions.purge()
        found: dict[str, Conversation] = {}
        with writing(self.state_db) as db:
            db.execute("DELETE FROM messages")
            db.execute("DELETE FROM sessions")
            for each in conversations:
                if not each.in_web:
                    found[self._add_chain(db, next(NUMBERS), each)] = each
        for each in conversations:
            if each.in_web:
                found[self._add_session(each)] = each
        for session_id, each in list(found.items()):
            if each.in_web and each.deleted:
                self.sessions.delete(session_id)
                del found[session_id]
        return found

    def _add_session(self, each: Conversation) -> str:
        session = self.sessions.new(title=" ".join(each.title) or "none")
        said = [words for part in each.segments for words in part]
        self.sessions.append(session.session_id, [message(" ".join(words), at=START) for words in said])
        return session.session_id

    @staticmethod
    def _add_chain(db: object, number: int, each: Conversation) -> str:
        parent: str | None = None
        for at, part in enumerate(each.segments):
            name, is_last = f"c{number}s{at}", at == len(each.segments) - 1
            begun = START + number * 1_000.0 + at * 100
            ended = {} if is_last else {"ended_at": begun + 90, "end_reason": "compression"}
            title = " ".join([*each.title, name])  # the agent lets no two sessions have the same title
            add_session(db, name, begun=begun, title=title, parent_session_id=parent, **ended)  # type: ignore[arg-type]
            for words in part:
                add_message(db, name, " ".join(words), "user", begun)  # type: ignore[arg-type]
            parent = name
        return f"c{number}s{len(each.segments) - 1}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """An empty home with a `state.db`."""
    folder = tmp_path_factory.mktemp("reference")
    new_state(folder / "state.db")
    with writing(folder / "state.db") as db:
        keep_full_text(db)
    with SessionRepository.open(folder / "webui", hermes_home=folder) as sessions:
        yield Home(sessions, folder / "state.db")


def found_by(sessions: SessionRepository, text: str) -> tuple[set[str], set[str]]:
    """Return the conversations that have all words, and those that lack some."""
    hits = sessions.search(text, limit=100)
    whole = {hit.session_id for hit in hits if not hit.missing}
    return whole, {hit.session_id for hit in hits} - whole


@pytest.mark.slow
@examples(0.5)
@given(
    conversations=st.lists(CONVERSATIONS, max_size=5),
    asked=st.lists(ASKED, min_size=1, max_size=5),
    most_numbers=st.sampled_from([0, tables.MOST_NUMBERS]),  # without any, each word counts as very common
)
def test_search_finds_what_a_slow_and_obvious_one_finds(
    home: Home, conversations: list[Conversation], asked: list[Asked], most_numbers: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "MOST_NUMBERS", most_numbers)
        compare(home, conversations, asked)


def compare(home: Home, conversations: list[Conversation], asked: list[Asked]) -> None:
    """Compare what is found with what the slow search finds."""
    there = home.fill(conversations)
    home.sessions.complete_search()
    for each in asked:
        expected = {session_id for session_id, one in there.items() if each.matches(one.words)}
        whole, some = found_by(home.sessions, each.text)
        assert whole == expected, each.text
        covered = {session_id for session_id, one in there.items() if each.covers(one.words)}
        assert some <= covered, each.text
        assert not (expected and some), each.text
        assert whole or some or not covered or len(each.required) > 1, each.text


@examples(0.5)
@given(text=st.text(max_size=60) | st.text("\"'*-^()[]{}:+~|&!\\ab会🎉 \n", max_size=60))
def test_any_text_is_a_query(home: Home, text: str) -> None:
    hits = home.sessions.search(text)
    assert all(re.search(r"\S", hit.session_id) for hit in hits)
