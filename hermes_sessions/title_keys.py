"""What titles are sorted, found and completed by."""

import unicodedata

LONGEST_KEY = 100  # characters of a title that it is sorted by


def title_key(title: str) -> str:
    """Return what a title is sorted by: without the case of its letters, their marks, and outer blanks."""
    beginning = title[: 2 * LONGEST_KEY].casefold()
    if beginning.isascii():  # no letter of which has a mark: most titles, in a twentieth of the time
        return " ".join(beginning.split())[:LONGEST_KEY]
    letters = unicodedata.normalize("NFKD", beginning)
    without_marks = "".join(each for each in letters if not unicodedata.combining(each))
    return " ".join(without_marks.split())[:LONGEST_KEY]
