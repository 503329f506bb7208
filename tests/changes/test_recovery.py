"""An interrupted turn: what becomes of it as a table of cases, and what holds whatever a file says."""

import copy
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions import Session, SessionRepository
from hermes_sessions.changes.recovery import recovered
from hermes_sessions.fields import FIELDS, check_messages, check_metadata, read_metadata
from hermes_sessions.messages import message_text

from ..support.efforts import examples
from ..support.make import folder_of, message, turns, write_document

NOW = 1_777_000_500.75
STARTED = 1_777_000_400.5
ERROR = {
    "role": "assistant",
    "content": "**Previous turn did not complete.**",
    "timestamp": 1_777_000_500,
    "_error": True,
}
AGAIN = {"role": "user", "content": "and then?", "timestamp": 1_777_000_400, "_recovered": True}
CLEARED: dict[str, Any] = {
    "pending_user_message": None,
    "pending_attachments": [],
    "pending_started_at": None,
    "active_stream_id": None,
}
MAY_CHANGE = {
    *CLEARED,
    *("messages", "tool_calls", "input_tokens", "output_tokens", "estimated_cost", "extra"),
}


def interrupted(**values: Any) -> Session:
    """Return a session whose turn began at `STARTED` and whose stream `s1` is gone."""
    known = {
        "title": "One",
        "input_tokens": 7,
        "estimated_cost": 0.5,
        "pending_user_message": "and then?",
        "pending_started_at": STARTED,
        "active_stream_id": "s1",
    }
    session = Session(**read_metadata("one", known, NOW))
    return replace(session, **values)


# ---- which turns are interrupted ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pending", "stream", "alive", "wanted"),
    [
        ("text", "s1", (), True),
        ("text", "s1", {"s2"}, True),
        ("text", "s1", {"s1"}, False),
        ("text", "s1", ["s2", "s1"], False),
        ("text", None, (), False),
        ("text", "", (), False),
        (None, "s1", (), False),
        ("", "s1", (), False),
        (" ", "s1", (), True),
        (None, None, (), False),
    ],
)
def test_a_turn_is_interrupted_when_its_message_waits_for_a_stream_that_is_gone(
    pending: str | None, stream: str | None, alive: Any, wanted: bool
) -> None:
    session = interrupted(pending_user_message=pending, active_stream_id=stream)
    assert session.is_interrupted(alive) is wanted
    assert session.summary().is_interrupted(alive) is wanted
    assert (recovered(session, None, NOW, alive) is None) is not wanted


# ---- what becomes of them -------------------------------------------------------------------------------

SAID = [*turns(2), message("and then?")]
PARTS = [message("ignored", content=[{"type": "text", "text": "and"}, {"type": "text", "text": "then?"}])]
CALLS = [{"name": "terminal", "assistant_msg_idx": 1}]
FIGURES = {"input_tokens": 70, "output_tokens": 80, "estimated_cost": 0.25}


def core_of(messages: Any = SAID, **values: Any) -> dict[str, Any]:
    return {"session_id": "one", "model": "other", "messages": messages, **values}


