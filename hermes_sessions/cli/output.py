"""Output for other programs: CSV, and ids alone; and the options that choose it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal, TypeVar

import click

from ..csv_text import is_formula
from .terminal import visible

Output = Literal["table", "json", "csv", "ids"]
VerbFunction = TypeVar("VerbFunction", bound=Callable[..., object])

ROWS_AT_ONCE = 1_000

_FLAGS = {
    "json": "Print JSON.",
    "csv": "Print CSV.  [an ' is put before what a spreadsheet would run]",
    "ids": "Print ids alone, one on each line.",
}


def output_options(*kinds: Output) -> Callable[[VerbFunction], VerbFunction]:
    """Add the options that choose how a verb prints, as its parameter `output`; the last one given counts."""

    def add(verb: VerbFunction) -> VerbFunction:
        for kind in reversed(kinds):
            names, text = (f"--{kind}", "output"), _FLAGS[kind]
            verb = click.option(*names, flag_value=kind, type=str, callback=_or_table, help=text)(verb)
        return verb

    return add


def _or_table(_context: click.Context, _option: click.Parameter, value: str | None) -> str:
    return value or "table"


def print_ids(ids: Iterable[str]) -> None:
    """Print ids, one on each line."""
    for session_id in ids:
        click.echo(visible(session_id))


def print_csv(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as CSV in UTF-8, as RFC 4180 has it: lines end with CR and LF.

    None is an empty cell, and flags are `true` and `false`. Text has an ' before it if a spreadsheet would
    take it for a formula.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(headers)
    for number, row in enumerate(rows, 1):
        writer.writerow(map(csv_cell, row))
        if number % ROWS_AT_ONCE == 0:
            _flush(text)
    _flush(text)


def _flush(text: io.StringIO) -> None:
    click.echo(text.getvalue().encode(), nl=False)
    text.seek(0)
    text.truncate()


def csv_cell(value: object) -> object:
    """Return a value as a cell has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return value
    return f"'{visible(value)}" if is_formula(value) else visible(value)


def utc(at: float) -> str:
    """Return a time (seconds since the epoch) as spreadsheets read it: ``2026-01-31T09:30:00+00:00``."""
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # no date of the calendar: a file can hold any number
        return ""
