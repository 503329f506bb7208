"""Where files are and what defaults hold: resolved once, from arguments and the environment, without I/O."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import InvalidValue

DEFAULT_PROFILE = "default"
DEFAULT_HOME = "~/.hermes"
# The web UI listens on the first of these unless told otherwise, so a server beside it takes the next one.
DEFAULT_PORTS = tuple(range(8787, 8798))
INDEX_FILE = "sessions.db"
BACKUPS = "backups"  # the name of a folder
MOST_PROCESSES = 64  # that share one piece of work


@dataclass(frozen=True, slots=True)
class Config:
    """The places and defaults of one home; see `resolve`.

    `cache_dir` is for the indexes of homes that cannot be written, or that several hosts use. `index_dir` has
    the index of this home and its locks: the state folder, unless that cannot be written; None is memory.
    `search_dir` has the full-text index and its locks. `read_only` is whether nothing in the home may be
    written. `processes` is how many processes may be started to share the reading of many files; with 1,
    none is.
    """

    hermes_home: Path
    state_dir: Path
    database_url: str | None
    profile: str
    default_workspace: str
    default_model: str | None
    cache_dir: Path
    index_dir: Path | None
    search_dir: Path | None
    read_only: bool = False
    processes: int = 1

    @property
    def index(self) -> str | Path:
        """The URL of the index's database, or the path of its SQLite file."""
        if self.database_url:
            return self.database_url
        return "sqlite://" if self.index_dir is None else self.index_dir / INDEX_FILE

    @property
    def is_indexed_elsewhere(self) -> bool:
        """Whether the indexes are not in the state folder, because nothing can be written there."""
        return self.index_dir != self.state_dir

    @property
    def profiles_dir(self) -> Path:
        """The folder that holds the Hermes homes of all profiles except the default one."""
        return self.hermes_home / "profiles"

    @property
    def home_name(self) -> str:
        """The Hermes home as its owner calls it: `~/.hermes`, or the folder's name without the path to it."""
        return DEFAULT_HOME if self.hermes_home == _folder(DEFAULT_HOME) else self.hermes_home.name

    def state_db(self, profile: str) -> Path:
        """Return the path of a profile's agent database; the profile `default` is the Hermes home itself."""
        home = self.hermes_home if profile == DEFAULT_PROFILE else self.profiles_dir / profile
        return home / "state.db"

    def core_transcript(self, profile: str, session_id: str) -> Path:
        """Return the path of the agent core's copy of a session; raise `InvalidValue` for the profile."""
        return self.state_db(_checked_profile(profile)).parent / "sessions" / f"session_{session_id}.json"

    @property
    def sessions_dir(self) -> Path:
        """The folder of the sidecars."""
        return self.state_dir / "sessions"

    @property
    def search_file(self) -> Path | None:
        """The full-text index, which can be rebuilt at any time; None if there is no place for it."""
        return None if self.search_dir is None else self.search_dir / "search.db"

    @property
    def search_locks_dir(self) -> Path | None:
        """The folder of the lock files of the full-text index; None as of `index_locks_dir`."""
        return None if self.search_dir is None else self.search_dir / "locks"

    @property
    def index_locks_dir(self) -> Path | None:
        """The folder of the index's lock files; None for an index in memory, which is of one process."""
        return None if self.index_dir is None else self.index_dir / "locks"

    @property
    def trash_dir(self) -> Path:
        """The folder of the deleted sidecars."""
        return self.state_dir / "trash"

    @property
    def locks_dir(self) -> Path | None:
        """The folder of the sessions' lock files; None if there is no place for them, and no change."""
        return self.index_locks_dir if self.read_only else self.state_dir / "locks"

    @property
    def backups_dir(self) -> Path:
        """The folder of the longer versions of shortened sessions, and of the journals of changes."""
        return self.state_dir / BACKUPS

    @property
    def projects_file(self) -> Path:
        """The list of projects."""
        return self.state_dir / "projects.json"

    @property
    def tags_file(self) -> Path:
        """The tags of conversations."""
        return self.state_dir / "tags.json"

    @property
    def undo_dir(self) -> Path:
        """The folder of what brings back deleted projects, changed tags, and sessions before a change."""
        return self.state_dir / "undo"

    @property
    def home_id_file(self) -> Path:
        """The file that tells which database of a server is this home's."""
        return self.state_dir / "home-id.txt"

    @property
    def last_workspace_file(self) -> Path:
        """The file that names the last workspace chosen."""
        return self.state_dir / "last_workspace.txt"


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Where and how `serve` listens.

    It listens on the first of `ports` that is free; 0 stands for any free port. `opens_browser` shows the
    list in the browser then. `hosts` are the other names by which clients reach it. `password` comes from the
    environment, if it is set there. `access_log` is a path or ``-`` for standard output, None for no log.
    `trusted_proxies` are the IP addresses and networks of proxies that are believed who their clients are.
    """

    host: str
    ports: tuple[int, ...]
    password: str | None
    hosts: tuple[str, ...] = ()
    workers: int = 1
    access_log: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    opens_browser: bool = False


def resolve(
    state_dir: str | Path | None = None,
    *,
    hermes_home: str | Path | None = None,
    profile: str | None = None,
    database_url: str | None = None,
    processes: int = 1,
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """Return the places and defaults of a home: an argument, else the environment, else the default.

    Reads `HERMES_HOME`, `HERMES_PROFILE`, the web UI's `HERMES_WEBUI_STATE_DIR`, `_DEFAULT_WORKSPACE` and
    `_DEFAULT_MODEL`, `HERMES_SESSIONS_DATABASE_URL` and `_CACHE_DIR`, and `XDG_CACHE_HOME`. Raises
    `InvalidValue`.
    """
    home = _folder(hermes_home or environ.get("HERMES_HOME") or DEFAULT_HOME)
    state = _folder(state_dir or environ.get("HERMES_WEBUI_STATE_DIR") or home / "webui")
    return Config(
        hermes_home=home,
        state_dir=state,
        database_url=database_url or environ.get("HERMES_SESSIONS_DATABASE_URL") or None,
        profile=_checked_profile(profile or environ.get("HERMES_PROFILE") or DEFAULT_PROFILE),
        default_workspace=str(_folder(_utf8(environ, "HERMES_WEBUI_DEFAULT_WORKSPACE") or "~")),
        default_model=_utf8(environ, "HERMES_WEBUI_DEFAULT_MODEL") or None,
        cache_dir=_cache_dir(environ),
        index_dir=state,
        search_dir=state,
        processes=processes,
    )


def _cache_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder of the indexes of homes that cannot be written, each in a folder of its own."""
    if own := environ.get("HERMES_SESSIONS_CACHE_DIR"):
        return _folder(own)
    of_user = environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(of_user):  # noqa: PTH117  # text, which may be empty
        of_user = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return _folder(f"{of_user}/hermes-sessions")


