"""Snippets: the part of a text around its first match, with every match marked."""

import re
import unicodedata
from collections.abc import Callable, Iterator

from ..results import MATCH_END, MATCH_START
from .query import PIECE, MatchMode, Query, Term
from .words import UNSPACED, fold, is_unspaced, ordinary

BEFORE, AFTER = 60, 140  # characters of a snippet before and after the match
SURROUNDINGS = 5_000  # characters around a match in which blanks are counted as one

# A word begins and ends where there is no letter beside it, and at the edge of an unspaced script.
_WORD_START = rf"(?:(?<![^\W_])|(?<=[{UNSPACED}]))"
_WORD_END = rf"(?:(?![^\W_])|(?=[{UNSPACED}]))"


def match_pattern(query: Query, mode: MatchMode) -> re.Pattern[str]:
    """Return the pattern of a query's terms in a text that was composed (NFC) and folded."""
    return re.compile("|".join(_term_pattern(term, mode) for term in query.required) or r"(?!)")


def _term_pattern(term: Term, mode: MatchMode) -> str:
    pieces = PIECE.findall(fold(term.text))
    inner = r"[\W_]{0,40}".join(map(re.escape, pieces))
    mode = MatchMode.WORD if term.quoted else mode
    begins_anywhere = mode is MatchMode.SUBSTRING or is_unspaced(pieces[0])
    ends_anywhere = mode > MatchMode.WORD or term.prefix or is_unspaced(pieces[-1])
    return ("" if begins_anywhere else _WORD_START) + inner + ("" if ends_anywhere else _WORD_END)


def make_snippet(text: str, pattern: re.Pattern[str], mask: Callable[[str], str]) -> str:
    """Return the part of a text around its first match, on one line, with marks around each match.

    `mask` hides credentials. It is applied to the whole text before it is cut: the lines of a private key are
    recognised by its first line, however far away that is.
    """
    composed = unicodedata.normalize("NFC", text.replace(MATCH_START, "").replace(MATCH_END, ""))
    masked = mask(composed)
    if not pattern.search(fold(masked)):
        masked = ordinary(masked)  # a character that stands for several, such as ㍿
    start, end = _first_match(masked, pattern)
    line = " ".join(masked[max(0, start - SURROUNDINGS) : end + SURROUNDINGS].split())
    start, end = _first_match(line, pattern)
    cut_start, cut_end = _word_start(line, start - BEFORE), end + AFTER
    excerpt = "".join(_with_marks(line[cut_start:cut_end], pattern)).strip()
    return ("…" if cut_start else "") + excerpt + ("…" if cut_end < len(line) else "")


def _first_match(text: str, pattern: re.Pattern[str]) -> tuple[int, int]:
    match = pattern.search(fold(text))
    return match.span() if match else (0, 0)


def _word_start(text: str, at: int) -> int:
    """Return where the next word after a place begins, or the place itself if that is far away."""
    if at <= 0:
        return 0
    space = text.find(" ", at, at + BEFORE // 2)
    return at if space < 0 else space + 1


def _with_marks(text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    at = 0
    for match in pattern.finditer(fold(text)):
        if match.end() > match.start():
            yield text[at : match.start()] + MATCH_START + text[match.start() : match.end()] + MATCH_END
            at = match.end()
    yield text[at:]
