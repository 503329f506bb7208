"""Tests that tokens and cost of copies count once: duplicates, forks, imports, the agent's conversations."""

import json
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.results import total_usage

from ..support.agent_db import START, add_session, filled_state, writing
from ..support.make import message, turns, write_document


@pytest.fixture
def original(sessions: SessionRepository) -> str:
    """A session with figures."""
    figures = {"input_tokens": 100, "output_tokens": 10, "estimated_cost": 0.5}
    write_document(sessions, "original", title="One", messages=turns(4), theirs={"kept": [1]}, **figures)
    return "original"


def total(sessions: SessionRepository, **how: Any) -> tuple[Any, ...]:
    """Return the sums, which are the same by every key."""
    sums = total_usage(sessions.usage(**how))
    for by in ("model", "source", "project", "profile"):
        assert total_usage(sessions.usage(by=by, **how)) == sums
    return (sums.sessions, sums.messages, sums.input_tokens, sums.output_tokens, sums.estimated_cost)


def export(sessions: SessionRepository, session_id: str, *, redact: bool = True) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(sessions.export(session_id, redact=redact))
    return document


def test_a_duplicate_keeps_its_figures_and_adds_nothing(sessions: SessionRepository, original: str) -> None:
    before = total(sessions)
    assert before == (1, 4, 100, 10, 0.5)
    copy = sessions.duplicate(original)
    again = sessions.duplicate(copy.session_id)
    for each in (copy, again):
        assert (each.input_tokens, each.output_tokens, each.estimated_cost) == (100, 10, 0.5)
        assert each.extra["theirs"] == {"kept": [1]}
        assert each.extra["copied_from"]["session_id"] == original
    assert total(sessions) == before
    sessions.rebuild()
    assert total(sessions) == before


def test_what_a_copy_adds_counts(sessions: SessionRepository, original: str) -> None:
    copy = sessions.duplicate(original).session_id
    sessions.append(copy, turns(2), input_tokens=150, estimated_cost=0.75)
    assert total(sessions) == (2, 6, 150, 10, 0.75)
    fork = sessions.fork(original, keep=2).session_id
    assert total(sessions) == (2, 6, 150, 10, 0.75)
    sessions.append(fork, [message("more")], input_tokens=7)
    assert total(sessions) == (3, 7, 157, 10, 0.75)


@pytest.mark.slow
def test_of_the_copies_of_a_deleted_session_one_counts(sessions: SessionRepository, original: str) -> None:
    copies = [sessions.duplicate(original).session_id for _ in range(3)]
    before = total(sessions)
    for deleted in (original, copies[0], copies[2]):
        sessions.delete(deleted)
        assert total(sessions) == before
    sessions.restore(original)
    assert total(sessions) == before
    sessions.delete(copies[1])
    sessions.delete(original)
    assert total(sessions)[:3] == (0, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("redact", [True, False])
def test_importing_an_export_again_adds_nothing(
    sessions: SessionRepository, original: str, redact: bool
) -> None:
    sessions.append(original, [message("OPENAI_API_KEY=sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD")])
    before, document = total(sessions), export(sessions, original, redact=redact)
    for imported in (sessions.import_document(document), sessions.import_document(document)):
        assert (imported.input_tokens, imported.estimated_cost) == (100, 0.5)
        assert imported.extra["theirs"] == {"kept": [1]}
        assert total(sessions) == before
    sessions.append(original, turns(2), input_tokens=120)
    sessions.import_document(document)
    assert total(sessions) == (1, 7, 120, 10, 0.5)
    copy = sessions.duplicate(original).session_id
    sessions.import_document(export(sessions, copy))
    assert total(sessions) == (1, 7, 120, 10, 0.5)
    sessions.delete(original)
    sessions.delete(copy)
    assert total(sessions)[2:] == (120, 10, 0.5), "the import of the copy has them"


def test_of_imports_of_a_foreign_export_one_counts(sessions: SessionRepository, original: str) -> None:
    document = export(sessions, original) | {"session_id": "elsewhere"}
    sessions.delete(original)
    for _ in range(3):
        sessions.import_document(document)
        assert total(sessions) == (1, 4, 100, 10, 0.5)


def test_another_conversation_under_the_same_id_counts(sessions: SessionRepository, original: str) -> None:
    other = export(sessions, original) | {"messages": [message("something else")]}
    sessions.import_document(other)
    assert total(sessions) == (2, 5, 200, 20, 1.0)
    without_id = {name: value for name, value in other.items() if name != "session_id"}
    sessions.import_document(without_id)
    assert total(sessions)[2] == 300


@pytest.mark.parametrize(
    "mark", [None, 7, "x", {}, {"session_id": 1}, {"session_id": "original", "input_tokens": -1}]
)
def test_a_mark_that_cannot_be_read_takes_nothing_away(
    sessions: SessionRepository, original: str, mark: Any
) -> None:
    write_document(sessions, "other", title="Two", messages=turns(1), input_tokens=5, copied_from=mark)
    assert total(sessions)[2] == 105


# ---- the agent's ----------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The state.db of the home of `sessions`; each of its sessions cost something."""
    (tmp_path / "home").mkdir()
    path = filled_state(tmp_path / "home" / "state.db")
    with writing(path) as db:
        db.execute("UPDATE sessions SET input_tokens = 10, output_tokens = 1, estimated_cost_usd = 0.5")
    return path


@pytest.mark.slow
def test_an_import_of_the_agent_s_conversation_counts_once(path: Path, sessions: SessionRepository) -> None:
    def figures() -> tuple[Any, ...]:
        return total(sessions)[2:]

    before = figures()
    sessions.import_document(export(sessions, "c"))
    assert figures() == before
    sessions.import_agent_session("c")
    assert figures() == before
    sessions.duplicate("c")
    assert figures() == before
    with writing(path) as db:
        db.execute(
            "UPDATE sessions SET end_reason = 'compression', ended_at = ? WHERE id = 'c'", [START + 300]
        )
        add_session(db, "d", "six", begun=START + 300, parent_session_id="c", input_tokens=5, output_tokens=0)
    after = (before[0] + 5, *before[1:])
    assert figures() == after
    sessions.import_agent_session("d")
    assert figures() == after
    sessions.delete_everywhere("c")
    sessions.restore("c")
    assert figures() == after
