"""How a text is divided into words, and how words are compared.

Words are runs of letters and digits, whatever their case and accents; an emoji is a word too. Scripts without
spaces between words (Chinese, Japanese, Thai), and Korean, become pairs of neighbours. Full-width, half-width
and other compatibility forms are their ordinary characters (Unicode's form NFKC). Letters that people write
in two ways, such as ß and ss, ł and l, and the forms of the Arabic alef, are the same.
"""

import re
import unicodedata

from .emoji import has_emoji

SHORTEST_WORD, LONGEST_WORD = 3, 64

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f\u3031-\u303f"
    "\u3041-\u312f\u3130-\u318f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\uff66-\uffdc\U0001b000-\U0001b16f\U00020000-\U000323af"
)
_UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
_WORD = re.compile(r"[^\W_]+")
_ASCII_WORDS = "".join(chr(code).lower() if chr(code).isalnum() else " " for code in range(128))

# Letters that are not a base letter with a mark, one for one, and those that stand for two.
_SAME = dict(zip("łŁđĐħĦıİøØŧŦأإآٱىةؤئ", "llddhhiioottاااايهوي", strict=True))
_TWO = {"ß": "ss", "ẞ": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "þ": "th", "Þ": "th"}

_AS_LETTER = 0xF0000  # an emoji is kept as a character for private use, which SQLite counts as a letter


def ordinary(text: str) -> str:
    """Return a text with ordinary characters for full-width, half-width and other forms of them (NFKC)."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def is_unspaced(text: str) -> bool:
    """Whether a text has a character of a script without spaces between words."""
    return not text.isascii() and _UNSPACED_RUN.search(text) is not None


def unspaced_runs(text: str) -> list[re.Match[str]]:
    """Return the parts of a text that are in a script without spaces between words."""
    return list(_UNSPACED_RUN.finditer(text))


class _Folding(dict[int, str]):
    """The folded form of each character, one character too, computed when it is first looked up."""

    def __missing__(self, code: int) -> str:
        folded = _folded(chr(code))
        if len(self) < 70_000:
            self[code] = folded
        return folded


def _folded(character: str) -> str:
    if character in _SAME:
        return _SAME[character]
    form = unicodedata.normalize("NFKC", character)
    if len(form) != 1 or is_unspaced(form):  # a syllable of Korean is more than its first letter
        return form if len(form) == 1 else character
    base = unicodedata.normalize("NFD", form)[0].lower()
    return _SAME.get(base, base) if len(base) == 1 else character


_FOLDING = _Folding()


def fold(text: str) -> str:
    """Return a composed (NFC) text without case, accents and widths, every character at the same position."""
    if text.isascii():
        return text.lower()
    return text.translate(_FOLDING)


class _IndexForms(dict[int, str]):
    """What stands for each character in an index of words, computed when it is first looked up."""

    def __missing__(self, code: int) -> str:
        form = _index_form(chr(code))
        if len(self) < 70_000:
            self[code] = form
        return form


def _index_form(character: str) -> str:
    if has_emoji(character):
        return f" {chr(_AS_LETTER | (ord(character) & 0xFFFF))} "
    return index_letters(character)


def index_letters(character: str) -> str:
    """Return the letters, or nothing, that stand for an ordinary character in an index of words."""
    if unicodedata.category(character) in ("Mn", "Cf") and not is_unspaced(character):
        return ""  # a mark on the letter before it, or a character without a width
    letter = _FOLDING[ord(character)]
    return _TWO.get(character) or _TWO.get(letter, letter)  # ǽ is æ, which is ae


_INDEX_FORMS = _IndexForms()


def index_form(text: str) -> str:
    """Return a text as it is indexed: folded, and unspaced scripts split into pairs of neighbours.

    A run ABC becomes the words AB, BC and C: every character begins a word, so that BC and C are found too.
    """
    if text.isascii():
        return text
    return _UNSPACED_RUN.sub(_pairs, ordinary(text).translate(_INDEX_FORMS))


def _pairs(run: re.Match[str]) -> str:
    characters = run[0]
    pairs = [characters[at : at + 2] for at in range(len(characters) - 1)]
    return " " + " ".join([*pairs, characters[-1]]) + " "


def pairs_of(run: str) -> list[str]:
    """Return the pairs of neighbours of a run in an unspaced script, each once."""
    return list(dict.fromkeys(run[at : at + 2] for at in range(len(run) - 1)))


def words_of(text: str) -> list[str]:
    """Return the words of a text as they are indexed, in order; an unspaced run is one word."""
    if text.isascii():
        return text.translate(_ASCII_WORDS).split()
    return _WORD.findall(ordinary(text).translate(_INDEX_FORMS))


def distinct_words(text: str) -> set[str]:
    """Return the words of a text as they are indexed, each once."""
    return set(words_of(text))


def is_expandable(word: str) -> bool:
    """Whether to find a word by a part of it: not numbers, encoded data, or what is found by its pairs."""
    within = SHORTEST_WORD <= len(word) <= LONGEST_WORD
    return within and not word.isdecimal() and not is_unspaced(word)
