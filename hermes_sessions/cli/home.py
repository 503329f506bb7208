"""The home that the verbs work on, as the options before the verb select it.

Imports the library only to open that home, so that help and completion need not wait for it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..config import Config
    from ..repository import SessionRepository

Progress = Callable[[int, int], None]


class SelectedHome(NamedTuple):
    """The folders, the profile and the database given before the verb; None stands for the default."""

    state_dir: str | None = None
    hermes_home: str | None = None
    profile: str | None = None
    database_url: str | None = None

    def config(self) -> Config:
        """Return where everything of this home is."""
        from ..config import resolve

        return resolve(
            self.state_dir,
            hermes_home=self.hermes_home,
            profile=self.profile,
            database_url=self.database_url,
        )

    def open(self, *, create: bool = False, progress: Progress | None = None) -> SessionRepository:
        """Open the home, with a progress bar while a first import reads its files, or with this `progress`.

        Raises `NotFound` for a home that does not exist, unless it is to be made.
        """
        with no_garbage_collection():
            from ..processes import available
            from ..repository import SessionRepository
            from .terminal import Bar

        with Bar("Reading sessions") as bar:
            sessions = SessionRepository.open(
                self.state_dir,
                hermes_home=self.hermes_home,
                profile=self.profile,
                database_url=self.database_url,
                create=create,
                progress=progress or bar,
                processes=available(),
            )
        warn_if_restricted(sessions)
        return sessions

    def open_without_sync(self) -> SessionRepository:
        """Open the home without syncing its index first, for verbs that report how it differs."""
        with no_garbage_collection():
            from ..repository import SessionRepository, existing

        sessions = SessionRepository(existing(self.config()))
        warn_if_restricted(sessions)
        return sessions


def warn_if_restricted(sessions: SessionRepository) -> None:
    """Say once that the home cannot be written, and why."""
    if sessions.restriction is not None:
        from .terminal import warn

        warn([str(sessions.restriction)])


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Import without collecting garbage: modules leave none, and searching for it takes 8 % of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
