"""The expressions that FTS5 takes for the forms of a query. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from .forms import ClauseForms, Phrase, TermForms
from .language import Term
from .words import unspaced_runs

TRIGRAM = 3  # characters
MOST_SETS_OF_PAIRS, MOST_COMPLETIONS = 4, 40
NEAR, MOST_NEAR = 3, 3  # words between two that are close, and forms of each that are tried


# ---- an index of words ----------------------------------------------------------------------------------


def words_expression(clause: ClauseForms) -> str:
    """Return the expression that finds a clause in texts that `index_form` prepared."""
    return " OR ".join(words_expressions(clause))


def words_expressions(clause: ClauseForms) -> list[str]:
    """Return the expressions of which a text must meet one, as `words_expression` joins them."""
    return [each for forms in clause.alternatives for each in _alternatives(forms)]


def _alternatives(forms: TermForms) -> Iterable[str]:
    phrases = (*forms.words, *forms.parts, *map(Phrase, forms.corrections))
    yield from (phrase_expression(phrase) for phrase in dict.fromkeys(phrases))
    for pairs in forms.pairs:
        yield "(" + " AND ".join(map(quoted, pairs)) + ")"


def near_expression(one: ClauseForms, other: ClauseForms) -> str:
    """Return the expression of texts in which words of two clauses are close; empty if there are none."""
    pairs = ((first, second) for first in _nearby(one) for second in _nearby(other) if first != second)
    return " OR ".join(f"NEAR({quoted(first)} {quoted(second)}, {NEAR})" for first, second in pairs)


def _nearby(clause: ClauseForms) -> list[str]:
    """Return the most frequent words of a clause, without those of scripts without spaces."""
    phrases = [
        phrase for forms in clause.alternatives if not forms.is_unspaced for phrase in forms.words[:MOST_NEAR]
    ]
    return [phrase.text for phrase in phrases if not phrase.prefix and phrase.text][:MOST_NEAR]


def phrase_expression(phrase: Phrase) -> str:
    """Return the expression of one phrase."""
    return quoted(phrase.text) + (" *" if phrase.prefix else "")


def quoted(text: str) -> str:
    """Return a text as a string of FTS5."""
    return '"' + text.replace('"', '""') + '"'


# ---- an index of trigrams -------------------------------------------------------------------------------


def short_texts(clause: ClauseForms) -> list[str]:
    """Return the terms of a clause, and the pairs of characters, that are shorter than a trigram."""
    texts = [text for forms in clause.alternatives for text in _texts(forms.term) if len(text) < TRIGRAM]
    texts += [
        pair
        for forms in clause.alternatives
        if _is_in_pairs(forms)
        for pairs in forms.pairs
        for pair in pairs
    ]
    return list(dict.fromkeys(texts))


def trigram_expression(clause: ClauseForms, completions: Mapping[str, list[str]]) -> str:
    """Return the expression that finds a clause in an index of trigrams; nothing if it cannot be found.

    `completions` holds, for each of the `short_texts`, the trigrams with it.
    """
    found: list[str] = []
    for forms in clause.alternatives:
        for text in _texts(forms.term):
            found += map(quoted, [text] if len(text) >= TRIGRAM else completions.get(text, ()))
        if _is_in_pairs(forms):
            found += filter(None, (_all_of(pairs, completions) for pairs in forms.pairs))
        elif forms.pairs:
            found += _most_trigrams(forms.term)
    return " OR ".join(dict.fromkeys(found))


def _is_in_pairs(forms: TermForms) -> bool:
    """Whether a run is so short that its pairs are looked for, and not its trigrams."""
    return 0 < len(forms.pairs) <= MOST_SETS_OF_PAIRS


def _all_of(pairs: Sequence[str], completions: Mapping[str, list[str]]) -> str:
    found = [completions.get(pair, [])[:MOST_COMPLETIONS] for pair in pairs]
    return (
        "(" + " AND ".join(f"({' OR '.join(map(quoted, each))})" for each in found) + ")"
        if all(found)
        else ""
    )


def _texts(term: Term) -> list[str]:
    return list(dict.fromkeys((term.text, term.typed)))


def _most_trigrams(term: Term) -> list[str]:
    """Return expressions for texts that have all but one of the trigrams of a term's first long run."""
    run = next((run[0] for run in unspaced_runs(term.text) if len(run[0]) > TRIGRAM), "")[:10]
    trigrams = list(dict.fromkeys(run[at : at + TRIGRAM] for at in range(len(run) - TRIGRAM + 1)))
    if len(trigrams) < 3:
        return []
    return [
        "(" + " AND ".join(quoted(each) for each in trigrams if each != left_out) + ")"
        for left_out in trigrams
    ]
