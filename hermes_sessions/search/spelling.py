"""Words that were probably meant by a misspelt one. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator

SHORTEST, SURE_OF_LENGTH = 4, 6  # characters; below the second, one mistake is the most
LONGEST = 24  # characters: a longer one is no word, and may be half a credential
MOST_MISTAKES = 2


def allowed_mistakes(word: str) -> int:
    """Return how many mistakes a word may have: a letter too many, too few, wrong, or two exchanged."""
    if not SHORTEST <= len(word) <= LONGEST or word.isdecimal():
        return 0
    return 1 if len(word) < SURE_OF_LENGTH else MOST_MISTAKES


def first_letters(word: str) -> set[str]:
    """Return the letters with which a word that is meant may begin: people rarely miss the first one."""
    return set(word[:2])


def corrections(word: str, known: Iterable[tuple[str, int]]) -> list[str]:
    """Return the known words that differ least, the most frequent first; `known` has their frequencies."""
    most = allowed_mistakes(word)
    found = [(mistakes, -count, other) for other, count, mistakes in _near(word, known, most)]
    least = min((mistakes for mistakes, _, _ in found), default=0)
    return [other for mistakes, _, other in sorted(found) if mistakes == least]


def _near(word: str, known: Iterable[tuple[str, int]], most: int) -> Iterator[tuple[str, int, int]]:
    letters = list(Counter(word).items())
    for other, count in known:
        if other == word or abs(len(other) - len(word)) > most:
            continue
        # A quick look at the letters spares nine of ten comparisons.
        if not _lacks_more(other, letters, most):
            mistakes = distance(word, other, most)
            if mistakes <= most:
                yield other, count, mistakes


def _lacks_more(other: str, letters: Iterable[tuple[str, int]], most: int) -> bool:
    """Whether a word lacks more than `most` of some letters, given with how often each is wanted."""
    for letter, wanted in letters:
        if (number := other.count(letter)) < wanted:
            most -= wanted - number
            if most < 0:
                return True
    return False


def distance(one: str, other: str, most: int) -> int:
    """Return how many letters must be added, left out, replaced or exchanged; above `most`, any more."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        row = [at]
        for to, wanted in enumerate(other, 1):
            cost = min(last[to] + 1, row[to - 1] + 1, last[to - 1] + (letter != wanted))
            if before and to > 1 and letter == other[to - 2] and one[at - 2] == wanted:
                cost = min(cost, before[to - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
        before, last = last, row
    return last[-1]
