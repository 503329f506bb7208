"""Rows as CSV that other programs read and that a spreadsheet does not run."""

import csv
import io
from collections.abc import Iterable, Sequence

# With these, a spreadsheet takes a cell for a formula, which can fetch and send: OWASP, "CSV Injection". A
# title may come from anybody who has sent a message.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would take a text for a formula; an ' before it prevents that."""
    return text.startswith(_FORMULA)


def as_csv(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as RFC 4180 has them: lines end with CR and LF. None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(headers)
    writer.writerows(map(_cell, row) for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and is_formula(value) else value
