"""What of a message is searched, and how its text becomes words: decisions only.

Words are those of SQLite's `unicode61`: runs of letters and digits, whatever their case and accents. Scripts
without spaces between words (Chinese, Japanese, Thai), and Korean, become pairs of neighbours.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..fields import clean_text
from ..model import message_text, message_time

# Of one message as much is searched as fills an ordinary book; of what a tool was given or answered, a page.
LONGEST_MESSAGE, LONGEST_TOOL = 1_000_000, 4_000
SHORTEST_WORD, LONGEST_WORD = 3, 64

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f\u3031-\u303f"
    "\u3041-\u312f\u3130-\u318f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\uff66-\uffdc\U0001b000-\U0001b16f\U00020000-\U000323af"
)
_UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
_WORD = re.compile(r"[^\W_]+")
_ENCODED = re.compile(r";base64,[A-Za-z0-9+/=_-]*+")  # the data of a `data:` URL: nobody's words
_ASCII_WORDS = "".join(chr(code).lower() if chr(code).isalnum() else " " for code in range(128))


class Searched(NamedTuple):
    """What is searched of one message; `sent_at` in seconds since the epoch, None if it does not say."""

    role: str
    text: str
    sent_at: float | None


NOTHING_SAID = Searched("", "", None)


def searched(message: Any) -> Searched:
    """Return what is searched of a message: its text, its reasoning, the beginnings of what tools said."""
    if not isinstance(message, Mapping):
        return NOTHING_SAID
    role = message.get("role")
    try:
        parts = [part for part in _parts(message) if part]
    except (ValueError, RecursionError):  # a number of more digits than Python writes, or endless depth
        parts = []
    text = "\n".join(parts)[:LONGEST_MESSAGE]
    if ";base64," in text:
        text = _ENCODED.sub(" ", text)
    return Searched(_storable(role) if isinstance(role, str) else "", _storable(text), _time(message))


def _storable(text: str) -> str:
    """Return a text as a database takes it; `clean_text` of all texts would take as long as to index them."""
    if text.isascii():
        return text.replace("\0", " ")
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return clean_text(text)
    return text.replace("\0", " ")


def _parts(message: Mapping[str, Any]) -> Iterator[str]:
    content = message_text(message)
    yield content[:LONGEST_TOOL] if message.get("role") == "tool" else content
    for name in ("reasoning", "reasoning_content"):
        thought = message.get(name)
        if isinstance(thought, str):
            yield thought
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        yield from _called(call)
    attachments = message.get("attachments")
    for attachment in attachments if isinstance(attachments, list) else ():
        yield _name(attachment)


def _called(call: Any) -> Iterator[str]:
    function = call.get("function") if isinstance(call, dict) else None
    if isinstance(function, dict):
        yield str(function.get("name") or "")
        given = function.get("arguments") or ""
        yield (given if isinstance(given, str) else json.dumps(given, ensure_ascii=False))[:LONGEST_TOOL]


def _name(attachment: Any) -> str:
    name = attachment.get("name") if isinstance(attachment, dict) else attachment
    return name if isinstance(name, str) else ""


def _time(message: Mapping[str, Any]) -> float | None:
    """Return when a message was sent, also that of a tool's answer."""
    return message_time({**message, "role": "assistant"})


# ---- words ----------------------------------------------------------------------------------------------


def is_unspaced(text: str) -> bool:
    """Whether a text has a character of a script without spaces between words."""
    return not text.isascii() and _UNSPACED_RUN.search(text) is not None


def unspaced_runs(text: str) -> list[re.Match[str]]:
    """Return where a text is in a script without spaces between words."""
    return list(_UNSPACED_RUN.finditer(text))


def spread(text: str) -> str:
    """Return a text as it is indexed: unspaced scripts as pairs of neighbours, all else as it is.

    Of a run ABC the pairs AB and BC, and C: each of its characters begins a word, so BC is found.
    """
    if text.isascii():
        return text
    return _UNSPACED_RUN.sub(_pairs, unicodedata.normalize("NFC", text))


def _pairs(run: re.Match[str]) -> str:
    characters = run[0]
    pairs = [characters[at : at + 2] for at in range(len(characters) - 1)]
    return " " + " ".join([*pairs, characters[-1]]) + " "


def vocabulary(text: str) -> set[str]:
    """Return the different words of a text, folded."""
    return set(text.translate(_ASCII_WORDS).split() if text.isascii() else _WORD.findall(fold(text)))


def has_parts(word: str) -> bool:
    """Whether a word is worth finding by a part of it: no number, no data, and not found by pairs anyway."""
    within = SHORTEST_WORD <= len(word) <= LONGEST_WORD
    return within and not word.isdecimal() and not is_unspaced(word)


class _Folding(dict[int, str]):
    """Each character without case and accent, found out when it first occurs; always one for one."""

    def __missing__(self, code: int) -> str:
        base = unicodedata.normalize("NFD", chr(code))[0].lower()
        folded = base if len(base) == 1 else chr(code)
        if len(self) < 70_000:
            self[code] = folded
        return folded


_FOLDING = _Folding()


def fold(text: str) -> str:
    """Return a composed (NFC) text without case and accents, each character in its place."""
    if text.isascii():
        return text.lower()
    return text.translate(_FOLDING)
