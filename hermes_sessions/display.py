"""How lists of conversations and hits show themselves in an interpreter and in a notebook. Pure."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple, Protocol

from .model import Summary
from .times import local_minute

MOST_ROWS = 20
LONGEST_CELL = 60  # characters
LISTED = ("last active", "messages", "title", "id")
FOUND = ("title", "passage", "id")


class ShownHit(Protocol):
    """A hit of a search."""

    @property
    def title(self) -> str: ...
    @property
    def preview(self) -> str: ...
    @property
    def session_id(self) -> str: ...


class Table(NamedTuple):
    """A heading, the names of columns, the first rows, and how many more there are."""

    heading: str
    names: Sequence[str]
    rows: Sequence[Sequence[str]]
    more: int


def page_rows(items: Sequence[object]) -> list[tuple[str, ...]]:
    """Return the first items of a page as rows of `LISTED`, those that are conversations."""
    return [
        (local_minute(each.last_message_at), f"{each.message_count:,}", _cell(each.title), each.session_id)
        for each in items[:MOST_ROWS]
        if isinstance(each, Summary)
    ]


def hit_rows(hits: Sequence[ShownHit]) -> list[tuple[str, ...]]:
    """Return the first hits as rows of `FOUND`."""
    return [(_cell(each.title), _cell(each.preview), each.session_id) for each in hits[:MOST_ROWS]]


def as_text(heading: str, names: Sequence[str], rows: Sequence[Sequence[str]], more: int) -> str:
    """Return a table as text, a line for each row, under a heading."""
    table = [names, *rows]
    widths = [max(len(row[at]) for row in table) for at in range(len(names))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table] if rows else []
    return "\n".join([heading, *lines, *([f"… and {more:,} more"] if more else [])])


def as_html(heading: str, names: Sequence[str], rows: Sequence[Sequence[str]], more: int) -> str:
    """Return a table as HTML, whatever the texts hold."""
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    foot = f"<p>… and {more:,} more</p>" if more else ""
    return f"<p>{escape(heading)}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{foot}"


def _cell(text: str) -> str:
    line = " ".join("".join(each if each.isprintable() else " " for each in text[:1_000]).split())
    return line if len(line) <= LONGEST_CELL else f"{line[: LONGEST_CELL - 1]}…"
