"""Where things are and what they default to: resolved once from arguments and the environment."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import files
from .errors import InvalidValue, Unreadable, storing

DEFAULT_PROFILE = "default"


@dataclass(frozen=True, slots=True)
class Config:
    """Every place and default, as `resolve` found them."""

    hermes_home: Path
    state_dir: Path
    database_url: str | None
    profile: str
    default_workspace: str
    default_model: str | None

    @property
    def index(self) -> str | Path:
        """Where the index is: the URL of a database, or else the SQLite file of the state folder."""
        return self.database_url or self.state_dir / "sessions.db"

    @property
    def profiles_dir(self) -> Path:
        """The folder of the Hermes homes of all profiles but the default one."""
        return self.hermes_home / "profiles"

    def state_db(self, profile: str) -> Path:
        """The agent's database of a profile; `default` is the Hermes home itself."""
        home = self.hermes_home if profile == DEFAULT_PROFILE else self.profiles_dir / profile
        return home / "state.db"

    def core_transcript(self, profile: str, session_id: str) -> Path:
        """What the agent's core keeps of a session; raise `InvalidValue` if `profile` is no name."""
        return self.state_db(_profile(profile)).parent / "sessions" / f"session_{session_id}.json"

    @property
    def sessions_dir(self) -> Path:
        """The folder of the sidecars."""
        return self.state_dir / "sessions"

    @property
    def search_file(self) -> Path:
        """The full-text index, which can be made anew at any time."""
        return self.state_dir / "search.db"

    @property
    def trash_dir(self) -> Path:
        """The folder of the deleted sidecars."""
        return self.state_dir / "trash"

    @property
    def locks_dir(self) -> Path:
        """The folder of the lock files."""
        return self.state_dir / "locks"

    @property
    def projects_file(self) -> Path:
        """The list of projects."""
        return self.state_dir / "projects.json"

    @property
    def projects_lock(self) -> Path:
        """The lock file of the list of projects."""
        return self.locks_dir / "projects.lock"

    @property
    def last_workspace_file(self) -> Path:
        """Names the workspace that was chosen last."""
        return self.state_dir / "last_workspace.txt"


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Where `serve` listens, and how: `hosts` are other names that it is reached by.

    `password` is the one of the environment, if any; `access_log` a file or ``-``, None for no log.
    """

    host: str
    port: int
    password: str | None
    hosts: tuple[str, ...] = ()
    workers: int = 1
    access_log: str | None = None


def resolve(
    state_dir: str | Path | None = None,
    *,
    hermes_home: str | Path | None = None,
    profile: str | None = None,
    database_url: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """Return where everything is; an argument goes before the environment, that before the default.

    Reads `HERMES_HOME`, `HERMES_PROFILE` and the web UI's `HERMES_WEBUI_STATE_DIR`, `_DEFAULT_WORKSPACE` and
    `_DEFAULT_MODEL`.
    """
    home = _folder(hermes_home or environ.get("HERMES_HOME") or "~/.hermes")
    state = _folder(state_dir or environ.get("HERMES_WEBUI_STATE_DIR") or home / "webui")
    return Config(
        hermes_home=home,
        state_dir=state,
        database_url=database_url,
        profile=_profile(profile or environ.get("HERMES_PROFILE") or DEFAULT_PROFILE),
        default_workspace=str(_folder(environ.get("HERMES_WEBUI_DEFAULT_WORKSPACE") or "~")),
        default_model=environ.get("HERMES_WEBUI_DEFAULT_MODEL") or None,
    )


def resolve_server(
    host: str | None = None,
    port: int | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    hosts: Sequence[str] = (),
    workers: int = 1,
    access_log: str | None = None,
) -> ServerConfig:
    """Return where to listen: the arguments, else `HERMES_WEBUI_HOST` and `_PORT`, else 127.0.0.1:8787.

    `HERMES_WEBUI_HOSTS` adds names to `hosts`, divided by commas or blanks.
    """
    text = environ.get("HERMES_WEBUI_PORT") or "8787"
    number = port if port is not None else int(text) if text.isdecimal() and len(text) <= 5 else -1
    if not 0 <= number <= 65535:
        raise InvalidValue("the port (HERMES_WEBUI_PORT) must be a whole number from 0 to 65535")
    return ServerConfig(
        host=host or environ.get("HERMES_WEBUI_HOST") or "127.0.0.1",
        port=number,
        password=environ.get("HERMES_WEBUI_PASSWORD") or None,
        hosts=(*hosts, *environ.get("HERMES_WEBUI_HOSTS", "").replace(",", " ").split()),
        workers=workers,
        access_log=access_log,
    )


def _profile(name: str) -> str:
    if name in (".", "..") or "/" in name or not name.isprintable():
        raise InvalidValue("a profile is a name without / in it")
    return name


def agent_profiles(config: Config) -> list[str]:
    """Return the profiles with an agent to ask: the active one, and every other that has a `state.db`."""
    others = {DEFAULT_PROFILE, *_folders(config.profiles_dir)} - {config.profile}
    return [config.profile, *sorted(name for name in others if _has_agent(config, name))]


def _folders(path: Path) -> list[str]:
    with storing("cannot list the profiles"):
        try:
            names = os.listdir(path)  # noqa: PTH208  # at every list, and the names are all that is needed
        except (FileNotFoundError, NotADirectoryError):
            return []
    return [name for name in names if name != DEFAULT_PROFILE and name.isprintable()]


def _has_agent(config: Config, profile: str) -> bool:
    home = config.hermes_home if profile == DEFAULT_PROFILE else f"{config.profiles_dir}/{profile}"
    try:
        os.stat(f"{home}/state.db")  # noqa: PTH116  # at every list too
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # a folder where we may not look: whoever reads it will say so
        return True
    return True


def _folder(path: str | Path) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise InvalidValue("a folder begins with ~ and the name of a user that does not exist") from error


def read_settings(config: Config) -> dict[str, Any]:
    """Return the web UI's `settings.json`, empty without one; raise `Unreadable` if it is no JSON object."""
    path = config.state_dir / "settings.json"
    with storing("cannot read settings.json"):
        try:
            settings = json.loads(path.read_bytes())
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError) as error:
            raise Unreadable(path, str(error)) from error
    if not isinstance(settings, dict):
        raise Unreadable(path, "not a JSON object")
    return settings


def last_workspace(config: Config) -> str:
    """Return a new session's workspace: the one chosen last if it is still a folder, else the default."""
    with storing("cannot read last_workspace.txt"):
        try:
            named = config.last_workspace_file.read_text("utf-8", "surrogatepass").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            named = ""
    return named if named and _is_folder(named) else config.default_workspace


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except OSError:  # too long a name, or one where we may not look
        return False


def remember_workspace(config: Config, workspace: str) -> None:
    """Make `workspace` the one that the next new session gets."""
    text = workspace.encode("utf-8", "surrogatepass")  # a folder's name need not be UTF-8
    with storing("cannot write last_workspace.txt"):
        files.replace(config.last_workspace_file, lambda file: file.write(text))
