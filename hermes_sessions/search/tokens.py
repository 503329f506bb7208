"""What is typed into a search box, in words and phrases: with their operators, minuses and brackets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# Marks that begin a phrase anywhere, and marks that begin one unless they follow a letter or digit, as in 5".
_OPENING, _EITHER = "“„«「『", '"＂”»」』'
MARKS = _OPENING + _EITHER
NAMES = "project profile source model tag role tool before after on title is has cost messages".split()
NAME = rf"(?P<name>(?i:{'|'.join(NAMES)}))[:：]"
TOKEN = re.compile(
    rf"""
    (?P<lead>(?<!\S)[(（]*(?:[-－](?![-－\s])[(（]*)?)?
    (?:
        (?P<whole>
            (?:{NAME})?
            (?:[{_OPENING}]|(?<!\w)[{_EITHER}])
            (?:(?P<phrase>[^{MARKS}]*)[{MARKS}]|(?P<unclosed>[^\n]*))
        )
        (?P<star>[*＊]?)
        (?P<close>[)）]*)
        |
        (?P<word>(?:[^\s{MARKS}]|(?<=\w)[{_EITHER}])+)
    )
    """,
    re.VERBOSE,
)
_OPERATOR = re.compile(rf"{NAME}(?P<value>.+)", re.DOTALL)


class Token(NamedTuple):
    """A word or a phrase, without its minus and the brackets around it.

    `whole` is all of it, with the name and the quotation marks; `value` is without them. It stands in the
    text from `start` to `end`, with its minus and the brackets.
    """

    whole: str
    value: str
    name: str = ""
    quoted: bool = False
    prefix: bool = False
    lead: str = ""
    closes: int = 0
    joiner: str = ""
    negated: bool = False
    start: int = 0
    end: int = 0

    def as_word(self) -> Token:
        """Return the token as a word, if it is OR, AND or NOT."""
        return self._replace(joiner="")


def tokens(text: str) -> Iterator[Token]:
    """Yield the words and phrases of a text."""
    for match in TOKEN.finditer(text):
        token = _phrase(match) if match["word"] is None else _word(match["lead"] or "", match["word"])
        yield token._replace(start=match.start(), end=match.end())


def _phrase(match: re.Match[str]) -> Token:
    value = match["unclosed"] if match["phrase"] is None else match["phrase"]
    return Token(
        match["whole"].rstrip(),  # a phrase that nothing closes ends with its line, as the text may
        value.strip(),
        (match["name"] or "").lower(),
        quoted=True,
        prefix=bool(match["star"]),
        lead=match["lead"] or "",
        closes=len(match["close"]),
    )


def _word(lead: str, word: str) -> Token:
    closes = _closing_brackets(word)
    starred = word[: len(word) - closes]
    whole = starred.rstrip("*＊")
    token = Token(whole, whole, prefix=whole != starred, lead=lead, closes=closes)
    if operator := _OPERATOR.fullmatch(whole):
        return token._replace(name=operator["name"].lower(), value=operator["value"])
    is_joiner = whole in ("OR", "AND", "NOT") and not token.prefix and not is_minus(lead)
    return token._replace(joiner=whole) if is_joiner else token


def _closing_brackets(word: str) -> int:
    """Return how many brackets at the end of a word close none that the word opens."""
    at_end = len(word) - len(word.rstrip(")）"))
    unopened = word.count(")") + word.count("）") - word.count("(") - word.count("（")
    return max(0, min(at_end, unopened))


def is_minus(lead: str) -> bool:
    """Whether what stands before a word or phrase excludes it."""
    return bool(lead.strip("(（"))
