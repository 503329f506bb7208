"""What a search box suggests while somebody types: operators, then their values. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from ..query_help import SHORT_DATES, Suggestion, Suggestions, meanings
from ..times import read_period
from .conditions import NO_PROJECT, KnownNames
from .language import CHOICES, DATED, NEGATABLE
from .typed import TypedPlace, place_at, written
from .words import ordinary

MOST = 8  # at once
SHORTEST = 2  # letters of a word that may become an operator
LIMITS: Mapping[str, Sequence[str]] = {
    "cost": (">0.5", ">1", ">5", ">10"),
    "messages": (">20", ">50", ">100", ">500"),
}


def suggest(text: str, at: int, known: KnownNames, now: float) -> Suggestions:
    """Return what may be typed at a position of a query, the likeliest first.

    `now` is the time that dates count from, in seconds since the epoch.
    """
    place = place_at(text, at)
    found = _values(place, known, now) if place.name else _operators(place)
    space = "" if text[place.end : place.end + 1].isspace() or not place.name else " "
    items = tuple(each._replace(text=each.text + space) for each in islice(found, MOST))
    return Suggestions(place.start, place.end, items, takes_date=place.name in DATED)


def _operators(place: TypedPlace) -> Iterator[Suggestion]:
    typed = place.value.casefold()
    if len(typed) < SHORTEST:
        return
    for name, meaning in meanings().items():
        if name.startswith(typed) and (name in NEGATABLE or not place.negated):
            yield Suggestion(f"{name}:", f"{name}:", meaning)


def _values(place: TypedPlace, known: KnownNames, now: float) -> Iterator[Suggestion]:
    if place.negated and place.name not in NEGATABLE:
        return
    for label, value, meaning in _matching(_known_values(place.name, known, now), place.value):
        text = written(place.name, value)
        if text is not None:
            yield Suggestion(text, label, meaning)


# What people see, what is written in the query, and what is said beside it.
_Value = tuple[str, str, str]


def _known_values(name: str, known: KnownNames, now: float) -> Iterable[_Value]:
    if name in CHOICES:
        return [(each, each, "") for each in CHOICES[name]]
    if name in LIMITS:
        return [(each, each, "") for each in LIMITS[name]]
    if name in DATED:
        return [(each, each, _day(each, words, now)) for each, words in SHORT_DATES.items()]
    read = _READERS.get(name)
    return read(known) if read else ()


def _projects(known: KnownNames) -> Iterable[_Value]:
    """Return the projects by name, or by their ids where a name cannot be written in a query."""
    for each in known.projects():
        yield each.name, each.name if written("project", each.name) else each.project_id, ""
    yield NO_PROJECT, NO_PROJECT, "in no project"


def _tags(known: KnownNames) -> Iterable[_Value]:
    for name, count in known.tags().items():
        yield name, name, f"{count:,} conversation{'' if count == 1 else 's'}"


_READERS: Mapping[str, Callable[[KnownNames], Iterable[_Value]]] = {
    "project": _projects,
    "tag": _tags,
    "model": lambda known: [(each, each, "") for each in sorted(known.models())],
    "profile": lambda known: [(each, each, "") for each in sorted(known.profiles())],
}


def _day(date: str, words: str, now: float) -> str:
    """Return what a short date means, such as `7 days ago: 21 November 2026`."""
    period = read_period(date, now)
    if period is None:
        return words
    day = datetime.fromtimestamp(period.start).astimezone()
    return f"{words}{': ' if words else ''}{day.day} {day:%B %Y}"


def _matching(values: Iterable[_Value], typed: str) -> list[_Value]:
    """Return the values that begin as typed, then those with a word that does, then others that contain it.

    What is typed in full is left out: nothing is left to suggest.
    """
    wanted = _folded(typed.lstrip("#"))
    ranked = [(_rank(_folded(each[0]), wanted), each) for each in values]
    return [each for rank, each in sorted(ranked, key=lambda pair: pair[0]) if rank < _NOT]


_NOT = 3


def _rank(value: str, wanted: str) -> int:
    if value == wanted or wanted not in value:
        return _NOT
    if value.startswith(wanted):
        return 0
    return 1 if any(word.startswith(wanted) for word in value.replace("-", " ").split()) else 2


def _folded(text: str) -> str:
    return ordinary(text).casefold()
