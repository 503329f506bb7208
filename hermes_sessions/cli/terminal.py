"""Output to a terminal: tables, JSON and progress bars, with control characters spelled out."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import click

from ..control_characters import UNSAFE_IN_JSON, UNSAFE_IN_LINE, UNSAFE_IN_TEXT
from ..messages import mask_all
from ..times import ago, local_minute

if TYPE_CHECKING:
    from rich.progress import Progress

RECENT_SECONDS = 30 * 86_400
SMALLEST_BAR = 20  # items: fewer are done before a bar could be read
NARROWEST_COLUMN = 12
TITLE_ROOM = 30  # columns that the last column gets before others are shown
JSON_PIECES = 10_000  # tokens of JSON in one write
_NON_FINITE = re.compile(r"(?:NaN|-?Infinity)$")  # a JSON string would end with a quote


def visible(text: str) -> str:
    """Return `text` on one line, with the characters that a terminal acts on spelled out."""
    return UNSAFE_IN_LINE.sub(_spelled_out, " ".join(text.split("\n")))


def visible_text(text: str) -> str:
    """Return `text` with its lines and tabs, other characters that a terminal acts on spelled out."""
    return UNSAFE_IN_TEXT.sub(_spelled_out, text.replace("\r\n", "\n"))


def escaped(text: str) -> str:
    """Return JSON of the same value, with the characters that a terminal acts on as JSON escapes."""
    return UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _spelled_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def masked(value: Any, redact: bool) -> Any:
    """Return a JSON value, with its credentials masked if `redact` is true."""
    return mask_all(value) if redact else value


def when(at: float, now: float) -> str:
    """Return when something happened: how long ago in the last 30 days, else its date.

    `at` and `now` are in seconds since the epoch.
    """
    return ago(at, now) if 0 <= now - at < RECENT_SECONDS else minute(at).partition(" ")[0]


def minute(at: float) -> str:
    """Return a time (seconds since the epoch) as local date and minute, ``?`` if it is no date."""
    return local_minute(at) or "?"


def warn(warnings: Iterable[str]) -> None:
    """Print warnings to standard error."""
    for warning in warnings:
        click.echo(f"Warning: {visible(warning)}", err=True)


def report(values: Mapping[str, Any], text: str, as_json: bool) -> None:
    """Print the result of a verb: `values` as JSON, or `text`."""
    if as_json:
        print_json(values)
    elif text:
        click.echo(visible_text(text))


def print_json(value: Any) -> None:
    """Print a value as JSON in UTF-8, whatever the terminal's encoding; NaN and infinities become null.

    In pieces: the whole text of 20,000 sessions would take 100 MB.
    """
    pieces = map(_finite, json.JSONEncoder(ensure_ascii=False, indent=2).iterencode(value))
    while some := "".join(itertools.islice(pieces, JSON_PIECES)):
        click.echo(escaped(some).encode(), nl=False)
    click.echo()


def _finite(piece: str) -> str:
    return _NON_FINITE.sub("null", piece)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[str] = ()) -> None:
    """Print rows in columns, leaving out empty columns.

    On a terminal the last column is cut to fit. Where it would get fewer than 30 characters, those of the
    other columns that are `spare` are left out, the first one first; and no rows are said in words. Not with
    `rich.table`, which takes 5 s for 20,000 rows.
    """
    if not rows and sys.stdout.isatty():
        click.echo("Nothing found.", err=True)
        return
    cells = [list(map(visible, row)) for row in (headers, *rows)]
    *padded, last = [at for at in range(len(headers)) if not rows or any(row[at] for row in cells[1:])]
    widths = {at: max(width(row[at]) for row in cells) + 2 for at in padded}
    wanted = min(TITLE_ROOM, max(width(row[last]) for row in cells))
    for name in spare:
        if sum(widths.values()) + wanted > terminal_width():
            widths.pop(headers.index(name), None)
    room = terminal_width() - sum(widths.values())
    lines = []
    for row in cells:
        lead = "".join(row[at] + " " * (column - width(row[at])) for at, column in widths.items())
        lines.append(lead + cut(row[last], max(room, NARROWEST_COLUMN)))
    click.secho(lines[0], bold=True)
    if rows:
        click.echo("\n".join(lines[1:]))


def width(text: str) -> int:
    """Return how many columns of a terminal `text` takes; rich is only loaded for other than ASCII."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, room: int) -> str:
    """Return `text`, cut to `room` columns of a terminal."""
    if 2 * len(text) <= room or width(text) <= room:  # no character takes more than two columns
        return text
    from rich.cells import set_cell_size

    return set_cell_size(text, room - 1) + "…"


def terminal_width() -> int:
    """Return how many characters fit on a line: unlimited if the output is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize


class Bar:
    """A progress bar on standard error: only on a terminal, and only if there is enough to do."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` items are done."""
        if total < SMALLEST_BAR or not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = self._started(total)
        self._bar.update(self._bar.task_ids[0], completed=done)

    def _started(self, total: int) -> Progress:
        from rich.console import Console
        from rich.progress import Progress

        bar = Progress(*Progress.get_default_columns(), console=Console(stderr=True))
        bar.add_task(self._label, total=total)
        bar.start()
        return bar
