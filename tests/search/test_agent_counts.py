"""The counts of common words that are kept of an agent: used again, and not once its file has changed."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.search import agent_counts, agents
from hermes_sessions.search.agent_counts import AgentCounts, AgentFileState
from hermes_sessions.search.agents import AgentMessages
from hermes_sessions.search.forms import ANYTHING, ClauseForms
from hermes_sessions.search.tables import MessageFilter

from ..support.agent_db import add_message, add_session, keep_full_text, new_state, writing

WRITE = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    db.execute(sys.argv[2])
db.close()
"""


def age(state: Path) -> None:
    """Let an agent's files be as they are for an hour."""
    for path in (state, state.with_name("state.db-wal")):
        if path.exists():
            written = path.stat().st_mtime_ns - 3_600_000_000_000
            os.utime(path, ns=(written, written))


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_counts_are_kept_until_another_process_changes_the_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: str
) -> None:
    monkeypatch.setattr(agent_counts, "LEAST_KEPT", 1)
    state = new_state(tmp_path / "state.db", journal=journal)
    with writing(state) as db:
        keep_full_text(db)
        add_session(db, "a", "amber one")
        add_session(db, "b", "nothing")
    counted: list[Mapping[str, int]] = []
    count = AgentMessages._count

    def noted(messages: AgentMessages, *args: Any) -> Mapping[str, int]:
        counted.append(count(messages, *args))
        return counted[-1]

    monkeypatch.setattr(AgentMessages, "_count", noted)
    with SessionRepository.open(hermes_home=tmp_path) as sessions:

        def found() -> tuple[list[str], int]:
            """Return who has the word, and how often it was counted for that."""
            counted.clear()
            return sorted(hit.session_id for hit in sessions.search("amber")), len(counted)

        age(state)
        assert found()[0] == ["a"]
        assert found() == (["a"], 0)
        change = "UPDATE messages SET content = 'amber too' WHERE session_id = 'b'"
        subprocess.run([sys.executable, "-c", WRITE, str(state), change], check=True)
        assert found()[0] == ["a", "b"]
        assert found()[1] > 0  # so soon after a change, the next might not show in the file's times
        age(state)
        assert found()[0] == ["a", "b"]
        assert found() == (["a", "b"], 0)


def test_only_common_words_are_kept_and_the_last_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_counts, "LEAST_KEPT", 2)
    monkeypatch.setattr(agent_counts, "MOST_KEPT", 2)
    kept, state = AgentCounts(), AgentFileState("1", is_settled=True)
    amber, brook, cliff, rare = [(ANYTHING, MessageFilter(depth=depth)) for depth in range(1, 5)]
    common = {"a": 1, "b": 1}
    for asked in (amber, brook, amber, cliff):
        if kept.get(state, asked) is None:
            kept.keep(state, asked, common)
    kept.keep(state, rare, {"a": 1})
    assert [kept.get(state, each) for each in (amber, brook, cliff, rare)] == [common, None, common, None]
    kept.keep(AgentFileState("0", is_settled=True), brook, common)
    assert kept.get(state, brook) is None
    assert kept.get(AgentFileState("1", is_settled=False), amber) is None
    assert kept.get(AgentFileState("2", is_settled=True), amber) is None


def test_common_words_are_counted_the_same_by_the_numbers_of_their_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_counts, "LEAST_KEPT", 1)
    state = new_state(tmp_path / "state.db")
    with writing(state) as db:
        keep_full_text(db)
        add_session(db, "b", "amber brook cliff", "amber")
        add_session(db, "a", "brook cliff")
        add_message(db, "a", "brook amber", "tool", tool_name="session_search")
        calls = [{"function": {"name": "session_search", "arguments": '{"query": "brook"}'}}]
        add_message(db, "a", "cliff", "assistant", tool_calls=json.dumps(calls))
        add_message(db, "a", "brook amber", active=0)
        add_message(db, "a", "brook", active=0, compacted=1)
    age(state)
    monkeypatch.setattr(agents, "LEAST_NUMBERS", 10**9)
    looked_up = counts_of_words(tmp_path, monkeypatch)
    monkeypatch.setattr(agents, "LEAST_NUMBERS", 0)
    assert counts_of_words(tmp_path, monkeypatch) == looked_up
    assert looked_up["brook"] == {"a": 1, "b": 1}
    assert looked_up["cliff"] == {"a": 2, "b": 1}


def counts_of_words(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Mapping[str, int]]:
    """Return how often three words are counted in the sessions of an agent, by word."""
    counted: dict[str, Mapping[str, int]] = {}
    count = AgentMessages._count

    def noted(messages: AgentMessages, clause: ClauseForms, wanted: MessageFilter) -> dict[str, int]:
        counts = count(messages, clause, wanted)
        counted[clause.typed] = counts
        return counts

    with SessionRepository.open(hermes_home=home) as sessions, monkeypatch.context() as patched:
        patched.setattr(AgentMessages, "_count", noted)
        for word in ("amber", "brook", "cliff"):
            sessions.search(word)
    return counted
