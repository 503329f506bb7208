"""The forms in which a term may stand in a text: as typed, of the same stem, in longer words, corrected."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import combinations
from math import ceil
from typing import NamedTuple

from sqlalchemy import Connection

from . import spelling, vocabulary
from .emoji import has_emoji
from .language import Clause, Term
from .stems import Stemmer
from .words import LONGEST_WORD, index_form, is_expandable, is_unspaced, pairs_of, unspaced_runs, words_of

MOST_EXPANDED = 8  # terms that are looked up as parts of words: each takes a pass over all words
MOST_PAIRS = 8  # of a run in an unspaced script that need not stand in the text as a whole
SHARE_OF_PAIRS = 0.6
_PUNCTUATION = ".,;:!?()[]{}'`"
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "ae", "Ö": "oe", "Ü": "ue"})
_WITHOUT_UMLAUTS = re.compile("ae|oe|ue")


class Phrase(NamedTuple):
    """Words next to each other, as an index has them; with `prefix`, the last may be the beginning of one."""

    text: str
    prefix: bool = False


class TermForms(NamedTuple):
    """A term and what it may stand for.

    `words` are its own words and those of the same stem, `parts` words that contain it, and `corrections`
    words that were probably meant. `pairs` are sets of parts of a run without spaces, of which one must be
    in a text.
    """

    term: Term
    words: tuple[Phrase, ...]
    parts: tuple[Phrase, ...] = ()
    pairs: tuple[tuple[str, ...], ...] = ()
    corrections: tuple[str, ...] = ()

    @property
    def is_unspaced(self) -> bool:
        """Whether the term has an emoji or a script without spaces: the agent's words have neither."""
        return is_unspaced(self.term.text) or has_emoji(self.term.text)


class ClauseForms(NamedTuple):
    """The forms of the terms of which one must occur; `texts` is about how many texts have one of them.

    Without alternatives, every message has it.
    """

    alternatives: tuple[TermForms, ...]
    texts: int = 0

    @property
    def typed(self) -> str:
        """The clause as it was typed, without the punctuation around it."""
        return " OR ".join(forms.term.typed.strip(_PUNCTUATION) for forms in self.alternatives)

    @property
    def as_typed(self) -> ClauseForms:
        """The clause with the words alone that were typed."""
        alternatives = (TermForms(forms.term, forms.words[:1]) for forms in self.alternatives)
        return ClauseForms(tuple(alternatives), self.texts)

    @property
    def in_title(self) -> bool:
        """Whether only a title can have it."""
        return bool(self.alternatives) and all(forms.term.in_title for forms in self.alternatives)

    @property
    def in_messages(self) -> ClauseForms:
        """The clause without the terms that only a title can have, unless there are no others."""
        others = tuple(forms for forms in self.alternatives if not forms.term.in_title)
        return self._replace(alternatives=others) if others else self


ANYTHING = ClauseForms(())


# ---- the words of a term --------------------------------------------------------------------------------


def exact_phrase(term: Term) -> Phrase:
    """Return a term's words as an index has them.

    A term that ends in an unspaced script may continue in the text. The index has such a run as pairs of
    characters and its last character alone, so the phrase must end with the last pair instead; a single
    character is the beginning of a pair.
    """
    text = index_form(term.text)
    runs = unspaced_runs(text.rstrip()) if not text.isascii() else []
    if not unspaced_runs(term.text) or not is_unspaced(term.text[-1:]):
        return Phrase(text.strip(), term.prefix)
    last = unspaced_runs(term.text)[-1][0]
    if len(last) == 1 or not runs:
        return Phrase(text.strip(), prefix=True)
    return Phrase(text.rstrip()[:-1].rstrip())


def _variants(term: Term) -> Iterator[str]:
    """Yield other ways to write a term: numbers with other separators, versions, and umlauts."""
    typed = term.text
    if _THOUSANDS.fullmatch(typed):
        yield typed.replace(",", "")
    words = words_of(typed)
    if words and words[0].isdecimal() and not _THOUSANDS.fullmatch(typed):
        if len(words) > 1:
            yield f"v{typed}"
        if 4 <= len(words[0]) <= 15 and len(words) <= 2:
            yield typed.replace(words[0], f"{int(words[0]):,}", 1)
    elif len(words) > 1 and words[0][:1] == "v" and words[0][1:].isdecimal():
        yield typed[1:]
    composed = unicodedata.normalize("NFC", typed)
    if (spelled_out := composed.translate(_UMLAUTS)) != composed:
        yield spelled_out


def _pairs(term: Term) -> tuple[tuple[str, ...], ...]:
    """Return sets of pairs of which a text must have one, for the first run of a term that is long enough."""
    run = next((run[0] for run in unspaced_runs(index_free(term.text)) if len(run[0]) > 2), "")
    pairs = pairs_of(run)[:MOST_PAIRS]
    if len(pairs) < 2:
        return ()
    return tuple(combinations(pairs, ceil(SHARE_OF_PAIRS * len(pairs))))


def index_free(text: str) -> str:
    """Return a text folded as an index has it, without divided runs."""
    return "".join(words_of(text)) if is_unspaced(text) else text


