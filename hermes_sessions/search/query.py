"""What somebody typed into the search box: as terms, as expressions of FTS5, and shown in a text.

Whatever was typed is a search. Words are all wanted; "a phrase" is meant as it stands, `-word` is not wanted,
`word*` begins a word. Words joined by other characters, as in get_cli_sess, stand beside each other.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

from ..errors import InvalidValue
from ..fields import clean_text
from ..results import MATCH_END, MATCH_START
from .words import UNSPACED, fold, is_unspaced, spread, unspaced_runs

LONGEST_QUERY = 1_000
MOST_EXPANDED = 8  # terms whose parts of words are looked up: each takes a pass over all words that there are
MOST_WORDS = 64  # that one part of a word stands for
BEFORE, AFTER = 60, 140
SURROUNDINGS = 5_000  # masked around a match: the longest private keys are shorter

_TERM = re.compile(r'(?<!\S)(-(?!-))?(?:"([^"]*)"?|([^\s"]+))|"([^"]*)"?|([^\s"]+)')
_QUOTES = str.maketrans(dict.fromkeys("“”„«»「」『』", '"'))
_PIECE = re.compile(rf"[{UNSPACED}]+|[^\W_{UNSPACED}]+")
_TRIGRAM = 3


class Closeness(IntEnum):
    """How a word of the query must stand in a text: as a word, at the beginning of one, anywhere in one."""

    WORD = 0
    BEGINNING = 1
    PART = 2


class Term(NamedTuple):
    """One thing that was typed, composed (NFC): a word or several that stand beside each other."""

    text: str
    quoted: bool = False
    prefix: bool = False


class Query(NamedTuple):
    """What a text must have, and what it must not have."""

    wanted: tuple[Term, ...]
    unwanted: tuple[Term, ...] = ()

    @property
    def is_unspaced(self) -> bool:
        """Whether something of it is in a script without spaces."""
        return any(is_unspaced(term.text) for term in (*self.wanted, *self.unwanted))


def parse(text: str) -> Query:
    """Return what was typed, without a term if there is no word in it; raise `InvalidValue` if too long."""
    if len(text) > LONGEST_QUERY:
        raise InvalidValue(f"text must be at most {LONGEST_QUERY:,} characters; this one has {len(text):,}")
    composed = unicodedata.normalize("NFC", clean_text(text)).translate(_QUOTES)
    wanted: dict[Term, None] = {}
    unwanted: dict[Term, None] = {}
    for found in _TERM.finditer(composed):
        minus, *phrases = found.groups()
        for words, quoted in zip(phrases, (True, False, True, False), strict=True):
            if words and _PIECE.search(words):
                (unwanted if minus else wanted)[_term(words, quoted=quoted)] = None
    return Query(tuple(wanted), tuple(unwanted)) if wanted else Query(tuple(unwanted))


def _term(words: str, *, quoted: bool) -> Term:
    if quoted:
        return Term(words.strip(), quoted=True)
    return Term(words.rstrip("*"), prefix=words.endswith("*"))


# ---- expressions of FTS5 --------------------------------------------------------------------------------


def expression(query: Query, closeness: Closeness, expanded: Mapping[Term, list[str]]) -> str:
    """Return the expression that finds a query among texts that were `spread`.

    `expanded` holds the words that each term of `expandable` stands for.
    """
    wanted = [_alternatives(term, closeness, expanded.get(term, ())) for term in query.wanted]
    unwanted = [_phrase(term, Closeness.WORD) for term in query.unwanted]
    found = " AND ".join(wanted)
    return f"({found}) NOT ({' OR '.join(unwanted)})" if unwanted else found


def _alternatives(term: Term, closeness: Closeness, words: list[str] | tuple[()]) -> str:
    first = _PIECE.search(fold(term.text))
    rest = "" if first is None else fold(term.text)[first.end() :]
    others = [_quoted(word + rest) + (" *" if _PIECE.search(rest) else "") for word in words]
    return "(" + " OR ".join([_phrase(term, closeness), *others]) + ")"


def _phrase(term: Term, closeness: Closeness) -> str:
    """Return the phrase of one term.

    A run of an unspaced script may go on in the text: the last character is not alone there, as it is where a
    run ends, and a single one begins a pair.
    """
    runs = unspaced_runs(term.text)
    if runs and runs[-1].end() == len(term.text):
        if len(runs[-1][0]) == 1:
            return _quoted(spread(term.text)) + " *"
        return _quoted(spread(term.text).rstrip()[:-1])
    begun = term.prefix or (closeness > Closeness.WORD and not term.quoted)
    return _quoted(spread(term.text)) + (" *" if begun else "")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def expandable(query: Query) -> dict[Term, str]:
    """Return for each term that is a part of words, or ends one, the LIKE pattern of those words."""
    terms = [term for term in query.wanted if not term.quoted and not is_unspaced(term.text)]
    return {term: _pattern_of_words(term) for term in terms[:MOST_EXPANDED]}


def _pattern_of_words(term: Term) -> str:
    pieces = _PIECE.findall(fold(term.text))
    return f"%{pieces[0]}%" if len(pieces) == 1 else f"%{pieces[0]}"


def trigrams(query: Query, beginnings: Mapping[str, list[str]]) -> str | None:
    """Return the expression that finds a query's parts of words in an index of trigrams; None if none can.

    `beginnings` holds the trigrams that begin with each text of `short_texts`.
    """
    wanted = [_of_trigrams(term.text, beginnings) for term in query.wanted]
    unwanted = [_of_trigrams(term.text, beginnings) for term in query.unwanted]
    if None in wanted:
        return None
    found = " AND ".join(filter(None, wanted))
    without = " OR ".join(filter(None, unwanted))
    return f"({found}) NOT ({without})" if without else found


def _of_trigrams(text: str, beginnings: Mapping[str, list[str]]) -> str | None:
    if len(text) >= _TRIGRAM:
        return _quoted(text)
    known = beginnings.get(text)
    return "(" + " OR ".join(map(_quoted, known)) + ")" if known else None


def short_texts(query: Query) -> list[str]:
    """Return the texts of a query that are too short to be a trigram."""
    texts = [term.text for term in (*query.wanted, *query.unwanted)]
    return [text for text in texts if len(text) < _TRIGRAM]


# ---- shown ----------------------------------------------------------------------------------------------


def finder(query: Query, closeness: Closeness) -> re.Pattern[str]:
    """Return what finds a query's words in a text that was composed and folded."""
    return re.compile("|".join(_pattern(term, closeness) for term in query.wanted) or r"(?!)")


