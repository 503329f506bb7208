"""Texts folded as an index of words has them, with the way back to where each character stands.

Mostly a character becomes one letter. Some become two (ß, æ, ligatures), and marks and those without a width,
such as a stress mark or a soft hyphen, none.
"""

import re
from bisect import bisect_right
from itertools import accumulate

from .words import index_letters, ordinary


class _Letters(dict[int, str]):
    """The letters of each character, computed when they are first looked up.

    `odd` are the characters looked up so far that have several letters or none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.odd: set[str] = set()

    def __missing__(self, code: int) -> str:
        letters = "".join(map(index_letters, ordinary(chr(code))))
        if len(letters) != 1:
            self.odd.add(chr(code))
        if len(self) < 70_000:
            self[code] = letters
        return letters


_LETTERS = _Letters()


def fold_letters(text: str) -> str:
    """Return the letters of a text as an index has them, but for emoji and scripts without spaces."""
    return text.lower() if text.isascii() else text.translate(_LETTERS)


class FoldedText:
    """A text, and in `letters` how it is compared."""

    def __init__(self, text: str) -> None:
        self._text, self.letters = text, fold_letters(text)
        # Of the characters that have several letters or none: where each is, and where its letters are.
        self._odd: list[int] = []
        self._begins: list[int] = []
        self._ends: list[int] = []
        odd = set() if text.isascii() else _LETTERS.odd.intersection(set(text))
        if odd:
            self._find(re.compile(f"[{re.escape(''.join(sorted(odd)))}]"))

    def _find(self, odd: re.Pattern[str]) -> None:
        found = [(match.start(), len(_LETTERS[ord(match[0])])) for match in odd.finditer(self._text)]
        more = [0, *accumulate(length - 1 for _, length in found)]
        self._odd = [at for at, _ in found]
        self._begins = [at + others for at, others in zip(self._odd, more, strict=False)]
        self._ends = [begin + length for begin, (_, length) in zip(self._begins, found, strict=True)]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where the characters stand that some letters, one at least, are of, with their marks."""
        if not self._odd:
            return start, end
        last = self._place(end - 1) + 1
        while last < len(self._text) and not fold_letters(self._text[last]):
            last += 1
        return self._place(start), last

    def _place(self, letter: int) -> int:
        """Return where the character stands that a letter is of."""
        before = bisect_right(self._begins, letter) - 1
        if before < 0:
            return letter
        if letter < self._ends[before]:
            return self._odd[before]
        return self._odd[before] + 1 + letter - self._ends[before]