CASES: dict[str, tuple[dict[str, Any], Any, dict[str, Any]]] = {
    "nothing to go by": ({}, None, {"messages": [AGAIN, ERROR]}),
    "attachments": (
        {"pending_attachments": ["a.png", {"name": "b"}]},
        None,
        {"messages": [{**AGAIN, "attachments": ["a.png", {"name": "b"}]}, ERROR]},
    ),
    "not said when": (
        {"pending_started_at": None},
        None,
        {"messages": [{**AGAIN, "timestamp": 1_777_000_500}, ERROR]},
    ),
    "begun at zero": (
        {"pending_started_at": 0},
        None,
        {"messages": [{**AGAIN, "timestamp": 1_777_000_500}, ERROR]},
    ),
    "a wrong time": (
        {"pending_started_at": "yesterday"},
        None,
        {"messages": [{**AGAIN, "timestamp": 1_777_000_500}, ERROR]},
    ),
    "no time at all": (
        {"pending_started_at": float("nan")},
        None,
        {"messages": [{**AGAIN, "timestamp": 1_777_000_500}, ERROR]},
    ),
    "messages without the text": (
        {"messages": turns(2)},
        None,
        {"messages": [*turns(2), {**ERROR, "_unsent": "and then?"}]},
    ),
    "messages with the text": ({"messages": SAID}, None, {"messages": [*SAID, ERROR]}),
    "messages with the text in parts": (
        {"messages": PARTS, "pending_user_message": "and then?"},
        None,
        {"messages": [*PARTS, ERROR]},
    ),
    "the text said by the assistant": (
        {"messages": [message("and then?", "assistant")]},
        None,
        {"messages": [message("and then?", "assistant"), {**ERROR, "_unsent": "and then?"}]},
    ),
    "a part of the text": (
        {"messages": [message("and")]},
        None,
        {"messages": [message("and"), {**ERROR, "_unsent": "and then?"}]},
    ),
    "a number that reads as the text": (
        {"messages": [{"role": "user", "content": 5}], "pending_user_message": "5"},
        None,
        {"messages": [{"role": "user", "content": 5}, {**ERROR, "_unsent": "5"}]},
    ),
    "messages that are none": (
        {"messages": [None, "and then?", {"role": "user"}]},
        None,
        {"messages": [None, "and then?", {"role": "user"}, {**ERROR, "_unsent": "and then?"}]},
    ),
    "messages come before the agent's": (
        {"messages": turns(2)},
        core_of(**FIGURES),
        {"messages": [*turns(2), {**ERROR, "_unsent": "and then?"}]},
    ),
    "the agent's messages": ({}, core_of(), {"messages": SAID}),
    "the agent's figures": ({}, core_of(**FIGURES), {"messages": SAID, **FIGURES}),
    "some of the agent's figures": (
        {},
        core_of(input_tokens=0, output_tokens=None),
        {"messages": SAID, "input_tokens": 0},
    ),
    "wrong figures": (
        {},
        core_of(input_tokens="70", output_tokens=-1, estimated_cost=float("inf")),
        {"messages": SAID},
    ),
    "the agent's tool calls": ({}, core_of(tool_calls=CALLS), {"messages": SAID, "tool_calls": CALLS}),
    "no tool calls": (
        {"tool_calls": CALLS},
        core_of(tool_calls=[]),
        {"messages": SAID, "tool_calls": []},
    ),
    "wrong tool calls": (
        {"tool_calls": CALLS},
        core_of(tool_calls={"name": "x"}),
        {"messages": SAID, "tool_calls": CALLS},
    ),
    "tool calls that are none": (
        {},
        core_of(tool_calls=[5, *CALLS, None]),
        {"messages": SAID, "tool_calls": CALLS},
    ),
    "the agent never saw the text": (
        {"extra": {"mine": 1}},
        core_of(turns(2)),
        {"messages": turns(2), "extra": {"mine": 1, "unsent_message": "and then?"}},
    ),
    "another text was left before": (
        {"extra": {"unsent_message": "first"}},
        core_of(turns(2)),
        {"messages": turns(2), "extra": {"unsent_message": "first\n\nand then?"}},
    ),
    "some of the agent's messages are none": ({}, core_of([None, *SAID, "x"]), {"messages": SAID}),
    **{
        f"the agent's transcript is {json.dumps(core)}": ({}, core, {"messages": [AGAIN, ERROR]})
        for core in (
            *({}, [], "text", 5, True, [message()]),
            *({"messages": wrong} for wrong in ([], None, {}, "x", 5, {"0": message()}, [1, None, "x"])),
        )
    },
}


@pytest.mark.parametrize("name", CASES)
def test_what_becomes_of_an_interrupted_turn(name: str) -> None:
    values, core, changed = CASES[name]
    session = interrupted(**values)
    before = copy.deepcopy((session, core))
    assert recovered(session, core, NOW) == replace(session, **CLEARED, **changed)
    assert repr((session, core)) == repr(before)


def test_a_recovered_session_can_be_saved_and_reads_as_it_was_recovered(sessions: SessionRepository) -> None:
    pending = {"pending_user_message": "and then?", "pending_started_at": STARTED, "active_stream_id": "s1"}
    for name, (values, core, _) in CASES.items():
        rest = {
            key: value for key, value in values.items() if key in ("messages", "tool_calls", "extra", *FIELDS)
        }
        if name == "messages that are none":  # which nothing can store
            continue
        path = write_document(sessions, "one", **{**pending, **rest})
        repaired = recovered(sessions.get("one"), core, NOW)
        assert repaired is not None
        saved = sessions.save(repaired, touch=False)
        assert sessions.get("one") == saved
        assert saved.messages == repaired.messages
        assert not sessions.summary("one").waiting
        path.unlink()
    assert list(folder_of(sessions).glob("*.json")) == []