def resolve_server(
    host: str | None = None,
    port: int | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    hosts: Sequence[str] = (),
    workers: int = 1,
    access_log: str | None = None,
    trusted_proxy: Sequence[str] = (),
    opens_browser: bool = False,
) -> ServerConfig:
    """Return where to listen: the arguments, else `HERMES_WEBUI_HOST` and `_PORT`, else 127.0.0.1.

    Without a port, these are 8787 and the ten after it: the web UI itself listens on 8787.

    `HERMES_WEBUI_HOSTS` adds names to `hosts`, and `HERMES_WEBUI_TRUSTED_PROXIES` addresses to
    `trusted_proxy`, separated by commas or spaces. Raises `InvalidValue`.
    """
    return ServerConfig(
        host=host or environ.get("HERMES_WEBUI_HOST") or "127.0.0.1",
        ports=_ports(port, environ.get("HERMES_WEBUI_PORT")),
        password=environ.get("HERMES_WEBUI_PASSWORD") or None,
        hosts=(*hosts, *_words(environ, "HERMES_WEBUI_HOSTS")),
        workers=workers,
        access_log=access_log,
        trusted_proxies=(*trusted_proxy, *_words(environ, "HERMES_WEBUI_TRUSTED_PROXIES")),
        opens_browser=opens_browser,
    )


def _ports(port: int | None, text: str | None) -> tuple[int, ...]:
    if port is None and not text:
        return DEFAULT_PORTS
    number = port if port is not None else int(text) if text and text.isdecimal() and len(text) <= 5 else -1
    if not 0 <= number <= 65535:
        raise InvalidValue("the port (HERMES_WEBUI_PORT) must be a whole number from 0 to 65535")
    return (number,)


def _words(environ: Mapping[str, str], name: str) -> list[str]:
    return environ.get(name, "").replace(",", " ").split()


def check_path(name: str, path: object) -> Path:
    """Return the path of a file or folder that a caller names; raise `InvalidValue`."""
    if isinstance(path, str | Path) and "\0" not in str(path):
        return Path(path)
    raise InvalidValue(f"{name} must be a path")


def is_profile(name: object) -> bool:
    """Whether a value can be the name of a profile, which is the name of a folder."""
    return isinstance(name, str) and name not in ("", ".", "..") and "/" not in name and name.isprintable()


def _checked_profile(name: object) -> str:
    if not isinstance(name, str) or not is_profile(name):
        raise InvalidValue("profile must be a printable name without /")
    return name


def _utf8(environ: Mapping[str, str], name: str) -> str:
    """Return a variable that sessions store as text; raise `InvalidValue` if its bytes are not UTF-8."""
    value = environ.get(name, "")
    try:
        value.encode()
    except UnicodeEncodeError as error:  # Python decodes other bytes as lone surrogates
        raise InvalidValue(f"{name} must be UTF-8 text") from error
    return value


def _folder(path: str | Path) -> Path:
    try:
        return check_path("a folder", path).expanduser().absolute()
    except RuntimeError as error:
        raise InvalidValue(f"{path} begins with the home folder of a user that does not exist") from error
