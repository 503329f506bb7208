"""Long queries, such as a pasted error: the words that tell most, in place of all. Pure."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice

from .language import Clause, Query, Term
from .words import UNSPACED, is_expandable, words_of

MOST_CLAUSES = 12
MOST_WORDS_OF_TERM = 64  # words next to each other: a phrase of 100,000 would take seconds
MOST_ALTERNATIVES = 50  # of one clause
MOST_WORDS = 2_000  # that are looked at, of a whole file that somebody pasted

_WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")

Frequencies = Callable[[Collection[str]], Mapping[str, int]]


def with_short_terms(query: Query) -> Query:
    """Return a query of whose terms the first `MOST_WORDS_OF_TERM` words are left, such as of a phrase."""
    required = (Clause(tuple(map(_shortened, clause.alternatives))) for clause in query.required)
    return query._replace(required=tuple(required), excluded=tuple(map(_shortened, query.excluded)))


def _shortened(term: Term) -> Term:
    text, typed = _beginning(term.text), _beginning(term.typed)
    return (
        term
        if (text, typed) == (term.text, term.typed)
        else term._replace(text=text, typed=typed, prefix=False)
    )


def _beginning(text: str) -> str:
    if len(text) < MOST_WORDS_OF_TERM:
        return text
    after = list(islice(_WORD.finditer(text), MOST_WORDS_OF_TERM - 1, MOST_WORDS_OF_TERM + 1))
    return text if len(after) < 2 else text[: after[0].end()]


def telling_clauses(clauses: Sequence[Clause], frequencies: Frequencies) -> tuple[Clause, ...]:
    """Return the clauses; of more than `MOST_CLAUSES`, those of the rarest words that any text has.

    `frequencies` returns how many texts have each of some words, without those that none has.
    """
    if len(clauses) <= MOST_CLAUSES:
        return tuple(_telling_alternatives(clause, frequencies) for clause in clauses)
    words = dict.fromkeys(
        word for clause in clauses for term in clause.alternatives for word in words_of(term.text)
    )
    some = [word for word in words if is_expandable(word)][:MOST_WORDS]
    known = frequencies(some)
    rarest = sorted((word for word in some if word in known), key=lambda word: known[word])
    telling = rarest[:MOST_CLAUSES] or some[:MOST_CLAUSES]
    return tuple(Clause((Term(word, word),)) for word in telling) or tuple(
        clause._replace(alternatives=clause.alternatives[:MOST_ALTERNATIVES])
        for clause in clauses[:MOST_CLAUSES]
    )


def _telling_alternatives(clause: Clause, frequencies: Frequencies) -> Clause:
    """Return a clause; of more than `MOST_ALTERNATIVES`, those of the rarest words that any text has."""
    if len(clause.alternatives) <= MOST_ALTERNATIVES:
        return clause
    words = {term: words_of(term.text) for term in clause.alternatives}
    known = frequencies({word for each in words.values() for word in each})
    counts = {term: min((known.get(word, 0) for word in each), default=0) for term, each in words.items()}
    rarest = sorted(words, key=lambda term: (not counts[term], counts[term]))
    return Clause(tuple(rarest[:MOST_ALTERNATIVES]))