# ---- whatever a file says -------------------------------------------------------------------------------

TEXTS = st.sampled_from(["and then?", "yes", "", " ", "\ud800", "x" * 300])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
PARTED = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS | JSON}) | JSON, max_size=2)
MESSAGES = st.fixed_dictionaries(
    {}, optional={"role": st.sampled_from(["user", "assistant"]) | JSON, "content": TEXTS | PARTED | JSON}
)
LISTS = st.lists(MESSAGES | JSON, max_size=4)
STREAMS = st.sampled_from(["s1", "s2", "", None])
SESSIONS = st.builds(
    interrupted,
    pending_user_message=TEXTS | st.none(),
    active_stream_id=STREAMS,
    pending_started_at=st.none() | st.floats() | JSON,
    pending_attachments=st.lists(JSON, max_size=2),
    messages=st.just([]) | LISTS,
    tool_calls=LISTS,
    extra=st.dictionaries(st.sampled_from(["unsent_message", "other"]), JSON),
)
CORES = st.fixed_dictionaries(
    {},
    optional={
        "messages": LISTS | JSON,
        "tool_calls": LISTS | JSON,
        **dict.fromkeys(FIGURES, JSON | st.integers(0, 9)),
    },
)
ALIVE = st.sets(st.sampled_from(["s1", "s2", "s3"]))
THOROUGH = examples(3)


def values_of(session: Session) -> dict[str, Any]:
    """Return the session's fields by name."""
    return {item.name: getattr(session, item.name) for item in fields(session)}


def keeps(session: Session, text: str) -> bool:
    """Whether a session still has a text that the user typed, where somebody would look for it."""
    messages: list[Any] = session.messages
    said = [each for each in messages if isinstance(each, dict)]
    sent = [message_text(each) for each in said if each.get("role") == "user"]
    unsent = [each["_unsent"] for each in said[-1:] if "_unsent" in each]
    left = session.extra.get("unsent_message")
    return text in sent or text in unsent or (isinstance(left, str) and left.endswith(text))


@THOROUGH
@given(SESSIONS, CORES | JSON, st.floats(0, 4e9), ALIVE)
def test_only_an_interrupted_turn_is_recovered_and_only_once(
    session: Session, core: Any, now: float, alive: set[str]
) -> None:
    before = repr((session, core))
    found = recovered(session, core, now, alive)
    assert repr((session, core)) == before
    assert (found is not None) is session.is_interrupted(alive)
    assert found is None or (recovered(found, core, now, alive) is None and not found.waiting)


@THOROUGH
@given(SESSIONS, CORES | JSON, st.floats(0, 4e9))
def test_only_the_turn_the_transcript_and_its_figures_change(session: Session, core: Any, now: float) -> None:
    found = recovered(session, core, now)
    if found is None:
        return
    before, after = values_of(session), values_of(found)
    changed = {name for name in before if repr(before[name]) != repr(after[name])}
    assert changed <= MAY_CHANGE
    assert {name: after[name] for name in CLEARED} == CLEARED
    assert {"unsent_message", *found.extra} == {"unsent_message", *session.extra}
    if session.messages:
        assert changed <= {*CLEARED, "messages"}


@THOROUGH
@given(SESSIONS, CORES | JSON, st.floats(0, 4e9))
def test_messages_are_only_ever_added_at_the_end(session: Session, core: Any, now: float) -> None:
    found = recovered(session, core, now)
    if found is None or not session.messages:
        return
    *kept, last = found.messages
    assert repr(kept) == repr(session.messages)
    assert last.items() >= {**ERROR, "timestamp": int(now)}.items()
    assert last.keys() <= {*ERROR, "_unsent"}


@THOROUGH
@given(SESSIONS, CORES | JSON, st.floats(0, 4e9))
def test_what_the_user_typed_is_never_lost(session: Session, core: Any, now: float) -> None:
    found = recovered(session, core, now)
    text = session.pending_user_message
    if found is None or text is None:
        return
    assert keeps(found, text)


@THOROUGH
@given(SESSIONS, CORES | JSON, st.floats(0, 4e9))
def test_what_is_taken_over_can_be_stored(session: Session, core: Any, now: float) -> None:
    found = recovered(replace(session, messages=[], tool_calls=[]), core, now)
    if found is None:
        return
    figures: Mapping[str, Any] = {name: getattr(found, name) for name in FIGURES}
    check_metadata(figures)
    assert found.messages
    check_messages(found.messages)
    check_messages(found.tool_calls)
