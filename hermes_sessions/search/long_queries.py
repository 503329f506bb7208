"""Long queries, such as a pasted error: the words that tell most, in place of all. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence

from .language import Clause, Term
from .words import is_expandable, words_of

MOST_CLAUSES = 12
MOST_WORDS = 2_000  # that are looked at, of a whole file that somebody pasted

Frequencies = Callable[[Collection[str]], Mapping[str, int]]


def telling_clauses(clauses: Sequence[Clause], frequencies: Frequencies) -> tuple[Clause, ...]:
    """Return the clauses; of more than `MOST_CLAUSES`, those of the rarest words that any text has.

    `frequencies` returns how many texts have each of some words, without those that none has.
    """
    if len(clauses) <= MOST_CLAUSES:
        return tuple(clauses)
    words = dict.fromkeys(
        word for clause in clauses for term in clause.alternatives for word in words_of(term.text)
    )
    some = [word for word in words if is_expandable(word)][:MOST_WORDS]
    known = frequencies(some)
    rarest = sorted((word for word in some if word in known), key=lambda word: known[word])
    telling = rarest[:MOST_CLAUSES] or some[:MOST_CLAUSES]
    return tuple(Clause((Term(word, word),)) for word in telling) or tuple(clauses[:MOST_CLAUSES])