# A word ends where no letter follows, and where an unspaced script begins.
_STARTS = rf"(?:(?<![^\W_])|(?<=[{UNSPACED}]))"
_ENDS = rf"(?:(?![^\W_])|(?=[{UNSPACED}]))"


def _pattern(term: Term, closeness: Closeness) -> str:
    pieces = _PIECE.findall(fold(term.text))
    inner = r"[\W_]{0,40}".join(map(re.escape, pieces))
    loose = Closeness.WORD if term.quoted else closeness
    starts = "" if loose is Closeness.PART or is_unspaced(pieces[0]) else _STARTS
    ends = "" if loose > Closeness.WORD or term.prefix or is_unspaced(pieces[-1]) else _ENDS
    return starts + inner + ends


def snippet(text: str, found_by: re.Pattern[str], mask: Callable[[str], str]) -> str:
    """Return the part of a text around its first match, on one line, each match between two marks.

    `mask` is applied before anything is cut, so that nothing is left of what it hides.
    """
    composed = unicodedata.normalize("NFC", text.replace(MATCH_START, "").replace(MATCH_END, ""))
    match = found_by.search(fold(composed))
    at, end = match.span() if match else (0, 0)
    shown = mask(composed[max(0, at - SURROUNDINGS) : end + SURROUNDINGS])
    shown = " ".join(shown.split())
    match = found_by.search(fold(shown))
    at, end = match.span() if match else (0, 0)
    start, stop = _word_start(shown, at - BEFORE), end + AFTER
    excerpt = "".join(_marked(shown[start:stop], found_by)).strip()
    return ("…" if start else "") + excerpt + ("…" if stop < len(shown) else "")


def _word_start(text: str, at: int) -> int:
    """Return where the next word after a place begins, if it is near."""
    if at <= 0:
        return 0
    space = text.find(" ", at, at + BEFORE // 2)
    return at if space < 0 else space + 1


def _marked(text: str, found_by: re.Pattern[str]) -> Iterator[str]:
    at = 0
    for match in found_by.finditer(fold(text)):
        if match.end() > match.start():
            yield text[at : match.start()] + MATCH_START + text[match.start() : match.end()] + MATCH_END
            at = match.end()
    yield text[at:]
