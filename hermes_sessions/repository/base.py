"""What every group of calls needs: the home that is open, and how to open and close it."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from ..access import HomeAccess
from ..agent import Agent
from ..config import MOST_PROCESSES, Config, resolve
from ..fields import check_whole
from ..home import OpenHome, existing
from ..index import Progress, only_sessions_errors
from ..locks import HomeLocks
from ..results import Restriction
from ..webui import WebUI


class HomeCalls:
    """An open home, and the calls that open and close it."""

    def __init__(self, config: Config, *, read_only: bool = False) -> None:
        """Create or upgrade the index of a home, without reading the files; `open` does both."""
        self.config = config
        with only_sessions_errors():
            self._access = access = HomeAccess(config, read_only=read_only)
        self._lifetime, self.projects, self.lost = access.lifetime, access.projects, access.lost
        self.webui = WebUI(access)

    @property
    def _home(self) -> OpenHome:
        return self._access.home

    @classmethod
    def open(
        cls,
        state_dir: str | Path | None = None,
        *,
        hermes_home: str | Path | None = None,
        profile: str | None = None,
        database_url: str | None = None,
        create: bool = True,
        read_only: bool = False,
        progress: Progress | None = None,
        processes: int = 1,
    ) -> Self:
        """Open a home: create or upgrade its index, and bring it in line with the files.

        Defaults: `HERMES_WEBUI_STATE_DIR` or `<hermes home>/webui`; `HERMES_HOME` or `~/.hermes`;
        `HERMES_SESSIONS_DATABASE_URL` or `sqlite:///<state dir>/sessions.db`. `progress(done, total)` counts
        the files that the first opening reads. A home that is `read_only`, or cannot be written, is not
        changed: see `restriction`. With more than one of `processes`, so many Python interpreters may be
        started while many files are read. Raises `StorageError`, `NewerDatabase`, `InvalidValue`; `NotFound`
        for no home if not `create`.
        """
        config = resolve(
            state_dir,
            hermes_home=hermes_home,
            profile=profile,
            database_url=database_url,
            processes=check_whole("processes", processes, 1, MOST_PROCESSES),
        )
        with only_sessions_errors():
            places = config if create and not read_only else existing(config)
            repository = cls(places, read_only=read_only)
            repository._access.start(progress)
        return repository

    def __enter__(self) -> Self:
        self._lifetime.check()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection. Every later call raises `Closed`, but `close` itself."""
        self._access.close()

    @property
    def restriction(self) -> Restriction | None:
        """Why the home is open read-only, or why nothing can be saved; None if it can be written as usual."""
        return self._lifetime.restriction

    @property
    def own_folder(self) -> Path:
        """The folder of what a server keeps: the state folder, unless it cannot be written."""
        return self._home.config.index_dir or self.config.state_dir

    @property
    def locks(self) -> HomeLocks:
        """The locks of the home, for a server that changes files in `own_folder`."""
        return self._home.locks

    @property
    def agent(self) -> Agent:
        """The agent of the active profile."""
        return self._home.agents.active
