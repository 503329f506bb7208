"""Snippets: the part of a text where most words of a query are close together, with every match marked."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, TypeAlias

from ..hits import MATCH_END, MATCH_START
from .folding import FoldedText, fold_letters
from .forms import ClauseForms, Phrase, TermForms
from .language import Term
from .words import UNSPACED, is_unspaced, ordinary, words_of

BEFORE, AFTER = 60, 140  # characters of a snippet before and after the first match
WIDTH = 200  # characters in which matches are close
MOST_MATCHES = 5_000  # in one text that are compared
# Of a longer text, blanks are counted as one only in the surroundings of its matches; both in characters.
LONG, SURROUNDINGS = 20_000, 5_000

# A word begins and ends where there is no letter beside it, and at the edge of an unspaced script. Its first
# character is looked for first: `re` skips all others three times as fast as it looks behind each of them.
_WORD_START = rf"(?s:(?<![^\W_].)|(?<=[{UNSPACED}].))"
_WORD_END = rf"(?:(?![^\W_])|(?=[{UNSPACED}]))"
_PIECE = re.compile(rf"[{UNSPACED}]+|[^\W_{UNSPACED}]+")


class Snippet(NamedTuple):
    """The text around the matches, with marks, and the words in it that stand for others that were typed.

    `corrections` are the words that were probably meant and that the whole text has, without credentials.
    """

    text: str
    forms: tuple[tuple[str, str], ...] = ()
    corrections: frozenset[str] = frozenset()


class Marked(NamedTuple):
    """A text with every match between marks, and the words in it that stand for others.

    `forms` has each of these words with what was typed, both as they are.
    """

    text: str
    forms: tuple[tuple[str, str], ...]


class MatchedWord(NamedTuple):
    """Where in a text a clause, given by its position, is found, and the folded letters there."""

    start: int
    end: int
    clause: int
    folded: str


class Matcher:
    """Finds the words of clauses in texts that are composed (NFC)."""

    def __init__(self, clauses: Sequence[ClauseForms]) -> None:
        self._clauses = clauses
        found = _by_edges(clauses)
        self._clause_of_group = [at for by_clause in found.values() for at in by_clause]
        self._pattern = re.compile(_any_of(found))
        self._typed = [{_words(forms.term.text) for forms in clause.alternatives} for clause in clauses]

    def matches(self, text: str) -> Iterator[MatchedWord]:
        """Yield the matches in a text, in order; several can be in one character, such as ß."""
        searched = FoldedText(text)
        for found in self._pattern.finditer(searched.letters):
            if found.end() > found.start():
                clause = self._clause_of_group[(found.lastindex or 1) - 1]
                yield MatchedWord(*searched.span(*found.span()), clause, found[0])

    def marked(self, text: str) -> Marked:
        """Return a text with every match between marks, and the words in it that stand for others."""
        text = _without_marks(text)
        matches = list(self.matches(text))
        return Marked("".join(_with_marks(text, matches)), self._forms(text, matches))

    def _forms(self, text: str, matches: Iterable[MatchedWord]) -> tuple[tuple[str, str], ...]:
        found: dict[tuple[str, str], None] = {}
        for match in matches:
            if _words(match.folded) not in self._typed[match.clause]:
                found[self._clauses[match.clause].typed, text[match.start : match.end]] = None
        return tuple(found)

    def corrections(self, text: str) -> frozenset[str]:
        """Return the words that were probably meant and that a text has."""
        meant = {
            word for clause in self._clauses for forms in clause.alternatives for word in forms.corrections
        }
        return frozenset(meant & {_words(match.folded) for match in self.matches(text)} if meant else ())

    def first_matches(self, text: str) -> list[MatchedWord]:
        """Return the first matches in a text, at most `MOST_MATCHES`."""
        return list(islice(self.matches(text), MOST_MATCHES))


def _with_marks(text: str, matches: Iterable[MatchedWord]) -> Iterator[str]:
    at = 0
    for match in matches:
        if match.start >= at:
            yield text[at : match.start] + MATCH_START + text[match.start : match.end] + MATCH_END
            at = match.end
    yield text[at:]


def _densest(matches: Sequence[MatchedWord]) -> tuple[int, int]:
    """Return where the most different words are within `WIDTH` characters, the first such place."""
    best, most, first = (0, 0), (0, 0), 0
    counts: dict[int, int] = {}
    for last, (_, end, clause, _) in enumerate(matches):
        counts[clause] = counts.get(clause, 0) + 1
        while matches[first].start < end - WIDTH and first < last:
            left = matches[first].clause
            counts[left] -= 1
            if not counts[left]:
                del counts[left]
            first += 1
        found = (len(counts), last - first)
        if found > most or best == (0, 0):
            best, most = (matches[first].start, end), found
    return best


# ---- patterns -------------------------------------------------------------------------------------------


class _Edges(NamedTuple):
    """Where a word must be whole: at its beginning, at its end."""

    start: bool
    end: bool


class _Pattern(NamedTuple):
    """A regular expression of a text: its first character, and what matches the others."""

    first: str
    rest: str

    @property
    def whole(self) -> str:
        """The regular expression of the whole text."""
        return re.escape(self.first) + self.rest

    @property
    def after_first(self) -> str:
        """The regular expression of the rest, where the first character is before it."""
        return f"(?<={re.escape(self.first)}){self.rest}"


# By where they must be whole, the patterns of each clause, which is given by its position.
_ByEdges: TypeAlias = Mapping[_Edges, Mapping[int, Sequence[_Pattern]]]


def _by_edges(clauses: Sequence[ClauseForms]) -> _ByEdges:
    """Return the patterns of each clause: first of words that are whole, then of those that may be parts.

    The edges are written once for all of them: each that `re` compiles takes a thousandth of a second.
    """
    found: dict[_Edges, dict[int, list[_Pattern]]] = {}
    for at, clause in enumerate(clauses):
        for edges, pattern in dict.fromkeys(
            each for forms in clause.alternatives for each in _patterns(forms) if each[1].first
        ):
            found.setdefault(edges, {}).setdefault(at, []).append(pattern)
    return dict(sorted(found.items(), reverse=True))


def _any_of(found: _ByEdges) -> str:
    """Return one pattern for all, with a group for each clause."""
    patterns = [each for by_clause in found.values() for patterns in by_clause.values() for each in patterns]
    if not patterns:
        return r"(?!)"
    firsts = "".join(sorted({re.escape(each.first) for each in patterns}))
    rest = "|".join(_with_edges(edges, by_clause.values()) for edges, by_clause in found.items())
    return f"[{firsts}](?:{rest})"


def _with_edges(edges: _Edges, by_clause: Iterable[Iterable[_Pattern]]) -> str:
    """Return a pattern of what follows the first character, in each group the longest words first."""
    groups = ("|".join(each.after_first for each in _longest_first(patterns)) for patterns in by_clause)
    start, end = _WORD_START if edges.start else "", _WORD_END if edges.end else ""
    return f"{start}(?:({')|('.join(groups)})){end}"


def _longest_first(patterns: Iterable[_Pattern]) -> list[_Pattern]:
    return sorted(patterns, key=lambda each: (-len(each.whole), each.whole))


def _patterns(forms: TermForms) -> Iterator[tuple[_Edges, _Pattern]]:
    yield _term_pattern(forms.term, anywhere=bool(forms.parts))
    if not is_unspaced(forms.term.text):
        yield from (_phrase_pattern(phrase) for phrase in (*forms.words, *map(Phrase, forms.corrections)))
    for pairs in forms.pairs[:1]:
        for pair in pairs:
            yield _Edges(False, False), _joined([fold_letters(pair)])


def _term_pattern(term: Term, *, anywhere: bool) -> tuple[_Edges, _Pattern]:
    text = fold_letters(term.text)
    pieces = _PIECE.findall(text)
    if not pieces:  # an emoji
        return _Edges(False, False), _joined([text])
    begins_anywhere = anywhere or is_unspaced(pieces[0])
    ends_anywhere = anywhere or term.prefix or is_unspaced(pieces[-1])
    return _Edges(not begins_anywhere, not ends_anywhere), _joined(pieces)


def _phrase_pattern(phrase: Phrase) -> tuple[_Edges, _Pattern]:
    pieces = words_of(phrase.text) or [phrase.text]
    return _Edges(True, not phrase.prefix), _joined(pieces)


def _words(text: str) -> str:
    return " ".join(words_of(text))


def _joined(pieces: Sequence[str]) -> _Pattern:
    first, *others = pieces
    return _Pattern(first[:1], r"[\W_]{0,40}".join(map(re.escape, (first[1:], *others))))


# ---- cutting --------------------------------------------------------------------------------------------


def make_snippet(text: str, matcher: Matcher, mask: Callable[[str], str]) -> Snippet:
    """Return the part of a text where most words are close together, on one line, with marks.

    `mask` hides credentials. It is applied to the whole text before it is cut: the lines of a private key are
    recognised by its first line, however far away that is.
    """
    masked = mask(unicodedata.normalize("NFC", _without_marks(text)))
    if next(matcher.matches(masked), None) is None:
        masked = ordinary(masked)  # characters that become one, such as ｶﾞ
    corrections = matcher.corrections(masked)
    if len(masked) > LONG:
        start, end = _densest(matcher.first_matches(masked))
        masked = masked[max(0, start - SURROUNDINGS) : end + SURROUNDINGS]
    line = " ".join(masked.split())
    start, end = _densest(matcher.first_matches(line))
    cut_start, cut_end = _word_start(line, start - BEFORE), max(end, start + AFTER)
    marked = matcher.marked(line[cut_start:cut_end].strip())
    excerpt = ("…" if cut_start else "") + marked.text + ("…" if cut_end < len(line) else "")
    return Snippet(excerpt, marked.forms, corrections)


def _without_marks(text: str) -> str:
    return text.replace(MATCH_START, "").replace(MATCH_END, "")


def _word_start(text: str, at: int) -> int:
    """Return where the next word after a place begins, or the place itself if that is far away."""
    if at <= 0:
        return 0
    space = text.find(" ", at, at + BEFORE // 2)
    return at if space < 0 else space + 1
