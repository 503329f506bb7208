"""Text for a terminal: tables, JSON and bars, with nothing in it that a terminal would obey."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import click

from ..messages import mask_all

if TYPE_CHECKING:
    from rich.progress import Progress

WORTH_A_BAR = 20
NARROWEST = 12
PIECES = 10_000
_NO_NUMBER = re.compile(r"(?:NaN|-?Infinity)$")  # a text would end in its quote

# What a terminal obeys instead of showing it: controls, orders to reverse the text; and halves of characters.
_ORDERS = "\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_IN_LINES = re.compile(f"[\x00-\x1f{_ORDERS}]")
_IN_TEXTS = re.compile(f"[\x00-\x08\x0b-\x1f{_ORDERS}]")
_IN_JSON = re.compile(f"[{_ORDERS}]")  # its own escapes hide the others


def visible(text: str) -> str:
    """Return `text` on one line, with what a terminal would obey spelled out."""
    return _IN_LINES.sub(_spelled, " ".join(text.split("\n")))


def visible_text(text: str) -> str:
    """Return `text`, its lines and tabs kept, with what a terminal would obey spelled out."""
    return _IN_TEXTS.sub(_spelled, text.replace("\r\n", "\n"))


def escaped(text: str) -> str:
    """Return JSON with what a terminal would obey as JSON escapes: the same values."""
    return _IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _spelled(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def masked(value: Any, redact: bool) -> Any:
    """Return a JSON value, its credentials masked if `redact`."""
    return mask_all(value) if redact else value


def ago(at: float, now: float) -> str:
    """Return how long ago a time (seconds since the epoch) was; if long, or to come, its date."""
    seconds = now - at
    if not 0 <= seconds < 30 * 86_400:
        return moment(at).partition(" ")[0]
    if seconds < 60:
        return "now"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min ago"
    return f"{seconds // 3600:.0f} h ago" if seconds < 86_400 else f"{seconds // 86_400:.0f} d ago"


def moment(at: float) -> str:
    """Return a time (seconds since the epoch) as local date and time."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
    except (OverflowError, OSError, ValueError):  # a file can say any number
        return "?"


def warn(warnings: Iterable[str]) -> None:
    """Print warnings to standard error."""
    for warning in warnings:
        click.echo(f"Warning: {visible(warning)}", err=True)


def report(values: Mapping[str, Any], said: str, as_json: bool) -> None:
    """Print what was done, as JSON or in words."""
    if as_json:
        print_json(values)
    elif said:
        click.echo(visible_text(said))


def print_json(value: Any) -> None:
    """Print a value as JSON, in UTF-8 whatever the terminal's encoding; NaN and infinities become null.

    Piece by piece: the whole text of 20,000 sessions would take 100 MB.
    """
    pieces = map(_finite, json.JSONEncoder(ensure_ascii=False, indent=2).iterencode(value))
    while some := "".join(itertools.islice(pieces, PIECES)):
        click.echo(escaped(some).encode(), nl=False)
    click.echo()


def _finite(piece: str) -> str:
    return _NO_NUMBER.sub("null", piece)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns, less those without any value; on a terminal the last one is cut to fit.

    Not as a table of rich's: of 20,000 rows that takes 5 s.
    """
    from rich.cells import cell_len, set_cell_size

    cells = [list(map(visible, row)) for row in (headers, *rows)]
    *padded, last = [at for at in range(len(headers)) if not rows or any(row[at] for row in cells[1:])]
    widths = {at: max(cell_len(row[at]) for row in cells) + 2 for at in padded}
    room = max(terminal_width() - sum(widths.values()), NARROWEST)
    lines = []
    for row in cells:
        lead = "".join(row[at] + " " * (width - cell_len(row[at])) for at, width in widths.items())
        fits = cell_len(row[last]) <= room
        lines.append(lead + (row[last] if fits else set_cell_size(row[last], room - 1) + "…"))
    click.secho(lines[0], bold=True)
    if rows:
        click.echo("\n".join(lines[1:]))


def terminal_width() -> int:
    """Return how wide a line may be: as wide as the terminal, without bound where there is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize


class Bar:
    """A progress bar on the terminal's standard error once there is enough to do; nothing elsewhere."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` are done."""
        if total < WORTH_A_BAR or not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = self._started(total)
        self._bar.update(self._bar.task_ids[0], completed=done)

    def _started(self, total: int) -> Progress:
        from rich.console import Console
        from rich.progress import Progress

        bar = Progress(*Progress.get_default_columns(), console=Console(stderr=True))
        bar.add_task(self._words, total=total)
        bar.start()
        return bar
