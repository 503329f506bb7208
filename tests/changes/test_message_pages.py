"""Pages of transcripts: the same messages as the whole session has, and little more read than they are."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions import MessagePage, SessionRepository
from hermes_sessions.index import database
from hermes_sessions.json_text import Malformed
from hermes_sessions.sidecars import document, layout, marks, outlined
from hermes_sessions.sidecars.document import BOM, Span

from ..sidecars.test_document import DOCUMENTS, INDENTS, text_of
from ..sidecars.test_hostile import HANDLED, REFUSED
from ..support.efforts import examples
from ..support.make import folder_of, message, turns, write, write_document
from ..support.programs import need_strace

PATTERNS = ("", "short", "a" * 9000, "ü" * 20_000, "x" * 40_000, "\ud800" * 3, '"}, {"\\' * 5000)


# ---- marks ----------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([1, 50, 9000, 20_000, 33_000, 70_000]), max_size=30), st.data())
def test_between_two_marks_lie_few_bytes_or_one_message(sizes: list[int], data: st.DataObject) -> None:
    spans, at = [], 1
    for size in sizes:
        spans.append(Span(at, at + size))
        at += size + 2
    packed, total = marks.extended(b"", 0, spans)
    assert total == len(sizes)
    for index, span in enumerate(spans):
        stretch = marks.around(packed, index, index + 1, total, at)
        assert stretch.first <= index < stretch.first + stretch.total
        assert stretch.start <= span.start
        assert span.end <= stretch.end
        assert stretch.total == 1 or stretch.end - stretch.start <= marks.STEP + 2
    start = data.draw(st.integers(0, total))
    assert marks.extended(*marks.extended(b"", 0, spans[:start]), spans[start:]) == (packed, total)
    kept = marks.before(packed, spans[start].start if start < total else at)
    assert kept == marks.extended(b"", 0, spans[:start])[0]


def test_a_transcript_of_more_than_four_gigabytes_is_marked_as_far_as_that() -> None:
    spans = [Span(number << 30, (number + 1) << 30) for number in range(8)]
    packed, total = marks.extended(b"", 0, spans)
    assert marks.around(packed, 2, 3, total, 8 << 30)[:2] == (2, 1)
    assert marks.around(packed, 7, 8, total, 8 << 30)[:2] == (3, 5)


# ---- surveys --------------------------------------------------------------------------------------------


@given(DOCUMENTS, INDENTS, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.integers(1, 40))
def test_piece_by_piece_is_as_at_once(value: Any, indent: Any, ends: str, bom: bool, piece: int) -> None:
    data = text_of(value, indent, ends, bom)
    assert piecewise(data, piece) == at_once(data)


@given(st.lists(DOCUMENTS, min_size=1, max_size=4), INDENTS | st.just(2), st.integers(50, 900))
def test_many_items_piece_by_piece_are_as_at_once(values: list[Any], indent: Any, piece: int) -> None:
    data = text_of({"messages": values * 20, "title": "é", "odd": values * 3}, indent)
    assert piecewise(data, piece) == at_once(data)


@pytest.mark.parametrize("piece", [1, 7, 1000])
@pytest.mark.parametrize("name", [*HANDLED, *REFUSED])
def test_what_is_refused_at_once_is_refused_piece_by_piece(name: str, piece: int) -> None:
    data = (HANDLED | REFUSED)[name]
    if len(data) > 100_000:
        piece = 100_000
    try:
        expected: object = at_once(data)
    except Malformed:
        with pytest.raises(Malformed):
            piecewise(data, piece)
    else:
        assert piecewise(data, piece) == expected


def piecewise(data: bytes, piece: int) -> layout.Survey:
    return layout.survey_pieces(lambda start, end: data[start:end], len(data), piece)


def at_once(data: bytes) -> layout.Survey:
    return layout.survey_members(data, document.members(data))


# ---- pages after any writes -------------------------------------------------------------------------------

MESSAGES = st.lists(
    st.builds(message, st.sampled_from(PATTERNS), at=st.none() | st.just(1_777_000_000.0)), max_size=4
)
CARDS = st.lists(st.fixed_dictionaries({}, optional={"assistant_msg_idx": st.integers(0, 9)}), max_size=3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("update"), st.text(max_size=12)),
        st.tuples(st.sampled_from(["append", "save"]), MESSAGES),
        st.tuples(st.just("append with cards"), CARDS),
        st.tuples(st.just("truncate"), st.integers(0, 12)),
        st.tuples(st.sampled_from(["clear", "undo", "foreign", "delete and restore"]), st.none()),
    ),
    max_size=6,
)
LIMITS = st.sampled_from([None, 0, 1, 2, 3, 30])
PLACES = st.none() | st.integers(0, 20)
KEYS = ("session_id", "title", "odd", "messages", "tool_calls")


def first_text(messages: list[Any], order: list[str], more: dict[str, Any], **layout: Any) -> bytes:
    """Return a session's text with its keys in this order."""
    values: dict[str, Any] = {"session_id": "one", "title": "One", "odd": {"messages": [1]}, "tool_calls": []}
    values |= {"messages": [*messages, *turns(3)]}
    return text_of({key: values[key] for key in order} | more, **layout)


