"""Answers within their budget: made-up transcripts of all sizes, read to their end and back."""

import random
import re
from typing import Any, cast

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.mcp.budget import tokens
from hermes_sessions.mcp.conversation import ReadRequest, read
from hermes_sessions.results import MessagePage

from .asking import ALLOWED, blocks, estimated

HEADINGS = ('"Title", id 1234, 5 messages', f'"{"中" * 470}", id 1234')  # the longest that a row can be


class Summarized:
    """The little of a summary that reading asks for."""

    session_id = "1234"
    of_agent = False

    def __init__(self, waiting: str) -> None:
        self.pending_user_message = waiting


class Kept:
    """The calls of a repository that reading makes, over messages in memory."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self._messages = messages

    def messages(
        self, _id: str, *, before: int | None = None, limit: int, after: int | None = None
    ) -> MessagePage:
        """Return a page as the library does."""
        end = len(self._messages) if before is None else before
        first = max(0, end - limit) if after is None else after
        end = min(end, first + limit)
        return MessagePage(self._messages[first:end], first, len(self._messages))


def transcript(choice: random.Random) -> list[dict[str, Any]]:
    """Return messages, a few of them much longer than an answer."""
    made: list[dict[str, Any]] = []
    for _ in range(choice.randrange(1, 60)):
        length = int(10 ** choice.uniform(0, choice.choice((2, 3, 4.5))))
        text = "".join(choice.choices(choice.choice(("ab c\n", "中文字。", "aé中 🙂")), k=length))
        role = choice.choice(("user", "assistant", "tool"))
        call = {"id": "1", "function": {"name": "run", "arguments": text[:300]}}
        made.append({"role": role, "content": text} | ({"tool_calls": [call]} if role == "assistant" else {}))
    return made


def answer(kept: Kept, request: ReadRequest, most: int) -> str:
    """Return an answer, which is within its budget, whatever the conversation is called."""
    text = ""
    for heading, waiting in zip(HEADINGS, ("", "待" * 5_000), strict=True):
        summary = cast(Any, Summarized(waiting))
        text = text or read(cast(SessionRepository, kept), summary, heading, request, most)
        long = read(cast(SessionRepository, kept), summary, heading, request, most)
        assert estimated(long) <= ALLOWED * most
        blocks(long)
    return text


def numbers(text: str) -> list[int]:
    """Return which messages an answer shows."""
    return list(map(int, re.findall(r"^\[(\d+)\] (?:user|assistant|tool)", text, re.MULTILINE)))


@pytest.mark.parametrize("seed", range(25))
def test_every_message_is_reached_within_the_budget(seed: int) -> None:
    choice = random.Random(seed)
    messages = transcript(choice)
    kept, most = Kept(messages), choice.choice((1_000, 1_500, 4_000))

    reached: list[int] = []
    at: int | None = 0
    while at is not None:
        text = answer(kept, ReadRequest(at, False, None, "short"), most)
        shown = numbers(text)
        assert shown, "no progress"
        reached += shown
        later = re.search(r"^Later: at=(\d+), around=false$", text, re.MULTILINE)
        at = int(later[1]) if later else None
    assert reached == list(range(len(messages)))

    middle = len(messages) // 2
    around = numbers(answer(kept, ReadRequest(middle, True, None, "short"), most))
    assert middle in around
    assert around == list(range(around[0], around[-1] + 1))


@pytest.mark.parametrize("seed", range(25))
def test_the_parts_of_a_message_are_all_of_it(seed: int) -> None:
    choice = random.Random(seed)
    messages = transcript(choice)
    longest = max(range(len(messages)), key=lambda index: len(messages[index]["content"]))
    kept, most = Kept(messages), choice.choice((1_000, 4_000, 20_000))

    pieces, part = "", 1
    while part:
        text = answer(kept, ReadRequest(longest, True, part, "short"), most)
        pieces += blocks(text)[0]
        on = re.search(r"^Go on: at=\d+, part=(\d+)$", text, re.MULTILINE)
        part = int(on[1]) if on else 0

    assert messages[longest]["content"].strip() in pieces


def test_tokens_are_counted_as_the_answer_promises() -> None:
    assert [tokens(text) for text in ("", "abcd", "abcde", "中文", "ab中")] == [0, 1, 2, 2, 2]
