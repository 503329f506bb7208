"""How a text becomes words.

Words are those of SQLite's `unicode61`: runs of letters and digits, whatever their case and accents. Scripts
without spaces between words (Chinese, Japanese, Thai), and Korean, become pairs of neighbours.
"""

import re
import unicodedata

SHORTEST_WORD, LONGEST_WORD = 3, 64

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f\u3031-\u303f"
    "\u3041-\u312f\u3130-\u318f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\uff66-\uffdc\U0001b000-\U0001b16f\U00020000-\U000323af"
)
_UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
_WORD = re.compile(r"[^\W_]+")
_ASCII_WORDS = "".join(chr(code).lower() if chr(code).isalnum() else " " for code in range(128))


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