FIRST = st.builds(
    first_text,
    MESSAGES,
    st.permutations(KEYS),
    st.sampled_from([{}, {"score": float("nan")}]),
    indent=st.sampled_from([None, 0, 2, "\t"]),
    ends=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
)


def apply(sessions: SessionRepository, verb: str, argument: Any) -> None:
    """Do one of `STEPS`."""
    session = sessions.get("one")
    match verb:
        case "update":
            sessions.update("one", title=argument)
        case "append":
            sessions.append("one", argument)
        case "append with cards":
            sessions.append("one", [message("card")], tool_calls=argument)
        case "save":
            sessions.save(replace(session, messages=[*session.messages[1:], *argument]))
        case "truncate":
            sessions.truncate("one", argument)
        case "clear":
            sessions.clear("one")
        case "undo":
            if session.messages:
                sessions.undo("one")
        case "delete and restore":
            delete_and_restore(sessions)
        case _:
            path = folder_of(sessions) / "one.json"
            write(sessions, "one", path.read_bytes() + b"\n")


@given(
    FIRST,
    STEPS,
    st.lists(st.tuples(PLACES, LIMITS, PLACES), min_size=1, max_size=6),
)
@examples(shares_fixtures=True)
def test_a_page_is_a_slice_of_the_whole_after_any_writes(
    sessions: SessionRepository,
    first: bytes,
    steps: list[tuple[str, Any]],
    asked: list[tuple[int | None, int | None, int | None]],
) -> None:
    write(sessions, "one", first)
    for verb, argument in [("append", []), *steps]:
        apply(sessions, verb, argument)
        whole = sessions.get("one")
        total = len(whole.messages)
        for before, limit, after in asked:
            indexes = range(total)[after:before]
            if limit is not None:
                indexes = indexes[max(0, len(indexes) - limit) :] if after is None else indexes[:limit]
            page = sessions.messages("one", before=before, limit=limit, after=after)
            expected = MessagePage(whole.messages[indexes.start : indexes.stop], indexes.start, total)
            assert same(page, replace(expected, tool_calls=whole.tool_calls))
            assert page.end == page.offset + len(indexes)
        check_marks(sessions)


def same(one: MessagePage, other: MessagePage) -> bool:
    return repr(one) == repr(other)  # where NaN is NaN


def check_marks(sessions: SessionRepository) -> None:
    """Check that the row knows this version of the file, and that its marks are at messages."""
    row = sessions._home.store.row("one")
    assert row is not None
    with outlined(folder_of(sessions) / "one.json") as source:
        assert row.stored.marks is not None
        assert row.stored[:2] == source.stored[:2]
        assert row.stored.tool_calls == source.stored.tool_calls
        assert row.summary.message_count == source.total
        assert row.stored.marks == source.stored.marks


# ---- how much is read -------------------------------------------------------------------------------------


