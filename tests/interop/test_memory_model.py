"""A model of a program that holds a session in memory, beside calls of ours: nothing of ours goes in silence.

The program reads a session whole, adds to it or shortens it, and writes it whole. Every message has a text of
its own, so the model knows what of ours has to be in the file, and what may not be.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hermes_sessions import NotFound, SessionRepository

from ..support.efforts import examples
from ..support.make import message, turns, write_document
from ..support.web_ui import OpenSession

TALKS = count()
STEPS = (
    *("open", "say", "say", "write", "shorten"),  # of the other program
    *("append", "append two", "truncate", "rename", "put back"),  # ours
)


class Model:
    """One session, the memory of the other program, and what became of each message by its text."""

    def __init__(self, sessions: SessionRepository, timed: bool) -> None:
        self.sessions, self.timed = sessions, timed
        self.numbers: Iterator[int] = count(1)
        self.session_id = f"talk{next(TALKS)}"
        self.path = write_document(sessions, self.session_id, title="Talk", messages=turns(4))
        sessions.list()
        self.memory = OpenSession(self.path)
        self.wanted: set[str] = set()  # ours: added here, and not removed since by anybody who had read it
        self.doubtful: set[str] = set()  # ours, left out by who had read it, which nobody saw
        self.removed: set[str] = set()  # by us
        self.theirs: set[str] = set()
        self.seen: set[str] = set()  # ours that was in a file that the other program wrote

    def step(self, name: str) -> None:
        """Take a step, and let the index notice it."""
        getattr(self, name.replace(" ", "_"))()
        self.sessions.list()
        self.check()

    def texts(self) -> list[str]:
        """Return what the messages in the file say."""
        return [each["content"] for each in self.sessions.get(self.session_id).messages]

    def new(self, whose: str) -> dict[str, Any]:
        """Return a message that was not there before."""
        number = next(self.numbers)
        return message(f"{whose} {number}", at=1_900_000_000.0 + 10 * number if self.timed else None)

    # ---- the other program ------------------------------------------------------------------------------

    def open(self) -> None:
        self.memory = OpenSession(self.path)

    def say(self) -> None:
        said = self.new("theirs")
        self.theirs.add(said["content"])
        self.saved([*self.memory.values["messages"], said])

    def write(self) -> None:
        self.saved(self.memory.values["messages"])

    def shorten(self) -> None:
        messages = self.memory.values["messages"]
        left_out = {each["content"] for each in messages[-2:]}
        self.theirs -= left_out
        self.doubtful |= left_out & self.wanted
        self.wanted -= left_out
        self.saved(messages[:-2])

    def saved(self, messages: list[Any]) -> None:
        self.memory.save(messages=messages)
        held = {each["content"] for each in messages}
        self.theirs &= held  # what it forgets of its own is not ours to notice

    # ---- ours -------------------------------------------------------------------------------------------

    def append(self, number: int = 1) -> None:
        messages = [self.new("ours") for _ in range(number)]
        self.sessions.append(self.session_id, messages)
        self.wanted |= {each["content"] for each in messages}

    def append_two(self) -> None:
        self.append(2)

    def truncate(self) -> None:
        texts = self.texts()
        gone = set(texts[max(0, len(texts) - 2) :])
        self.sessions.truncate(self.session_id, max(0, len(texts) - 2))
        self.wanted -= gone
        self.doubtful -= gone
        self.theirs -= gone
        self.removed |= gone

    def rename(self) -> None:
        self.sessions.update(self.session_id, title=f"Title {next(self.numbers)}")

    def put_back(self) -> None:
        before = set(self.texts())
        lost = {each.field: each for each in self.sessions.lost.list()}
        try:
            self.sessions.lost.put_back(self.session_id)
        except NotFound:
            assert not lost
            return
        after = self.texts()
        assert len(after) == len(set(after))
        assert self.wanted <= set(after)
        assert before - self.removed <= set(after)
        if "messages" in lost:
            assert not self.removed & set(after)
            self.wanted |= self.doubtful & set(after)
            self.doubtful &= set(after) - self.wanted
        assert self.sessions.lost.list() == []

    # ---- what must hold ---------------------------------------------------------------------------------

    def check(self) -> None:
        """What of ours is not in the file is reported, and nothing that is."""
        present = set(self.texts())
        missing, back = self.wanted - present, self.removed & present
        lost = next((each for each in self.sessions.lost.list() if each.field == "messages"), None)
        added, removed = (lost.ours, lost.theirs) if lost else (0, 0)
        assert len(missing) <= added <= len(missing | (self.doubtful - present))
        # Without times, the first of several may have been sent again.
        assert bool(back) == bool(removed) if self.timed else back or not removed
        assert self.theirs <= present


@pytest.mark.slow
@pytest.mark.parametrize("timed", [True, False])
@given(steps=st.lists(st.sampled_from(STEPS), max_size=12))
@example(steps=["say", "append", "truncate", "append", "say"])  # removed with what it had not read
@examples(1, shares_fixtures=True)
def test_whatever_of_ours_is_not_in_the_file_is_reported_and_put_back(
    sessions: SessionRepository, timed: bool, steps: list[str]
) -> None:
    model = Model(sessions, timed)
    try:
        for name in steps:
            model.step(name)
        model.put_back()
        model.check()
    finally:
        sessions.delete(model.session_id)
        Path(model.path).with_suffix(".json.bak").unlink(missing_ok=True)
