"""The messages of a sample conversation, as the web UI stores them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import cycle, islice
from random import Random
from typing import Any

from .subjects import FOLLOW_UPS, WORDS, Subject, Tool

Document = dict[str, Any]
Words = Mapping[str, str]


def choose_words(rng: Random) -> Words:
    """Return a word for each name that a text may contain."""
    return {name: rng.choice(choices) for name, choices in WORDS.items()}


def fill(text: str, words: Words) -> str:
    """Return `text` with the words in place of their names."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: words[match[1]], text)


def make_transcript(
    rng: Random, subject: Subject, turns: int, words: Words, ended_at: float
) -> tuple[list[Document], list[Document]]:
    """Return the messages of a conversation, and the session's list of tool calls.

    `turns` is the number of questions; `ended_at` is when the last message was sent, in seconds since the
    epoch.
    """
    messages: list[Document] = []
    tool_calls: list[Document] = []
    for turn in islice(cycle((*subject.turns, *FOLLOW_UPS)), turns):
        messages.append({"role": "user", "content": fill(turn.question, words)})
        if turn.tool:
            tool_calls.append(_tool_call(rng, turn.tool, words, len(messages)))
            messages += _call_and_result(tool_calls[-1], fill(turn.tool.output, words))
        messages.append({"role": "assistant", "content": fill(turn.answer, words)})
        if turn.reasoning:
            messages[-1]["reasoning"] = turn.reasoning
    _add_times(rng, messages, ended_at)
    return messages, tool_calls


def _add_times(rng: Random, messages: list[Document], ended_at: float) -> None:
    at = ended_at
    for message in reversed(messages):
        message["timestamp"] = int(at)
        at -= rng.uniform(2, 400 if message["role"] == "user" else 30)


def _tool_call(rng: Random, tool: Tool, words: Words, index: int) -> Document:
    arguments = {name: fill(str(value), words) for name, value in tool.arguments.items()}
    return {
        "name": tool.name,
        "snippet": fill(tool.output, words)[:200],
        "tid": f"call_{rng.getrandbits(48):012x}",
        "assistant_msg_idx": index,
        "args": arguments,
    }


def _call_and_result(tool_call: Document, output: str) -> list[Document]:
    function = {
        "name": tool_call["name"],
        "arguments": json.dumps(tool_call["args"], ensure_ascii=False),
    }
    call = {"id": tool_call["tid"], "type": "function", "function": function}
    return [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": tool_call["tid"], "content": output},
    ]