# ---- looking up -----------------------------------------------------------------------------------------


class FormFinder:
    """Finds the forms of terms in the vocabulary of one search index."""

    def __init__(self, connection: Connection, stemmer: Stemmer) -> None:
        self._connection, self._stemmer = connection, stemmer

    def frequencies(self, words: Collection[str]) -> dict[str, int]:
        """Return about how many texts have each of these words; words that are not known are left out."""
        return vocabulary.frequencies(self._connection, words)

    def exact(self, clauses: Iterable[Clause]) -> list[ClauseForms]:
        """Return clauses with the words of each term and those of the same stem."""
        clauses = list(clauses)
        terms = [term for clause in clauses for term in clause.alternatives]
        stems = self._same_stems(terms)
        forms = {term: self._words(term, stems) for term in terms}
        counts = vocabulary.frequencies(
            self._connection,
            {word for each in forms.values() for phrase in each.words for word in phrase.text.split()},
        )
        return [_clause([forms[term] for term in clause.alternatives], counts) for clause in clauses]

    def _same_stems(self, terms: Iterable[Term]) -> dict[str, list[str]]:
        """Return, by word, the words of the same stem, for terms of a single word."""
        single = {
            words[0]
            for term in terms
            if not term.quoted and not term.prefix and len(words := words_of(term.text)) == 1
        }
        stems = self._stemmer.stems({word for word in single if is_expandable(word)})
        known = vocabulary.of_stems(self._connection, set(stems.values()))
        return {word: known.get(stem, []) for word, stem in stems.items()}

    @staticmethod
    def _words(term: Term, stems: Mapping[str, list[str]]) -> TermForms:
        phrases = [exact_phrase(term)]
        if not term.quoted and not term.prefix:
            words = words_of(term.text)
            phrases += [Phrase(word) for word in (stems.get(words[0], []) if len(words) == 1 else ())]
            phrases += [exact_phrase(term._replace(text=text)) for text in _variants(term)]
        return TermForms(term, tuple(dict.fromkeys(phrases)))

    def with_parts(
        self, clauses: Iterable[ClauseForms], wanted: Callable[[ClauseForms], bool] = lambda _: True
    ) -> list[ClauseForms]:
        """Return clauses, those that are `wanted` with longer words that contain their terms.

        Of all their terms, the first `MOST_EXPANDED` are looked up.
        """
        left = MOST_EXPANDED
        found: list[ClauseForms] = []
        for clause in clauses:
            expanded, rest = clause.alternatives[:left], clause.alternatives[left:]
            left -= len(expanded)
            longer = map(self._with_parts, expanded) if expanded and wanted(clause) else expanded
            found.append(clause._replace(alternatives=(*longer, *rest)))
        return found

    def _with_parts(self, forms: TermForms) -> TermForms:
        term = forms.term
        if term.quoted:
            return forms
        if is_unspaced(term.text):
            return forms._replace(pairs=_pairs(term))
        words = words_of(term.text)
        if not words or len(words[0]) > LONGEST_WORD:  # no word that is known is longer
            return forms
        pattern = f"%{words[0]}%" if len(words) == 1 else f"%{words[0]}"
        rest = " ".join(words[1:])
        longer = vocabulary.of_pattern(self._connection, pattern) if len(words[0]) > 1 else []
        parts = [Phrase(" ".join(words), prefix=True)]
        parts += [Phrase(f"{word} {rest}".strip(), prefix=bool(rest)) for word in longer]
        return forms._replace(parts=tuple(dict.fromkeys(parts)))

    def corrected(self, clause: ClauseForms) -> ClauseForms:
        """Return a clause with the words that were probably meant by its misspelt terms."""
        return clause._replace(alternatives=tuple(map(self._corrected, clause.alternatives)))

    def _corrected(self, forms: TermForms) -> TermForms:
        words = words_of(forms.term.text)
        if forms.term.quoted or forms.term.prefix or len(words) != 1 or is_unspaced(words[0]):
            return forms
        (word,) = words
        most = spelling.allowed_mistakes(word)
        umlauts = _WITHOUT_UMLAUTS.sub(lambda found: found[0][0], word)
        if umlauts != word and (longer := vocabulary.of_pattern(self._connection, f"%{umlauts}%")):
            return forms._replace(corrections=tuple(longer))
        if not most:
            return forms
        lengths = (len(word) - most, len(word) + most)
        known = vocabulary.similar(self._connection, spelling.first_letters(word), lengths)
        return forms._replace(corrections=tuple(spelling.corrections(word, known)[:3]))


def _clause(alternatives: list[TermForms], counts: Mapping[str, int]) -> ClauseForms:
    return ClauseForms(tuple(alternatives), sum(_texts(forms, counts) for forms in alternatives))


def _texts(forms: TermForms, counts: Mapping[str, int]) -> int:
    """Return about how many texts have a term: of several words, as many as have the rarest."""
    phrases = (phrase.text.split() for phrase in forms.words)
    return sum(min((counts.get(word, 0) for word in words), default=0) for words in phrases)
