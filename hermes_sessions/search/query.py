"""The query language: what was typed into a search box, as terms and as the expressions that FTS5 takes.

Everything that can be typed is a valid query. All words must occur. "A phrase" must occur as written, `-word`
must not occur, and `word*` is the beginning of a word. Words joined by other characters, as in get_cli_sess,
must stand next to each other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple

from ..errors import InvalidValue
from ..fields import clean_text
from .words import UNSPACED, fold, is_unspaced, ordinary, split_unspaced, unspaced_runs

LONGEST_QUERY = 1_000  # characters
MOST_EXPANDED = 8  # terms that are looked up as parts of words: each takes a pass over all words
MOST_WORDS = 64  # that one part of a word stands for

_TERM = re.compile(r'(?<!\S)(-(?!-))?(?:"([^"]*)"?|([^\s"]+))|"([^"]*)"?|([^\s"]+)')
_QUOTES = str.maketrans(dict.fromkeys("“”„«»「」『』", '"'))
PIECE = re.compile(rf"[{UNSPACED}]+|[^\W_{UNSPACED}]+")
_TRIGRAM = 3  # characters


class MatchMode(IntEnum):
    """How a word of the query must occur in a text: as a word, at the beginning of one, anywhere in one."""

    WORD = 0
    PREFIX = 1
    SUBSTRING = 2


class Term(NamedTuple):
    """One term of a query: a word, or several next to each other.

    `quoted` is whether it was typed in quotation marks, `prefix` whether it ended with `*`.
    """

    text: str
    quoted: bool = False
    prefix: bool = False


class Query(NamedTuple):
    """The terms that a text must contain, and those that it must not, in ordinary characters.

    `typed` is the query as it was typed, if that was in full-width or other forms of characters: the agent's
    own index has the texts in the forms in which they were written.
    """

    required: tuple[Term, ...]
    excluded: tuple[Term, ...] = ()
    typed: Query | None = None

    @property
    def forms(self) -> tuple[Query, ...]:
        """The query in ordinary characters, and as it was typed if that differs."""
        return (self,) if self.typed is None else (self, self.typed)

    @property
    def is_unspaced(self) -> bool:
        """Whether any term has a character of a script without spaces between words."""
        return any(is_unspaced(term.text) for term in (*self.required, *self.excluded))

    @property
    def is_quoted(self) -> bool:
        """Whether every required term is in quotation marks, so that only whole words match."""
        return all(term.quoted for term in self.required)


def parse(text: str) -> Query:
    """Return the query that was typed; terms without a letter or digit are dropped.

    Raises `InvalidValue` if the text is longer than `LONGEST_QUERY`.
    """
    if len(text) > LONGEST_QUERY:
        raise InvalidValue(f"text must be at most {LONGEST_QUERY:,} characters; this one has {len(text):,}")
    composed = unicodedata.normalize("NFC", clean_text(text))
    query, typed = _parsed(ordinary(composed)), _parsed(composed)
    return query if typed == query else query._replace(typed=typed)


def _parsed(composed: str) -> Query:
    required: dict[Term, None] = {}
    excluded: dict[Term, None] = {}
    for match in _TERM.finditer(composed.translate(_QUOTES)):
        minus, *alternatives = match.groups()
        for words, quoted in zip(alternatives, (True, False, True, False), strict=True):
            if words and PIECE.search(words):
                (excluded if minus else required)[_term(words, quoted=quoted)] = None
    if not required:  # `-word` alone would match nearly everything: it is taken literally
        return Query(tuple(excluded))
    return Query(tuple(required), tuple(excluded))


def _term(words: str, *, quoted: bool) -> Term:
    if quoted:
        return Term(words.strip(), quoted=True)
    return Term(words.rstrip("*"), prefix=words.endswith("*"))


# ---- expressions for an index of words ------------------------------------------------------------------


def fts_expression(query: Query, mode: MatchMode, expansions: Mapping[Term, list[str]]) -> str:
    """Return the FTS5 expression that finds a query in texts that `split_unspaced` prepared.

    `expansions` holds the words that terms stand for, found by the patterns of `expansion_patterns`.
    """
    required = [_alternatives(term, mode, expansions.get(term, ())) for term in query.required]
    excluded = [_phrase(term, MatchMode.WORD) for term in query.excluded]
    return _combined(required, excluded)


def _combined(required: Iterable[str], excluded: Iterable[str]) -> str:
    wanted, unwanted = " AND ".join(required), " OR ".join(excluded)
    return f"({wanted}) NOT ({unwanted})" if unwanted else wanted


def _alternatives(term: Term, mode: MatchMode, words: Iterable[str]) -> str:
    first = PIECE.search(fold(term.text))
    rest = "" if first is None else fold(term.text)[first.end() :]
    others = [_quoted(word + rest) + (" *" if PIECE.search(rest) else "") for word in words]
    return "(" + " OR ".join([_phrase(term, mode), *others]) + ")"


def _phrase(term: Term, mode: MatchMode) -> str:
    """Return the FTS5 phrase of one term.

    A term that ends in an unspaced script may continue in the text. The index has such a run as pairs of
    characters and its last character alone, so the phrase must end with the last pair instead; a single
    character is the beginning of a pair.
    """
    runs = unspaced_runs(term.text)
    if runs and runs[-1].end() == len(term.text):
        if len(runs[-1][0]) == 1:
            return _quoted(split_unspaced(term.text)) + " *"
        return _quoted(split_unspaced(term.text).rstrip()[:-1])
    is_prefix = term.prefix or (mode > MatchMode.WORD and not term.quoted)
    return _quoted(split_unspaced(term.text)) + (" *" if is_prefix else "")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def expansion_patterns(query: Query) -> dict[Term, str]:
    """Return, for each term that may be a part of longer words, the LIKE pattern of those words."""
    terms = [term for term in query.required if not term.quoted and not is_unspaced(term.text)]
    return {term: _word_pattern(term) for term in terms[:MOST_EXPANDED]}


def _word_pattern(term: Term) -> str:
    pieces = PIECE.findall(fold(term.text))
    return f"%{pieces[0]}%" if len(pieces) == 1 else f"%{pieces[0]}"


# ---- expressions for an index of trigrams ---------------------------------------------------------------


def trigram_expression(query: Query, completions: Mapping[str, list[str]]) -> str | None:
    """Return the FTS5 expression that finds a query's parts of words in an index of trigrams.

    `completions` holds, for each of the `short_texts`, the trigrams that begin with it. The result is None if
    a required term has none, so that nothing can match.
    """
    required = [_trigram_term(term.text, completions) for term in query.required]
    excluded = [_trigram_term(term.text, completions) for term in query.excluded]
    if None in required:
        return None
    return _combined(filter(None, required), filter(None, excluded))


def _trigram_term(text: str, completions: Mapping[str, list[str]]) -> str | None:
    if len(text) >= _TRIGRAM:
        return _quoted(text)
    known = completions.get(text)
    return "(" + " OR ".join(map(_quoted, known)) + ")" if known else None


def short_texts(query: Query) -> list[str]:
    """Return the terms of a query that are shorter than a trigram."""
    texts = [term.text for term in (*query.required, *query.excluded)]
    return [text for text in texts if len(text) < _TRIGRAM]
