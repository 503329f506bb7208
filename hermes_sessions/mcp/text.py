"""Text of conversations in an answer: others wrote it, so it is masked, cleaned, and fenced or one line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..control_characters import HIDDEN_IN_TEXT
from ..messages import cut, mask

OPEN, CLOSE = "<quoted>", "</quoted>"
_FENCE = re.compile(r"<(\s*/?\s*quoted\s*)>?", re.IGNORECASE)

LONGEST_TITLE = 100  # characters
LONGEST_NAME = 60
SHORT_LINES, SHORT_CHARACTERS = 8, 400  # of what a tool answered
SHORT_STEP = 200  # characters of a call's arguments, and of reasoning


def line(text: str, longest: int = LONGEST_TITLE) -> str:
    """Return a text on one line, without control characters and credentials, cut to `longest` characters."""
    # Taken out first: a control character can stand inside a credential.
    plain = mask(" ".join(HIDDEN_IN_TEXT.sub("", text.replace("\r", " ")).split()))
    plain = _without_fences(plain)
    return plain if len(plain) <= longest else cut(plain, longest - 1).rstrip() + "…"


def name(text: str, longest: int = LONGEST_NAME) -> str:
    """Return a title or a name in double quotes, of which it holds none itself."""
    return '"' + line(text, longest).replace('"', "'") + '"'


def block(text: str) -> str:
    """Return a masked text of several lines without control characters and fences.

    It is masked again if one was taken out, which can have stood inside a credential.
    """
    plain = HIDDEN_IN_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _without_fences(text if plain == text else mask(plain))


def quoted(text: str) -> str:
    """Return a text that `line` or `block` returned between fences."""
    return f"{OPEN}{text}{CLOSE}" if "\n" not in text else f"{OPEN}\n{text}\n{CLOSE}"


def listed(lines: Iterable[str]) -> str:
    """Return lines as one text, empty ones left out."""
    return "\n".join(each for each in lines if each)


def plural(count: int, noun: str) -> str:
    """Return a number with its noun: `1 message`, `2,000 messages`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def shorten_result(text: str) -> str:
    """Return the first lines of what a tool answered."""
    shown = cut("\n".join(text.splitlines()[:SHORT_LINES]), SHORT_CHARACTERS)
    return text if len(shown) >= len(text.rstrip()) else f"{shown}…"


def shorten_step(text: str) -> str:
    """Return the beginning of a call's arguments, or of reasoning."""
    return text if len(text) <= SHORT_STEP else cut(text, SHORT_STEP) + "…"


def _without_fences(text: str) -> str:
    return _FENCE.sub(r"(\1)", text) if "<" in text else text
