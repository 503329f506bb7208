"""What the search index has of a message: its text, the tools it is about, and what else it holds."""

from typing import Any

import pytest

from hermes_sessions.messages import read_message
from hermes_sessions.search.echoes import is_search_tool
from hermes_sessions.search.indexed_text import (
    LONGEST_RESULT,
    LONGEST_TOOL,
    MOST_TAIL_WORDS,
    CallsBefore,
    Feature,
    indexed_text,
    shown_text,
)
from hermes_sessions.search.words import index_form

MESSAGES: dict[str, tuple[Any, str]] = {
    "text": ({"role": "user", "content": "rent"}, "rent"),
    "parts": ({"role": "user", "content": [{"type": "text", "text": "rent"}, {"type": "image_url"}]}, "rent"),
    "reasoning": ({"role": "assistant", "content": "", "reasoning": "think"}, "think"),
    "call": (
        {"role": "assistant", "tool_calls": [{"function": {"name": "ls", "arguments": '{"a": 1}'}}]},
        'ls\n{"a": 1}',
    ),
    "attachment": (
        {"role": "user", "content": "see", "attachments": ["a.pdf", {"name": "b.pdf"}]},
        "see\na.pdf\nb.pdf",
    ),
    "data": (
        {"role": "user", "content": "![](data:image/png;base64,AAAA/b+c==) seen"},
        "![](data:image/png ) seen",
    ),
    "no object": (3, "3"),
    "odd": ({"role": 1, "content": None, "tool_calls": [1, {"function": 2}], "attachments": [None, {}]}, "1"),
    "half a pair": ({"role": "user", "content": "\ud800"}, "\ufffd"),
    "a search": (
        {"role": "assistant", "content": "hm", "tool_calls": [{"function": {"name": "session_search"}}]},
        "hm",
    ),
    "found by a search": ({"role": "tool", "name": "mcp_x_search_conversations", "content": "other"}, ""),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_indexed_text_of_a_message(name: str) -> None:
    message, text = MESSAGES[name]
    assert indexed_text(read_message(message), CallsBefore()).text == text


# ---- long results -----------------------------------------------------------------------------------------


def result(text: str) -> str:
    """What is indexed of a tool's result."""
    return indexed_text(read_message({"role": "tool", "content": text}), CallsBefore()).text


def test_behind_the_beginning_of_a_result_each_word_is_indexed_once() -> None:
    text = result("x " * LONGEST_TOOL + "walrus my-key walrus x")
    assert text.count("walrus") == text.count("my-key") == 1
    assert len(text) < LONGEST_TOOL + 50


def test_words_behind_it_are_not_beside_each_other() -> None:
    words = index_form(result("x " * LONGEST_TOOL + "walrus pelican")).split()
    assert words[words.index("walrus") + 1] != "pelican"


def test_the_words_of_a_huge_result_are_bounded() -> None:
    many = "".join(f"w{number} " for number in range(100_000))
    assert len(result(many).split("\ue000")) == MOST_TAIL_WORDS + 1
    assert "late" not in result("x " * LONGEST_RESULT + "late")


def test_a_snippet_is_cut_from_the_whole_result() -> None:
    message = read_message({"role": "tool", "content": "x " * LONGEST_TOOL + "the walrus and the pelican"})
    assert "the walrus and the pelican" in shown_text(message)


# ---- features and tools -----------------------------------------------------------------------------------

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
FEATURES: dict[str, tuple[Any, int]] = {
    "nothing": ({"role": "user", "content": "an error, in words"}, 0),
    "code": ({"role": "assistant", "content": "```py\nx\n```"}, Feature.CODE),
    "picture": ({"role": "user", "content": [PICTURE]}, Feature.IMAGE),
    "picture in the text": (
        {"role": "user", "content": "![](data:image/png;base64,iVBORw0KGgo=)"},
        Feature.IMAGE,
    ),
    "file": ({"role": "user", "content": "see", "attachments": ["a.pdf"]}, Feature.ATTACHMENT),
    "traceback": ({"role": "tool", "content": "Traceback (most recent call last):\n  x"}, Feature.ERROR),
    "exit code": ({"role": "tool", "content": '{"output": "", "exit_code": 2}'}, Feature.ERROR),
    "exit code 0": ({"role": "tool", "content": '{"output": "", "exit_code": 0, "error": null}'}, 0),
    "stated": ({"role": "tool", "content": '{"error": "no such file"}'}, Feature.ERROR),
    "failed": ({"role": "assistant", "content": "x", "_error": True}, Feature.ERROR),
}


@pytest.mark.parametrize("name", FEATURES)
def test_what_a_message_holds_beside_its_words(name: str) -> None:
    message, features = FEATURES[name]
    assert indexed_text(read_message(message), CallsBefore()).features == features


def test_the_tools_that_a_message_calls_and_answers() -> None:
    calls = [{"function": {"name": "ls"}}, {"function": {"name": "cat"}}, {"function": {"name": "ls"}}]
    asked = read_message({"role": "assistant", "tool_calls": calls})
    assert indexed_text(asked, CallsBefore()).tools == ("ls", "cat")
    answer = read_message({"role": "tool", "name": "ls", "content": ""})
    assert indexed_text(answer, CallsBefore()).tools == ("ls",)


def test_the_tool_of_a_result_is_known_by_its_call() -> None:
    before = CallsBefore()
    before.add(read_message({"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "LS"}}]}))
    answer = read_message({"role": "tool", "tool_call_id": "c1", "content": ""})
    assert indexed_text(answer, before).tools == ("ls",)
    assert indexed_text(answer, CallsBefore()).tools == ()


# ---- echoes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [("session_search", True), ("mcp_hermes_search_conversations", True), ("research", False), ("", False)],
)
def test_tools_that_search_conversations_are_known(name: str, expected: bool) -> None:
    assert is_search_tool(name) is expected


def test_the_result_of_a_search_is_known_by_its_call() -> None:
    call = {"id": "c1", "function": {"name": "session_search", "arguments": '{"query": "walrus"}'}}
    before = CallsBefore()
    before.add(read_message({"role": "assistant", "tool_calls": [call]}))
    answer = read_message({"role": "tool", "tool_call_id": "c1", "content": "the walrus elsewhere"})
    assert not indexed_text(answer, before).text
    assert indexed_text(answer, CallsBefore()).text
