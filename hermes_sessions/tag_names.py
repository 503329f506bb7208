"""What a tag may be called, when two names are the same tag, and which words of a title are tags.

Pure functions over texts.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

from .errors import InvalidValue
from .fields import clean_text

LONGEST_TAG = 50  # characters
MOST_TAGS = 100  # of one conversation, beside those in its title
LONGEST_READ = 1_000  # with spaces around it, and accents apart from their letters
CACHED = 4_096  # names: 20,000 conversations have the same ones again and again
MOST_FILTERED = 50  # in one filter
WITHOUT = "-"  # before a name in a filter: conversations without this tag
SEPARATOR = ","  # between the names in a filter, and so in no name

_JOINERS = "\u200c\u200d"  # which Persian words and some emoji need
_OPENING = frozenset("\"',;")  # what may stand before a tag in a title, beside spaces and brackets
_SPACES = re.compile(" {2,}")


# ---- names ----------------------------------------------------------------------------------------------


@lru_cache(CACHED)
def tag_key(name: str) -> str:
    """Return what two spellings of one tag have in common: `Work` and `work` are the same tag."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def read_tag(name: object) -> str | None:
    """Return a tag's name as it is stored, without `#` before it; None for what cannot be one."""
    if not isinstance(name, str) or len(name) > LONGEST_READ:
        return None
    return _read(name)


@lru_cache(CACHED)
def _read(name: str) -> str | None:
    text = unicodedata.normalize("NFC", name).strip().lstrip("#").strip()
    text = _SPACES.sub(" ", text)
    is_long_enough = len(text.strip(_JOINERS)) > 0  # joiners alone are not seen
    is_valid = (
        is_long_enough and len(text) <= LONGEST_TAG and not text.startswith(WITHOUT) and SEPARATOR not in text
    )
    return text if is_valid and all(map(_is_shown, text)) else None


def _is_shown(character: str) -> bool:
    return character.isprintable() or character in _JOINERS


def check_tag(name: object) -> str:
    """Return a tag's name as it is stored; raise `InvalidValue`."""
    checked = read_tag(name)
    if checked is not None:
        return checked
    raise InvalidValue(
        f"a tag must be text of 1 to {LONGEST_TAG} characters, on one line, without commas, "
        f"and must not begin with {WITHOUT}"
    )


def check_tags(names: Iterable[object]) -> list[str]:
    """Return the names of several tags as they are stored, each once; raise `InvalidValue`."""
    return unique(map(check_tag, names))


def unique(names: Iterable[str]) -> list[str]:
    """Return names in their order, of several spellings of one tag the first."""
    by_key: dict[str, str] = {}
    for name in names:
        by_key.setdefault(tag_key(name), name)
    return list(by_key.values())


def without(names: Iterable[str], keys: Collection[str]) -> list[str]:
    """Return those names that are not spellings of the tags with these keys."""
    return [name for name in names if tag_key(name) not in keys]


# ---- titles ---------------------------------------------------------------------------------------------


def title_tags(title: str) -> list[str]:
    """Return the tags that stand in a title, without `#`: ``"Sort photos #home #2026-plans"`` has two.

    `#` stands at the beginning of a word, after a space, a bracket, a quotation mark or a comma. A letter or
    a digit of any script follows, then letters, digits, `-` and `_`. Digits alone are the number of an issue.
    """
    return unique(_words(title)) if "#" in title else []


def _words(title: str) -> Iterator[str]:
    before = " "
    for at, character in enumerate(title):
        if character == "#" and _may_precede(before) and (name := _word(title[at + 1 :])):
            yield name
        before = character


def _may_precede(character: str) -> bool:
    is_bracket = unicodedata.category(character) in ("Ps", "Pi")
    return character.isspace() or is_bracket or character in _OPENING


def _word(text: str) -> str | None:
    """Return the tag with which a text begins, None if it does not."""
    if not text[:1].isalnum():
        return None
    length = next((at for at, character in enumerate(text) if not _continues(character)), len(text))
    word = text[:length].rstrip("-_" + _JOINERS)
    return None if word.isdecimal() else read_tag(word)


def _continues(character: str) -> bool:
    """Whether a character may stand within a tag: vowel signs of Indian scripts are marks, not letters."""
    is_mark = unicodedata.category(character).startswith("M")
    return character.isalnum() or is_mark or character in "-_" or character in _JOINERS


# ---- filters --------------------------------------------------------------------------------------------


def check_tag_filter(tag: str) -> None:
    """Raise `InvalidValue` unless a filter names one tag or several."""
    wanted, unwanted = tag_filter(tag)
    if not 1 <= len(wanted) + len(unwanted) <= MOST_FILTERED:
        raise InvalidValue(f"tag must name 1 to {MOST_FILTERED} tags")


def tag_filter(tag: str) -> tuple[list[str], list[str]]:
    """Return the keys of the tags that a filter asks for, and of those that it excludes.

    ``"work,-done"`` asks for conversations with the tag `work` and without the tag `done`. Names that no tag
    can have are kept: nothing has them.
    """
    names = [name for name in map(str.strip, tag.split(SEPARATOR)) if name.strip(WITHOUT + "# ")]
    wanted = (_filter_key(name) for name in names if not name.startswith(WITHOUT))
    unwanted = (_filter_key(name[1:]) for name in names if name.startswith(WITHOUT))
    return list(dict.fromkeys(wanted)), list(dict.fromkeys(unwanted))


def _filter_key(name: str) -> str:
    return tag_key(read_tag(name) or clean_text(name[:LONGEST_READ]))
