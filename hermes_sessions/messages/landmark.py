"""The places of a conversation that readers jump to: what the user said, and calls that failed. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .content import Message, one_line, read_messages

LONGEST_WORDS = 120  # characters of a message's first words


@dataclass(frozen=True, slots=True)
class Landmark:
    """A place in a conversation, in the message with an index.

    `words` are the first words of what the user said, or the name of the tool that failed; `sent_at` is in
    seconds since the epoch, None if unknown.
    """

    kind: Literal["user", "failure"]
    index: int
    words: str
    sent_at: float | None


def landmarks(messages: Sequence[Any], tool_calls: Sequence[Any] = (), offset: int = 0) -> Iterator[Landmark]:
    """Yield the landmarks of consecutive messages, the first of which has index `offset`.

    `tool_calls` is the session's own list of calls.
    """
    names: dict[str, str] = {}
    for index, message in read_messages(messages, tool_calls, offset):
        names.update((call.call_id, call.name) for call in message.calls)
        if message.role == "user" and not message.is_answer:
            yield Landmark("user", index, _first_words(message), message.sent_at)
        failed = [names.get(each.call_id) or each.name for each in message.results if each.failed]
        failed += [call.name for call in message.calls if call.failed]
        if failed:
            yield Landmark("failure", index, ", ".join(filter(None, failed)), message.sent_at)


def _first_words(message: Message) -> str:
    words = one_line(message.text.lstrip(), LONGEST_WORDS)
    return words or ", ".join(message.attachments) or ("Picture" if message.pictures else "")
