"""What every verb of the command line shares: which home, errors as exit codes, options."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from ..config import Config, resolve
from ..errors import InvalidId, InvalidValue, SessionsError
from ..repository import SessionRepository
from .terminal import Bar, visible


@dataclass(frozen=True, slots=True)
class Home:
    """Which home the verbs work on, as the options before the verb name it."""

    state_dir: Path | None
    hermes_home: Path | None
    profile: str | None

    def config(self) -> Config:
        """Return where everything of it is."""
        return resolve(self.state_dir, hermes_home=self.hermes_home, profile=self.profile)

    def open(self) -> SessionRepository:
        """Open it, with a bar while a first import reads its files."""
        with Bar("Reading sessions") as bar:
            return SessionRepository.open(
                self.state_dir, hermes_home=self.hermes_home, profile=self.profile, progress=bar
            )


class Verbs(click.Group):
    """Verbs in the order of their adding; the library's errors become messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the verbs."""
        del ctx
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb."""
        try:
            return super().invoke(ctx)
        except (InvalidId, InvalidValue) as error:
            raise click.UsageError(visible(str(error))) from error
        except SessionsError as error:
            raise click.ClickException(visible(str(error))) from error


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
redact_option = click.option(
    "--redact/--no-redact", default=True, help="Mask passwords, keys and tokens.  [default: mask]"
)
off_option = click.option("--off", is_flag=True, help="Take it back.")


def each(
    items: Iterable[Any], name_of: Callable[[Any], str], act: Callable[[Any], Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Act on every item, whatever became of the others; return the results and the failures by name."""
    done: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for item in items:
        name = name_of(item)
        try:
            done[name] = act(item)
        except SessionsError as error:
            failed[name] = str(error)
            click.echo(f"Error: {visible(name)}: {visible(str(error))}", err=True)
    return done, failed


def moment(_context: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    """Return a date, a date and time (local, unless it says) or seconds as seconds since the epoch."""
    if value is None:
        return None
    try:
        return float(value) if value.isdecimal() else datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{visible(value)} is no date such as 2026-01-31") from None
