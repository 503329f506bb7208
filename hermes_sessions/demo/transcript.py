"""The messages of a sample conversation, as the web UI stores them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

from ..messages import message_text
from .pictures import picture_address
from .subjects import FIRST_WORDS, NO_WORDS, THANKS, WORDS, Model, Subject, Tool, Turn, Words

Document = dict[str, Any]
_TOKENS_OF_TOOLS = 30_000  # that a model reads with every call, with the files that it has open
_MOST_CALLS_READ = 40  # after which a conversation is compressed, so that it does not cost more and more


class MadeConversation(NamedTuple):
    """The messages of a conversation, and the session's list of tool calls."""

    messages: list[Document]
    tool_calls: list[Document]


class Spending(NamedTuple):
    """How many tokens a model has read and written, and what it cost in dollars."""

    input_tokens: int
    output_tokens: int
    cost: float


def choose_words(rng: Random) -> Words:
    """Return a word for each name that a text may contain."""
    return {name: rng.choice(choices[:FIRST_WORDS]) for name, choices in WORDS.items()}


def fill(text: str, words: Words) -> str:
    """Return `text` with the words in place of their names."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: words[match[1]], text)


def make_transcript(rng: Random, subject: Subject, words: Words, ended_at: float) -> MadeConversation:
    """Return a conversation about a subject; `ended_at` is when its last message was sent."""
    transcript = MadeConversation([], [])
    for turn, own in _turns(rng, subject):
        _add_turn(rng, transcript, turn, {**words, **own})
    _add_times(rng, transcript.messages, ended_at)
    return transcript


def spending_of(messages: Sequence[Document], model: Model) -> Spending:
    """Return what a conversation would have cost with a model that reads it again for every answer."""
    calls = sum(message["role"] == "assistant" for message in messages)
    size = sum(len(message_text(message)) for message in messages) // 4
    read = calls * _TOKENS_OF_TOOLS + size * min(calls, _MOST_CALLS_READ) // 2
    written = size * 2 // 3
    return Spending(read, written, round((read * model.price_in + written * model.price_out) / 1e6, 6))


def _turns(rng: Random, subject: Subject) -> Iterator[tuple[Turn, Words]]:
    for words in subject.rounds:
        for turn in subject.turns:
            yield turn, words
    for turn in subject.ending:
        yield turn, NO_WORDS
    if len(subject.turns) > 1 and len(subject.rounds) == 1 and rng.random() < 0.4:
        yield rng.choice(THANKS), NO_WORDS


def _add_turn(rng: Random, transcript: MadeConversation, turn: Turn, words: Words) -> None:
    messages, tool_calls = transcript
    messages.append({"role": "user", "content": _question(turn, words)})
    for tool in turn.tools:
        tool_calls.append(_tool_call(rng, tool, words, len(messages)))
        messages += _call_and_result(tool_calls[-1], _output(tool, words))
    messages.append({"role": "assistant", "content": _answer(turn, words)})
    if turn.reasoning:
        messages[-1]["reasoning"] = fill(turn.reasoning, words)


def _question(turn: Turn, words: Words) -> Any:
    text = fill(turn.question, words)
    if not turn.picture:
        return text
    picture = {"type": "image_url", "image_url": {"url": picture_address(turn.picture)}}
    return [{"type": "text", "text": text}, picture]


def _answer(turn: Turn, words: Words) -> str:
    text = fill(turn.answer, words)
    return f"{text}\n\n![{turn.drawn}]({picture_address(turn.drawn)})" if turn.drawn else text


def _add_times(rng: Random, messages: list[Document], ended_at: float) -> None:
    at = ended_at
    for message in reversed(messages):
        message["timestamp"] = int(at)
        at -= rng.uniform(2, 400 if message["role"] == "user" else 30)


def _output(tool: Tool, words: Words) -> str:
    """Return what a tool answers: the agent's command line says how a command ended."""
    output = fill(tool.output, words)
    return json.dumps({"output": output, "exit_code": tool.exit_code}) if tool.exit_code else output


def _tool_call(rng: Random, tool: Tool, words: Words, index: int) -> Document:
    arguments = {name: fill(str(value), words) for name, value in tool.arguments.items()}
    return {
        "name": tool.name,
        "snippet": _output(tool, words)[:200],
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
