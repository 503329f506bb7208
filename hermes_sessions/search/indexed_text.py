"""What the search index has of a message: its text, the tools it is about, and what else it holds."""

import re
from collections.abc import Iterator
from enum import IntFlag
from itertools import islice
from typing import NamedTuple

from ..fields import clean_text
from ..messages import Call, Message, Result, cut
from .echoes import echoes_of, is_echo, is_search_tool
from .words import ordinary

# Characters that are indexed: of a message, as much as fills a book; of a tool's arguments or result, a page.
LONGEST_MESSAGE, LONGEST_TOOL = 1_000_000, 4_000
# Of a longer result each word is indexed once, up to so many characters of it and so many words.
LONGEST_RESULT, MOST_TAIL_WORDS, LONGEST_TAIL_WORD = 200_000, 2_000, 80
# A letter for private use, which no query has: words beside it are not beside each other.
_BETWEEN = " \ue000 "
_ENCODED = re.compile(r";base64,[A-Za-z0-9+/=_-]*+")  # the data of a `data:` URL, which holds no words


class Feature(IntFlag):
    """What a message holds beside its words."""

    ERROR = 1
    IMAGE = 2
    CODE = 4
    ATTACHMENT = 8


class IndexedText(NamedTuple):
    """What is indexed of one message; `sent_at` is in seconds since the epoch, None if unknown.

    `features` is a sum of `Feature`, and `tools` are the names, as of `tool_key`, of those that it calls or
    answers.
    """

    role: str
    text: str
    sent_at: float | None
    features: int = 0
    tools: tuple[str, ...] = ()


NO_TEXT = IndexedText("", "", None)


class CallsBefore:
    """The calls of the messages before: the results of tools name mostly nothing but the id of their call."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._echoes: set[str] = set()

    def add(self, message: Message) -> None:
        """Learn the calls of the next message."""
        self._names.update((call.call_id, call.name) for call in message.calls if call.call_id)
        self._echoes |= echoes_of(message)

    def tool_of(self, result: Result) -> str:
        """Return the name of the tool that a result is of, empty if it is not known."""
        return result.name or self._names.get(result.call_id, "")

    def is_echo(self, result: Result) -> bool:
        """Whether a result is one of a tool that searches conversations."""
        return result.call_id in self._echoes or is_search_tool(result.name)


def indexed_text(message: Message, before: CallsBefore) -> IndexedText:
    """Return what is indexed of a message after others."""
    text = cut("\n".join(filter(None, _parts(message, before))), LONGEST_MESSAGE)
    if ";base64," in text:
        text = _ENCODED.sub(" ", text)
    return IndexedText(
        _storable(message.stated_role),
        _storable(text),
        message.sent_at,
        _features(message),
        _tools(message, before),
    )


def _parts(message: Message, before: CallsBefore) -> Iterator[str]:
    """Yield the text, reasoning and file names of a message, and of tools the arguments and results."""
    yield from message.texts
    yield from message.reasoning
    for call in message.calls:
        if not is_echo(call):
            yield from (call.name, _arguments(call), call.snippet or "")
    for result in message.results:
        if not before.is_echo(result):
            yield _result(result.text)
    if message.attached or message.parts:
        yield from message.file_names
    yield message.unsent


def shown_text(message: Message) -> str:
    """Return the text that snippets are cut from: what is indexed, but with the whole results of tools."""
    results = [cut(result.text, LONGEST_MESSAGE) for result in message.results]
    rest = message._replace(results=())
    return "\n".join(filter(None, [*_parts(rest, CallsBefore()), *results]))


def _tools(message: Message, before: CallsBefore) -> tuple[str, ...]:
    if not (message.calls or message.results):
        return ()
    names = [*(call.name for call in message.calls), *map(before.tool_of, message.results)]
    return tuple(dict.fromkeys(tool_key(_storable(name)) for name in names if name))


def tool_key(name: str) -> str:
    """Return a tool's name as names are compared: in ordinary characters, whatever its case."""
    return ordinary(name).casefold()


def _features(message: Message) -> int:
    features = 0
    if any("```" in text for text in message.texts):
        features |= Feature.CODE
    if message.failed or any(result.failed for result in message.results):
        features |= Feature.ERROR
    if message.attached or message.parts:
        features |= Feature.IMAGE if message.part_pictures else 0
        features |= Feature.ATTACHMENT if message.attachments else 0
    if any("data:image/" in text for text in message.texts) and message.pictures:
        features |= Feature.IMAGE
    return int(features)


# ---- tools ----------------------------------------------------------------------------------------------


def _result(text: str) -> str:
    """Return the beginning of a result, and each word after it once, none of them beside another."""
    beginning = cut(text, LONGEST_TOOL)
    if len(text) <= LONGEST_TOOL:
        return beginning
    words = dict.fromkeys(cut(text, LONGEST_RESULT)[len(beginning) :].split())
    for word in beginning.split():
        words.pop(word, None)
    tail = (word for word in words if len(word) <= LONGEST_TAIL_WORD)
    return beginning + _BETWEEN + _BETWEEN.join(islice(tail, MOST_TAIL_WORDS))


def _arguments(call: Call) -> str:
    """Return the beginning of a call's arguments without JSON's escapes, which would run into words."""
    text = call.arguments_line
    if "\\u" in text:  # mostly characters beyond ASCII
        text = call._replace(given=call.arguments).arguments_line
    text = cut(text, LONGEST_TOOL)
    if "\\" not in text:
        return text
    # Escaped backslashes are replaced first: in C:\\new, as JSON has it, \n is not the end of a line.
    text = text.replace("\\\\", "\0").replace('\\"', '"')
    return text.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t").replace("\0", "\\")


def _storable(text: str) -> str:
    """Return a text that a database accepts; calling `clean_text` on every one takes as long as indexing."""
    if text.isascii():
        return text.replace("\0", " ")
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return clean_text(text)
    return text.replace("\0", " ")
