"""The sessions that a verb is about: ids, `-` for ids on standard input, or all that a query finds."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import click

from ..errors import NotFound, SessionsError
from ..messages import mask
from .base import apply_to_each
from .complete import complete_ids
from .terminal import Bar, visible, warn

if TYPE_CHECKING:
    from ..model import Summary
    from ..repository import SessionRepository

STANDARD_INPUT = "-"

id_argument = click.argument("session_id", metavar="ID", shell_complete=complete_ids)
ids_argument = click.argument("names", metavar="ID...", nargs=-1, shell_complete=complete_ids)
where_option = click.option(
    "--where", metavar="QUERY", help="Instead of an ID: every session that `search QUERY` finds."
)


class SessionChoice(NamedTuple):
    """What the command line says of the sessions that a verb is about."""

    names: tuple[str, ...]
    where: str | None

    def check(self) -> SessionChoice:
        """Return this if it chooses sessions in one way, else end with a wrong use."""
        if self.where is not None and self.names:
            raise click.UsageError("Give IDs or --where, not both.")
        if self.where is None and not self.names:
            raise click.UsageError("Say which sessions: IDs, - for ids on standard input, or --where.")
        return self


class Chosen(NamedTuple):
    """The sessions that were chosen, each once, and what is wrong with other names, in words."""

    summaries: Sequence[Summary]
    failed: Mapping[str, str]

    @property
    def ids(self) -> list[str]:
        """The ids of the sessions."""
        return [each.session_id for each in self.summaries]


def choose(sessions: SessionRepository, selection: SessionChoice, *, agents: bool = True) -> Chosen:
    """Return the sessions that the command line names; `agents` is whether a query finds the agents' too."""
    if selection.where is None:
        found = sessions.find_many(read_names(selection.names))
        return Chosen(found.summaries, {name: str(error) for name, error in found.errors.items()})
    with Bar("Reading transcripts") as bar:
        sessions.complete_search(progress=bar)
    matching = sessions.matching(selection.where, agent=agents)
    warn(matching.warnings)
    return Chosen(list(matching), {})


def choose_ids(sessions: SessionRepository, choice: SessionChoice) -> tuple[list[str], dict[str, str]]:
    """Return the ids that the command line names, also of what no list has, and errors by name, printed."""
    if choice.where is not None:
        return choose(sessions, choice, agents=False).ids, {}
    found, failed = apply_to_each(read_names(choice.names), str, partial(id_or_name, sessions))
    return list(dict.fromkeys(found.values())), failed


def read_names(names: Sequence[str]) -> list[str]:
    """Return names of sessions; in place of a `-`, those on standard input, one on each line."""
    read: list[str] = []
    for name in names:
        read += _read_lines() if name == STANDARD_INPUT else [name]
    return list(dict.fromkeys(read))


def _read_lines() -> list[str]:
    text = sys.stdin.buffer.read().decode(errors="replace")
    return [line.strip() for line in text.split("\n") if line.strip()]


def find_id(sessions: SessionRepository, name: str) -> str:
    """Return the id of the session that is called so."""
    return sessions.find(name).session_id


def id_or_name(sessions: SessionRepository, name: str) -> str:
    """Return the id of the session that is called so, or else the name: other places may have that id."""
    try:
        return find_id(sessions, name)
    except NotFound:
        return name


def deleted_id_or_name(sessions: SessionRepository, name: str) -> str:
    """Return the id of the session in the trash that is called so, or else the name."""
    try:
        return sessions.find_deleted(name)
    except NotFound:
        return name


def print_failures(failed: Mapping[str, str] | Mapping[str, SessionsError]) -> None:
    """Print why something was not done, by the name of the session."""
    for name, reason in failed.items():
        click.echo(f"Error: {visible(name)}: {visible(mask(str(reason)))}", err=True)


def nothing_chosen(chosen: Chosen) -> bool:
    """Say on a terminal that nothing was found, and return whether that is so."""
    nothing = not chosen.summaries and not chosen.failed
    if nothing and sys.stderr.isatty():
        click.echo("Nothing found.", err=True)
    return nothing
