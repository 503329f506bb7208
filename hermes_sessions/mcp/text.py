"""Text of conversations in an answer: others wrote it, so it is masked, cleaned, and fenced or one line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..control_characters import HIDDEN_IN_TEXT
from ..messages import cut, mask

OPEN, CLOSE = "<quoted>", "</quoted>"
# As a model reads them: also in letters of full width, as entities, and with other brackets and slashes.
# Bounded, so that a long run of spaces takes linear time.
_BEGIN, _END = "[<＜﹤‹〈⟨]|&lt;?|&#0*60;?|&#x0*3c;?", "[>＞﹥›〉⟩]|&gt;?"
_WORD = r"[\s/／⁄∕\\]{0,20}[qｑ][uｕ][oｏοо][tｔ][eｅе][dｄ]\s{0,20}"  # letters that look alike
_FENCE = re.compile(f"(?:{_BEGIN})({_WORD})(?:{_END})?", re.IGNORECASE)
# Colors and titles of a terminal. `grep --color` prints them inside of names and credentials.
_STYLE = r"\[[0-9;:?]*[ -/]*[@-~]"
_TERMINAL = re.compile(rf"\x1b{_STYLE}|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)")
# Characters without a width, which emoji and some scripts need, and styles as JSON and programs write them:
# taken out only where they hide something.
_HIDING = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff]"
    rf"|\\(?:u001b|x1b|033|e){_STYLE}",
    re.IGNORECASE,
)

LONGEST_TITLE = 100  # characters
LONGEST_NAME = 60
SHORT_LINES, SHORT_CHARACTERS = 8, 400  # of what a tool answered
SHORT_STEP = 200  # characters of a call's arguments, and of reasoning


def line(text: str, longest: int = LONGEST_TITLE) -> str:
    """Return a text on one line, without control characters and credentials, cut to `longest` characters."""
    # Taken out first: a control character can stand inside a credential.
    plain = _without_fences(_revealed(mask(" ".join(_visible(text.replace("\r", " ")).split()))))
    return plain if len(plain) <= longest else cut(plain, longest - 1).rstrip() + "…"


def name(text: str, longest: int = LONGEST_NAME) -> str:
    """Return a title or a name in double quotes, of which it holds none itself."""
    return '"' + line(text, longest).replace('"', "'") + '"'


def block(text: str) -> str:
    """Return a masked text of several lines without control characters and fences.

    It is masked again if one was taken out, which can have stood inside a credential.
    """
    plain = _visible(text.replace("\r\n", "\n").replace("\r", "\n"))
    return _without_fences(_revealed(text if plain == text else mask(plain)))


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
    whole = block(text)  # cut afterwards: what is taken out can stand inside a credential
    shown = cut("\n".join(whole.splitlines()[:SHORT_LINES]), SHORT_CHARACTERS)
    return whole if len(shown) >= len(whole.rstrip()) else f"{shown}…"


def shorten_step(text: str) -> str:
    """Return the beginning of a call's arguments, or of reasoning."""
    whole = block(text)
    return whole if len(whole) <= SHORT_STEP else cut(whole, SHORT_STEP) + "…"


def _visible(text: str) -> str:
    return HIDDEN_IN_TEXT.sub("", _TERMINAL.sub("", text))


def _revealed(text: str) -> str:
    """Return a masked text without what hides a credential or a fence in it, if anything does."""
    bare = _HIDING.sub("", text)
    if bare == text:
        return text
    masked = mask(bare)
    return masked if masked != bare or _FENCE.search(bare) else text


def _without_fences(text: str) -> str:
    return _FENCE.sub(r"(\1)", text)
