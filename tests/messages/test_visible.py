"""Pages by visible messages: which messages count, and that no page loses one."""

from typing import Any

import pytest

from hermes_sessions import MessagePage
from hermes_sessions.messages import calls_of_page, is_visible, visible_page

USER, ANSWER = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
TOOL: dict[str, Any] = {"role": "tool", "content": "r"}
FRAGMENT = {"role": "assistant", "_partial": True, "content": " "}


@pytest.mark.parametrize(
    ("message", "visible"),
    [
        (USER, True),
        (ANSWER, True),
        ({"role": "assistant", "content": "", "tool_calls": [{}]}, True),
        ({"role": "system"}, True),
        (TOOL, False),
        ({"role": " Tool "}, False),
        ({"role": ""}, False),
        ({"role": None}, False),
        ({}, False),
        ("text", False),
        (FRAGMENT, False),
        (FRAGMENT | {"content": [{"type": "text", "text": " "}]}, False),
        (FRAGMENT | {"content": [{"type": "text", "text": "begun"}]}, True),
    ],
)
def test_which_messages_are_visible(message: Any, visible: bool) -> None:
    assert is_visible(message) is visible


def page_of(text: str, before: int | None, limit: int) -> tuple[int, str, list[int]]:
    """Return a page of a transcript in letters (u, a, t): its offset, its letters, the size of each read."""
    kinds = {"u": USER, "a": ANSWER, "t": TOOL}
    messages = [dict(kinds[letter], letter=letter) for letter in text]
    reads: list[int] = []

    def read(end: int | None, most: int) -> MessagePage:
        stop = len(messages) if end is None else min(end, len(messages))
        start = max(0, stop - most)
        reads.append(stop - start)
        return MessagePage(messages[start:stop], start, len(messages))

    page = visible_page(read, before, limit)
    return page.offset, "".join(message["letter"] for message in page.messages), reads


@pytest.mark.parametrize(
    ("text", "before", "limit", "offset", "expected"),
    [
        ("ua" * 5, None, 3, 7, "aua"),
        ("uattta", None, 2, 1, "attta"),
        ("uatttatt", None, 1, 5, "att"),
        ("uatttatt", 5, 1, 1, "attt"),
        ("uattta", 1, 9, 0, "u"),
        ("uattta", 0, 9, 0, ""),
        ("tttt", None, 2, 2, "tt"),
        ("ttuttt", None, 9, 0, "ttuttt"),
        ("", None, 2, 0, ""),
    ],
)
def test_a_page_has_as_many_visible_messages_as_asked(
    text: str, before: int | None, limit: int, offset: int, expected: str
) -> None:
    assert page_of(text, before, limit)[:2] == (offset, expected)


def test_pages_one_after_the_other_are_the_whole_transcript() -> None:
    text, before, whole = "uatta" * 40 + "ttt", None, ""
    while before != 0:
        before, page, _ = page_of(text, before, 7)
        whole = page + whole
    assert whole == text


def test_a_long_run_of_results_is_read_in_growing_steps() -> None:
    offset, page, reads = page_of("ua" + "t" * 1000, None, 2)
    assert (offset, len(page)) == (0, 1002)
    assert len(reads) < 12


def test_the_calls_of_a_page_count_from_its_first_message() -> None:
    calls = [{"assistant_msg_idx": index, "tid": index} for index in (0, 3, 4, 5)]
    odd: list[Any] = [{"assistant_msg_idx": True}, {"tid": 1}, "call", {"assistant_msg_idx": "3"}]
    page = MessagePage([USER, ANSWER], 3, 9, [*calls, *odd])
    assert calls_of_page(page) == [{"assistant_msg_idx": 0, "tid": 3}, {"assistant_msg_idx": 1, "tid": 4}]
