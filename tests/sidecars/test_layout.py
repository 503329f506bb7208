"""The survey in one pass tells of a document what the general one tells, or nothing."""

import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from hermes_sessions.errors import Unreadable
from hermes_sessions.json_text import Malformed
from hermes_sessions.sidecars import document, layout, load, marks, outline_of, reading
from hermes_sessions.sidecars.document import BOM, Span

from ..support.efforts import examples
from ..support.make import turns
from .test_document import DOCUMENTS, VALUES, text_of
from .test_hostile import HANDLED, REFUSED

PLAIN = st.text(max_size=20) | st.integers() | st.lists(st.none() | st.booleans(), max_size=2)
LISTS = st.lists(st.dictionaries(st.sampled_from(["role", "content", "timestamp"]), PLAIN), max_size=3)
ANY_ORDER = st.fixed_dictionaries(
    {"session_id": st.just("one"), "title": PLAIN, "messages": LISTS},
    optional={"tool_calls": LISTS, "context_messages": LISTS, "workspace": VALUES, "messages ": PLAIN},
)
ORDER = ("session_id", "workspace", "title", "messages", "tool_calls", "messages ", "context_messages")
USUAL = ANY_ORDER.map(lambda value: {key: value[key] for key in ORDER if key in value})
# What makes of a text in the usual layout another layout of the same, another text, or none; `|` ends a line.
CUTS = [BOM, *(bytes([each]) for each in b' ,]}[{:0"\\\n\0\xff\xc3')]
CUTS += [
    cut.strip(b" \n").replace(b"|", b"\n")
    for cut in rb"""|  ] ; NaN ; 1e999 ; \ud800 ; \u0061 ; "title": 1, ; ,|  "title": 1; [|  ] ; {|  "a": 1} ;
    |  "messages": [], ; ,|  "tool_calls": [] ; [|    {|  "messages": [|  ]|}|  ]""".split(b";")
]


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Return a document in the usual layout or near it, too short for marks or not, perhaps broken."""
    value: dict[str, Any] = draw(st.one_of([USUAL] * 6 + [ANY_ORDER, DOCUMENTS]))
    for key in ("messages", "tool_calls"):
        if isinstance(value.get(key), list):
            value[key] = value[key] * draw(st.sampled_from([1, 1, 1, 1000]))
    ends, bom = draw(st.sampled_from(["\n", "\n", "\n", "\r\n"])), draw(st.sampled_from([False] * 9 + [True]))
    data = text_of(value, draw(st.sampled_from([2, 2, 2, 2, None, 0, 1, "\t"])), ends, bom)
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        around = draw(
            st.sampled_from([0, max(0, len(data) - 300), data.find(b'"messages"'), data.find(b"\n  ]")])
        )
        places = [each.start() for each in re.finditer(rb'[\[\]{},:"\n]', data[around : around + 300])]
        at = around + draw(st.sampled_from(places or [0])) + draw(st.integers(0, 1))
        data = data[:at] + draw(st.sampled_from(CUTS)) + data[at + draw(st.integers(0, 3)) :]
    return data


@examples(3)
@given(texts())
def test_in_one_pass_the_same_is_told_as_in_general(data: bytes) -> None:
    laid = told(lambda: layout.survey_usual(data))
    event("nothing" if laid is None else "refused" if isinstance(laid, str) else "told")
    if laid is not None:
        assert str(laid) == str(told(lambda: in_general(data)))


def in_general(data: bytes) -> layout.Survey:
    """Return what the members of a document give."""
    members = document.members(data)
    survey = layout.survey_members(data, members)
    assert survey.transcript
    values = document.values(lambda start, end: data[start:end], members)
    del values["messages"]
    values.pop("tool_calls", None)
    texts = document.item_texts(data, survey.transcript)
    return survey._replace(members=(), values=values, texts=texts)


def told(read: Callable[[], Any]) -> Any:
    """Return what was read, the texts as such, or why it could not be."""
    try:
        found = read()
    except (Malformed, Unreadable) as error:
        return error.reason if isinstance(error, Unreadable) else str(error)
    return (
        found._replace(texts=[bytes(text) for text in found.texts or ()])
        if isinstance(found, layout.Survey)
        else found
    )


@given(texts())
def test_a_file_has_the_same_summary_either_way(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "one.json")
        path.write_bytes(data)
        assert str(told(lambda: reading.read_summary(path, "one"))) == str(told(lambda: by_members(path)))


def by_members(path: Path) -> object:
    if path.stat().st_size > layout.LARGEST_AT_ONCE:  # never by the usual layout, and other words for errors
        return reading.read_summary(path)
    return reading.summary(outline_of(load(path)))


RESEMBLING = [
    b'{\n  "title": "a",\n  "messages": [\n    1\n  ],\n  "title": "b"\n}',
    b'{\n  "title": "a",\n  "title": "b",\n  "messages": []\n}',
    b'{\n  "a": 1, "a": 2,\n  "b": {\n  "c": 1},\n  "messages": []\n}',
    b'{\n  "a": {\n  "messages": []\n}}',
    b'{\n  "tool_calls": [],\n  "messages": [],\n  "tool_calls": []\n}',
    b'{\n  "messages": [],\n  "tool_calls": [],\n  "tool_calls": []\n}',
    b'{\n  "messages": [],\n  "messages": []\n}',
    b'{\n  "messages": [\n    [\n  ]\n  ]\n}',
    b'{\n  "messages": [\n    {\n  "a": [\n  ],\n  "tool_calls": []}\n  ],\n  "tool_calls": []\n}',
    b'{\n  "messages": [],\n  "tool_calls": [\n    {"a": [\n  ],\n  "tool_calls": [\n    1\n  ]}\n  ]\n}',
    b'{\n  "messages": [\n  ],\n  "a": 1,\n}',
    b'{\n  "messages": [\n    1\n  ]}',
    b'{\n  "messages": [\n    1\n  ] \n} x',
    b'{\n  "messages": []x\n}',
    b'{\n  "title":  "two spaces",\n  "messages":  [\n    {}\n  ],\n  "tool_calls":  []\n}',
    b'{\n  "messages": [\n    {}\n  ],\n  "tool_calls":  [\n    {}\n  ]\n}',
    b'{\n  "messages": [],\n}',
    b'{\n  "messages": [],\n  "tool_calls": ["\\ud800"]\n}',
    b'{\n  "messages": [],\n  "tool_calls": {},\n  "a": 1\n}',
    b'{\n  "messages": [],\n  "a": "' + b"x" * 5000 + b'"\n}',
    b'{\n  "messages": [\n    "' + b"x" * 40_000 + b'",\n     1,\n   2\n  ]\n}',
    b'{\n  "messages": [\n    "\xff"\n  ]\n}',
]


@pytest.mark.parametrize("data", [*HANDLED.values(), *REFUSED.values(), *RESEMBLING])
def test_what_only_resembles_the_usual_layout(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "one.json"
    path.write_bytes(data)
    assert str(told(lambda: reading.read_summary(path, "one"))) == str(told(lambda: by_members(path)))


@pytest.mark.parametrize("rest", [{}, {"tool_calls": []}, {"tool_calls": turns(90), "context_messages": [1]}])
@pytest.mark.parametrize("count", [0, 1, 900])
def test_the_usual_layout_is_read_in_one_pass(count: int, rest: dict[str, Any]) -> None:
    data = text_of({"title": "é", "messages": turns(count), **rest}, 2)
    laid = layout.survey_usual(data)
    assert laid is not None
    assert str(told(lambda: laid)) == str(told(lambda: in_general(data)))
    assert bool(laid.marks) == (count == 900)


@given(st.lists(st.sampled_from([1, 50, 9000, 32_768, 33_000, 70_000])), st.integers(1, 9), st.integers(1, 9))
def test_marks_of_lengths_are_those_of_places(sizes: list[int], begin: int, between: int) -> None:
    spans, at = [], begin
    for size in sizes:
        spans.append(Span(at, at + size))
        at += size + between
    assert marks.laid_out(sizes, begin, between) == marks.extended(b"", 0, spans)[0]