@pytest.fixture
def traced(tmp_path: Path) -> Any:
    """A way to have another process ask for a page, and to know how many bytes it read of the file."""
    need_strace()

    def run(sessions: SessionRepository, call: str) -> tuple[int, Any]:
        log = tmp_path / "strace.log"
        program = (
            "import json, sys; from hermes_sessions import SessionRepository as R\n"
            f"with R.open({str(sessions.config.state_dir)!r}) as sessions: print(json.dumps({call}))"
        )
        trace: list[str | Path] = [
            "strace",
            "-f",
            "-y",
            "-o",
            log,
            "-e",
            "trace=read,pread64,preadv,readv,mmap",
        ]
        done = subprocess.run(
            [*trace, sys.executable, "-c", program],
            env=os.environ | {"HERMES_HOME": str(sessions.config.hermes_home)},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        calls = [line for line in log.read_text().splitlines() if "one.json>" in line]
        assert not any("mmap" in line for line in calls)
        found = [re.search(r"= (\d+)$", line) for line in calls]
        return sum(int(match[1]) for match in found if match), json.loads(done.stdout)

    return run


def large(sessions: SessionRepository, count: int = 400) -> list[dict[str, Any]]:
    """Write a session of some megabytes in messages of all sizes, with as much again behind them."""
    messages = [message("é" * (13 * index**2 % 30_000), at=float(index)) for index in range(count)]
    write_document(
        sessions, "one", title="One", messages=messages, tool_calls=[{"tid": "t"}], context_messages=messages
    )
    return messages


def delete_and_restore(sessions: SessionRepository) -> None:
    sessions.delete("one")
    sessions.restore("one")


WRITES: dict[str, Callable[[SessionRepository], object]] = {
    "nothing": lambda sessions: sessions.sync(),
    "a title": lambda sessions: sessions.update("one", title="a longer title than it was"),
    "an append": lambda sessions: sessions.append("one", [message("more")]),
    "many appends": lambda sessions: [
        sessions.append("one", [message("more " * 500, at=1.0)]) for _ in range(40)
    ],
    "a truncation": lambda sessions: sessions.truncate("one", 390),
    "a save": lambda sessions: sessions.save(replace(sessions.get("one"), title="saved")),
    "a save of other messages": lambda sessions: sessions.save(
        replace(sessions.get("one"), messages=sessions.get("one").messages[5:])
    ),
    "a deletion undone": delete_and_restore,
    "first read": lambda sessions: sessions.messages("one", limit=1),
}


@pytest.mark.fault
@pytest.mark.parametrize("name", WRITES)
def test_a_page_reads_a_page(sessions: SessionRepository, traced: Any, name: str) -> None:
    large(sessions)
    WRITES[name](sessions)
    whole = sessions.get("one")
    for before in (None, 200):
        call = (
            f"(p := sessions.messages('one', before={before}, limit=5)) and "
            "[p.messages, p.offset, p.total, p.tool_calls]"
        )
        read, (messages, offset, total, tool_calls) = traced(sessions, call)
        end = before or total
        assert messages == whole.messages[end - 5 : end]
        assert (offset, total, tool_calls) == (end - 5, len(whole.messages), [{"tid": "t"}])
        size = len(json.dumps(messages, ensure_ascii=False, indent=2).encode())
        assert read <= size + 2 * marks.STEP + 100


@pytest.mark.fault
def test_a_page_forward_reads_a_page(sessions: SessionRepository, traced: Any) -> None:
    whole = large(sessions)
    sessions.sync()
    call = "(p := sessions.messages('one', after=200, limit=5)) and [p.messages, p.offset, p.end]"
    read, (messages, offset, end) = traced(sessions, call)
    assert (messages, offset, end) == (whole[200:205], 200, 205)
    size = len(json.dumps(messages, ensure_ascii=False, indent=2).encode())
    assert read <= size + 2 * marks.STEP + 100


@pytest.mark.slow
def test_a_row_of_an_older_version_gets_its_marks_at_the_first_read(sessions: SessionRepository) -> None:
    messages = large(sessions)
    sessions.sync()
    with sessions._home.engine.begin() as connection:  # as the migration leaves it
        connection.exec_driver_sql(
            "UPDATE sessions SET marks = NULL, tool_calls_start = NULL, tool_calls_end = NULL"
        )
    assert sessions.messages("one", before=50, limit=2).messages == messages[48:50]
    check_marks(sessions)
    sessions.truncate("one", 3)
    check_marks(sessions)


def test_a_page_of_a_version_that_the_index_does_not_know(sessions: SessionRepository) -> None:
    write_document(sessions, "one", messages=turns(4))
    assert sessions.messages("one", limit=1).offset == 3
    write_document(sessions, "one", messages=turns(9))
    assert sessions.messages("one", before=8, limit=1).messages == turns(9)[7:8]
    check_marks(sessions)


@pytest.mark.slow
def test_messages_are_read_while_the_index_takes_no_write(sessions: SessionRepository) -> None:
    large(sessions)
    sessions.sync()
    messages = [*turns(3), message("x" * 40_000)]
    write_document(sessions, "one", messages=messages)
    with database.writing(sessions._home.engine):
        assert sessions.messages("one", limit=2).messages == messages[-2:]


@pytest.mark.parametrize("mark", [BOM, b""])
def test_a_restored_backup_keeps_its_marks(sessions: SessionRepository, mark: bytes) -> None:
    text = mark + json.dumps({"title": "One", "messages": [message("x" * 20_000) for _ in range(9)]}).encode()
    write(sessions, "one", text)
    sessions.truncate("one", 2)
    write(sessions, "one", mark + (folder_of(sessions) / "one.json").read_bytes())
    sessions.restore("one")
    check_marks(sessions)
    assert sessions.messages("one", before=8, limit=1).messages == sessions.get("one").messages[7:8]


@pytest.mark.parametrize("piece", range(1, 20))
@pytest.mark.parametrize("values", ["[1e5, 23]", "[1.5E+7, -0.5]", "[true,null]", "[NaN, -Infinity]"])
def test_a_value_that_is_cut_by_the_end_of_a_piece_is_read_whole(values: str, piece: int) -> None:
    data = f'{{"a": 1e5, "messages": {values}, "b": -1E-7}}'.encode()
    found = piecewise(data, piece)
    assert found.total == 2
    assert found.members == document.members(data)
    with pytest.raises(Malformed):
        piecewise(data[:-7], piece)
