"""A query while somebody types it: where in it the cursor is, and which operators it has. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from ..fields import clean_text
from .language import Narrowing, negated
from .tokens import MARKS, NAME, TOKEN, Token, is_minus, tokens

_UNFINISHED = re.compile(rf"(?:{NAME})?(?P<value>.*)", re.DOTALL)


class TypedOperator(NamedTuple):
    """An operator of a query as it was typed, with its minus, and the query without it."""

    text: str
    rest: str


def typed_operators(text: str, now: float) -> list[TypedOperator]:
    """Return the operators of a query that narrow it, in order; `now` is as for `parse`."""
    text = unicodedata.normalize("NFC", clean_text(text))
    every = list(tokens(text))
    conditions = Narrowing(now)
    taken = [token for token in negated(every) if not token.joiner and conditions.take(token)]
    return [_typed(token, text, every) for token in taken]


def _typed(token: Token, text: str, every: Sequence[Token]) -> TypedOperator:
    """Return an operator, and the query without it and without the words that join it to others."""
    at = next(place for place, each in enumerate(every) if each.start == token.start)
    start, end = token.start + len(token.lead), token.start + len(token.lead) + len(token.whole)
    if not token.lead.strip("-－"):  # a bracket before it may enclose others, too
        start = token.start
    if at and every[at - 1].joiner:
        start = every[at - 1].start
    if at + 1 < len(every) and every[at + 1].joiner in ("OR", "AND"):
        end = every[at + 1].end
    before, after = text[:start].rstrip(), text[end:].lstrip()
    space = " " if before and after and before[-1] not in "(（-－" and after[0] not in ")）" else ""
    rest = before + space + after
    if all(each.joiner for each in tokens(rest)):  # alone, they would be words to search for
        rest = ""
    return TypedOperator(f"{'-' if token.negated else ''}{token.whole}", rest)


class TypedPlace(NamedTuple):
    """What somebody is typing: the operator `name`, empty for a word, and its `value` up to the cursor.

    It stands in the text from `start` to `end`, without a minus before it; `negated` is whether one is there.
    """

    start: int
    end: int
    name: str = ""
    value: str = ""
    negated: bool = False


def place_at(text: str, at: int) -> TypedPlace:
    """Return what is being typed at a position in a query; a word without letters if nothing is."""
    typed = next((each for each in TOKEN.finditer(text[:at]) if each.end() == at), None)
    if typed is None or typed["phrase"] is not None:
        return TypedPlace(at, at)
    start = typed.start() + len(typed["lead"] or "")
    match = _UNFINISHED.fullmatch(text, start, at)
    name, value = (match["name"] or "").lower() if match else "", match["value"] if match else ""
    value = value.lstrip(MARKS) if name else value
    return TypedPlace(start, _end_of(text, start, at), name, value, is_minus(typed["lead"] or ""))


def _end_of(text: str, start: int, at: int) -> int:
    """Return where what is being typed ends; a phrase that nothing closes ends at the cursor."""
    whole = next((each for each in TOKEN.finditer(text) if each.end() > start), None)
    return at if whole is None or whole["unclosed"] is not None else max(at, whole.end())


def written(name: str, value: str) -> str | None:
    """Return an operator with a value, in quotation marks if it needs them; None if it cannot be written."""
    value = unicodedata.normalize("NFC", value)
    if not value:
        return None
    for text in (f"{name}:{value}", f'{name}:"{value}"'):
        first = next(tokens(text))
        is_all = first.end == len(text) and not (first.prefix or first.closes)
        if is_all and (first.name, first.value) == (name, value):
            return text
    return None
