"""The operators of a query that are searched for as words, because their values mean nothing."""

from __future__ import annotations

from collections.abc import Iterator

from .language import CHOICES, DATED, Query

_A_DATE = "a date, such as 2026-09-01, 2026-09, yesterday or 7d"
_TAKES = {
    **{name: f"one of {', '.join(values)}" for name, values in CHOICES.items()},
    **dict.fromkeys(DATED, _A_DATE),
    **dict.fromkeys(("cost", "messages"), "a number, such as >20"),
}


def operators_as_words(query: Query) -> tuple[str, ...]:
    """Return a sentence for each operator that is searched for as a word, such as `before:noon`."""
    return tuple(dict.fromkeys(_sentences(query)))


def _sentences(query: Query) -> Iterator[str]:
    for term in (*(each for clause in query.required for each in clause.alternatives), *query.excluded):
        name, colon, value = term.text.partition(":")
        takes = None if term.quoted or term.in_title else _TAKES.get(name.lower())
        if colon and value and takes:
            yield f"{term.text} was searched for as a word: {name.lower()} takes {takes}."
