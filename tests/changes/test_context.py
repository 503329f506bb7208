"""How a shortened session's `context_messages`, what the model is given, are cut."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.changes.context import before_last_turn, kept_with, same_in

from ..support.make import folder_of, message, turns, write_document

SUMMARY = message("a summary of what came before", "user", at=None)
FOUR = turns(4)  # asked, answered, asked, answered


def without(name: str, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in each.items() if key != name} for each in messages]


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ([], 0),
        (FOUR, 2),
        (FOUR[:2], 0),
        ([message(role="assistant")], 1),
        ([SUMMARY, *FOUR], 3),
        ([7, None], 2),
    ],
)
def test_an_undone_turn_is_taken_from_the_end_of_the_context(context: list[Any], expected: int) -> None:
    assert before_last_turn(context, None) == expected


@pytest.mark.parametrize(
    ("context", "keep", "expected"),
    [
        (FOUR, 2, 2),
        ([message(f"compressed {at}") for at in range(4)], 3, 3),  # row for row
        ([SUMMARY, *FOUR], 2, 3),
        ([SUMMARY, *FOUR], 1, 2),
        ([SUMMARY, *without("timestamp", FOUR)], 2, 3),
        (FOUR[2:], 3, 1),  # what was dropped from the context is not kept either
        (FOUR[2:], 2, 0),
        (FOUR[:2], 3, 2),
        ([SUMMARY], 3, 1),
        ([], 3, 0),
        ([SUMMARY, *(message(f"other {at}") for at in range(5))], 2, 4),  # nothing is the same
    ],
)
def test_what_belongs_to_the_kept_messages(context: list[Any], keep: int, expected: int) -> None:
    assert min(kept_with(context, FOUR, keep), len(context)) == expected


@pytest.mark.parametrize(
    ("context", "messages", "expected"),
    [
        ([{"id": 1, "role": "user"}], [{"id": 1, "role": "user"}, {"id": 2, "role": "user"}], [0, None]),
        ([message("a"), message("b")], [message("b"), message("a")], [1, None]),
        ([message("a", at=None)] * 2, [message("a", at=5)], [None]),
        ([message("a", at=5), message("a", at=6)], [message("a", at=6)], [1]),
        ([message("a", at=5)], [message("a", at=6)], [None]),
        ([7], [None, "x", message("a")], [None, None, None]),
    ],
)
def test_which_items_are_the_same(
    context: list[Any], messages: list[Any], expected: list[int | None]
) -> None:
    assert same_in(context, messages) == expected


def test_to_align_two_long_lists_takes_linear_time() -> None:
    same = [message("ok", at=None)] * 20_000
    assert same_in(same, same[:-1]) == [None] * 19_999


CUTS: dict[str, tuple[Callable[[SessionRepository, str], object], int]] = {
    "truncate": (lambda sessions, name: sessions.truncate(name, 2), 3),
    "undo": (lambda sessions, name: sessions.undo(name), 3),
    "retry": (lambda sessions, name: sessions.retry(name), 3),
    "clear": (lambda sessions, name: sessions.clear(name), 0),
}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("name", CUTS)
def test_a_shortened_session_gives_the_model_no_removed_message(
    sessions: SessionRepository, name: str, large: bool
) -> None:
    cut, left = CUTS[name]
    context = [{**each, "number": 1.50} for each in [SUMMARY, *FOUR]]
    context[0] = {**SUMMARY, "content": "x" * 9_000 * large + "a summary"}
    write_document(sessions, name, title=name, messages=FOUR, tool_calls=[], context_messages=context)
    sessions.sync()
    cut(sessions, name)
    document = json.loads((folder_of(sessions) / f"{name}.json").read_bytes())
    assert document["context_messages"] == context[:left]
    assert not [each for each in sessions.check(deep=True) if not each.note]
    assert sessions.restore(name).message_count == 4
    assert sessions.get(name).extra["context_messages"] == context


def test_a_fork_gives_the_model_what_it_has_copied(sessions: SessionRepository) -> None:
    write_document(sessions, "one", title="One", messages=FOUR, context_messages=[SUMMARY, *FOUR])
    assert sessions.fork("one", keep=2).extra["context_messages"] == [SUMMARY, *FOUR[:2]]
    assert sessions.fork("one").extra["context_messages"] == [SUMMARY, *FOUR]
    assert sessions.get("one").extra["context_messages"] == [SUMMARY, *FOUR]
