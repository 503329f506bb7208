"""The query language: what was typed into a search box, as terms, alternatives and conditions.

Everything that can be typed is a valid query, of any length, and is read in one pass. What cannot be read as
an operator is searched as text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Literal, NamedTuple, TypeAlias, get_args

from ..fields import clean_text
from ..sources import Source
from ..tag_names import read_tag
from ..times import Period, read_period
from .emoji import has_emoji
from .tokens import Token, is_minus, tokens
from .words import ordinary

MOST_TAGS = 20  # of each kind, in one query
MOST_TOOLS = 20  # that one message must be about; SQLite takes at most 1,000 conditions

Role: TypeAlias = Literal["user", "assistant", "system", "tool"]
Feature: TypeAlias = Literal["error", "image", "code", "attachment"]
Flag: TypeAlias = Literal["pinned", "archived", "interrupted", "agent"]


class Term(NamedTuple):
    """One term of a query: a word, or several next to each other.

    `text` is in ordinary characters (Unicode's NFKC). `typed` is the same as it was typed (NFC): the agent's
    own index has its texts in the forms in which they were written. `quoted` is whether it was typed in
    quotation marks, `prefix` whether it ended with `*`, `in_title` whether it was typed as `title:word`.
    """

    text: str
    typed: str
    quoted: bool = False
    prefix: bool = False
    in_title: bool = False


class Clause(NamedTuple):
    """Terms of which any must occur: one, or several that were joined by OR."""

    alternatives: tuple[Term, ...]


class Conditions(NamedTuple):
    """What the operators of a query demand of a conversation and of a message; None or empty demands nothing.

    Names are as they were typed. `since` and `until` are in seconds since the epoch, half-open. The
    conversation must have all `tags` and none of `without_tags`; the message must have the `role`, call or
    answer each of `tools`, and have each of the features `has`.
    """

    profile: str | None = None
    project: str | None = None
    source: str | None = None
    model: str | None = None
    archived: bool | None = None
    pinned: bool | None = None
    interrupted: bool | None = None
    agent: bool | None = None
    since: float | None = None
    until: float | None = None
    min_cost: float | None = None
    min_messages: int | None = None
    role: str | None = None
    tags: tuple[str, ...] = ()
    without_tags: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    has: frozenset[Feature] = frozenset()


class Query(NamedTuple):
    """What a conversation must contain, what it must not contain, and what it must be."""

    required: tuple[Clause, ...]
    excluded: tuple[Term, ...] = ()
    conditions: Conditions = Conditions()


def parse(text: str, now: float) -> Query:
    """Return the query that was typed.

    `now` is the time that dates such as `7d` count from, in seconds since the epoch.
    """
    typed = list(tokens(unicodedata.normalize("NFC", clean_text(text))))
    query = _query(negated(typed), now)
    # `OR` alone joins nothing and `NOT` alone excludes nothing: they are words.
    return query if query != Query(()) else _query((token.as_word() for token in typed), now)


# ---- what is excluded -----------------------------------------------------------------------------------


def negated(tokens: Iterable[Token]) -> Iterator[Token]:
    """Yield the tokens but NOT, those `negated` that a minus or NOT excludes, alone or in brackets.

    A bracket that nothing closes excludes only the word behind it: in a pasted text, one would exclude all
    that follows.
    """
    found: list[Token] = []
    opened: list[int | None] = []  # for each open bracket that excludes, where it begins
    depth = Counter[int]()  # how many more brackets exclude from a place on
    follows_not = False
    for token in tokens:
        if token.joiner == "NOT":
            follows_not = True
            continue
        opened += _opened(token.lead, len(found), follows_not)
        excludes = follows_not or is_minus(token.lead)
        found.append(token._replace(negated=True) if excludes else token)
        follows_not = False
        for _ in range(min(token.closes, len(opened))):
            if (begin := opened.pop()) is not None:
                depth.update({begin: 1, len(found): -1})
    return map(_in_brackets, found, accumulate(depth[place] for place in range(len(found))))


def _opened(lead: str, place: int, follows_not: bool) -> list[int | None]:
    before, minus, behind = lead.replace("－", "-").partition("-")
    outer: list[int | None] = [place if follows_not else None]
    return outer * len(before) + [place] * len(behind if minus else "")


def _in_brackets(token: Token, depth: int) -> Token:
    return token._replace(negated=True) if depth else token


# ---- the query ------------------------------------------------------------------------------------------


def _query(tokens: Iterable[Token], now: float) -> Query:
    conditions, terms = Narrowing(now), _Terms()
    for token in tokens:
        if token.joiner:
            terms.join(token.joiner)
        elif conditions.take(token):
            terms.end_clause()
        elif term := _token_term(token):
            terms.add(term, excluded=token.negated)
    return Query(terms.required(), tuple(terms.excluded), conditions.conditions())


class _Terms:
    """Gathers the terms of a query, each once, and joins alternatives."""

    def __init__(self) -> None:
        self.excluded: dict[Term, None] = {}
        self._clauses: list[dict[Term, None]] = []
        self._last: dict[Term, None] | None = None  # the clause that OR may extend
        self._joins = False  # whether the next term extends it

    def join(self, joiner: str) -> None:
        """Make the next term an alternative to the last, if `joiner` is OR and the last is a required one."""
        self._joins = joiner == "OR" and self._last is not None

    def end_clause(self) -> None:
        """Let no OR reach back over what comes next."""
        self._last, self._joins = None, False

    def add(self, term: Term, *, excluded: bool) -> None:
        """Add a term."""
        if excluded:
            self.excluded[term] = None
            self.end_clause()
            return
        if self._last is None or not self._joins:
            self._last = {}
            self._clauses.append(self._last)
        self._last[term] = None
        self._joins = False

    def required(self) -> tuple[Clause, ...]:
        """Return the clauses."""
        return tuple(dict.fromkeys(Clause(tuple(alternatives)) for alternatives in self._clauses))


def _token_term(token: Token) -> Term | None:
    in_title = _term(token.value, token.quoted, token.prefix, True) if token.name == "title" else None
    is_phrase = token.quoted and not token.name
    return in_title or _term(token.value if is_phrase else token.whole, is_phrase, token.prefix)


_SEARCHABLE = re.compile(r"[^\W_]")


def _term(typed: str, quoted: bool, prefix: bool, in_title: bool = False) -> Term | None:
    """Return the term that a text is; None if it has no letter, digit or emoji."""
    text = ordinary(typed)
    if not (_SEARCHABLE.search(text) or has_emoji(text)):
        return None
    return Term(text, typed, quoted, prefix, in_title)


class Narrowing:
    """Gathers the conditions of the operators of a query."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._single = Conditions()
        self._tags: dict[str, None] = {}
        self._without_tags: dict[str, None] = {}
        self._tools: dict[str, None] = {}
        self._has: set[Feature] = set()

    def take(self, token: Token) -> bool:
        """Add what a token demands; return False if it is no operator, or has a value that none means."""
        if not token.name or not token.value:
            return False
        if not token.negated and token.name == "tool" and len(self._tools) < MOST_TOOLS:
            self._tools[ordinary(token.value)] = None
            return True
        if token.name == "tag":
            return self._take_tag(token)
        feature = token.value.lower()
        if not token.negated and token.name == "has" and feature in _FEATURES:
            self._has.add(_FEATURES[feature])
            return True
        narrowed = _narrowed(self._single, token, self._now)
        self._single = narrowed or self._single
        return narrowed is not None

    def _take_tag(self, token: Token) -> bool:
        name, names = read_tag(token.value), self._without_tags if token.negated else self._tags
        if name is None or len(names) >= MOST_TAGS:
            return False
        names[name] = None
        return True

    def conditions(self) -> Conditions:
        """Return all conditions so far."""
        return self._single._replace(
            tags=tuple(self._tags),
            without_tags=tuple(self._without_tags),
            tools=tuple(self._tools),
            has=frozenset(self._has),
        )


_FEATURES: dict[str, Feature] = {name: name for name in get_args(Feature)}
_ROLES = frozenset(get_args(Role))
_SOURCES = frozenset(source.value for source in Source)
CHOICES: Mapping[str, Sequence[str]] = {  # what an operator can mean, of those that mean one of a few things
    "source": [source.value for source in Source],
    "is": get_args(Flag),
    "role": get_args(Role),
    "has": get_args(Feature),
}
_AT_LEAST = re.compile(r"(>=?|≥)\$?([0-9]{1,12}(?:\.[0-9]{1,12})?)")
_OPPOSITE = {"before": "after", "after": "before"}  # beside `is`, no other operator has one
NEGATABLE = frozenset(("title", "tag", "is", *_OPPOSITE))
DATED = frozenset(("before", "after", "on"))


def _narrowed(conditions: Conditions, token: Token, now: float) -> Conditions | None:
    """Return the conditions with what an operator demands; None if its value means nothing."""
    name, value = token.name, ordinary(token.value)
    if name == "is":
        return _flagged(conditions, value.lower(), not token.negated)
    if token.negated:
        name = _OPPOSITE.get(name, "")
    if name in DATED:
        period = read_period(value, now)
        return period and _dated(conditions, name, period)
    if name in ("cost", "messages"):
        least = _AT_LEAST.fullmatch(value)
        return least and _counted(conditions, name, least[1] == ">", least[2])
    return _named(conditions, name, value)


def _flagged(conditions: Conditions, flag: str, value: bool) -> Conditions | None:
    match flag:
        case "archived":
            return conditions._replace(archived=value)
        case "pinned":
            return conditions._replace(pinned=value)
        case "interrupted":
            return conditions._replace(interrupted=value)
        case "agent":
            return conditions._replace(agent=value)
    return None


def _named(conditions: Conditions, name: str, value: str) -> Conditions | None:
    match name, value.lower():
        case "profile", _:
            return conditions._replace(profile=value)
        case "project", _:
            return conditions._replace(project=value)
        case "model", _:
            return conditions._replace(model=value)
        case "source", source if source in _SOURCES:
            return conditions._replace(source=source)
        case "role", role if role in _ROLES:
            return conditions._replace(role=role)
    return None


def _dated(conditions: Conditions, name: str, period: Period) -> Conditions:
    """Return the conditions, narrowed to times `before` a period, `after` its beginning, or `on` it."""
    since = max(conditions.since or 0.0, period.start)
    end = period.start if name == "before" else period.end
    until = end if conditions.until is None else min(conditions.until, end)
    match name:
        case "before":
            return conditions._replace(until=until)
        case "after":
            return conditions._replace(since=since)
    return conditions._replace(since=since, until=until)


def _counted(conditions: Conditions, name: str, more: bool, number: str) -> Conditions | None:
    if name == "cost":
        cost = math.nextafter(float(number), math.inf) if more else float(number)
        return conditions._replace(min_cost=max(cost, conditions.min_cost or 0.0))
    if not number.isdecimal():
        return None
    return conditions._replace(min_messages=max(int(number) + more, conditions.min_messages or 0))
