"""The files beside the sessions: the web UI's settings, the last workspace, the profiles with an agent."""

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from . import files, json_text
from .config import DEFAULT_PROFILE, Config, is_profile
from .errors import Conflict, InvalidValue, Unreadable, storing
from .locks import SETTINGS_LOCK, HomeLocks
from .model import Signature


def settings_file(config: Config) -> Path:
    """Return the path of the web UI's `settings.json`."""
    return config.state_dir / "settings.json"


def read_settings(config: Config) -> dict[str, Any]:
    """Return the web UI's `settings.json`, an empty dict if there is none.

    Raises `Unreadable` if the file does not hold a JSON object, `StorageError`.
    """
    path = settings_file(config)
    with storing("cannot read settings.json"):
        try:
            settings = json.loads(files.read(path))
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError) as error:
            raise Unreadable(path, str(error)) from error
    if not isinstance(settings, dict):
        raise Unreadable(path, "it does not hold a JSON object")
    return settings


def change_settings(config: Config, locks: HomeLocks, changes: Mapping[str, bool]) -> None:
    """Set these keys of the web UI's `settings.json`, and keep all others; `locks` are those of the home.

    Raises `Unreadable` if the file does not hold a JSON object, `StorageError`, `Conflict` if another program
    writes it at the same time.
    """
    path = settings_file(config)
    with locks.held(SETTINGS_LOCK), storing("cannot save settings.json"):
        version = _version(path)
        settings = read_settings(config)
        changed = {**settings, **changes}
        if changed == settings:
            return
        text = json_text.encode(changed, "settings.json")
        new = files.create if version is None else partial(files.replace_version, known=version)
        try:
            new(path, write=lambda file: file.write(text))
        except (files.Changed, FileExistsError):
            raise Conflict("settings.json was changed by another program; nothing was saved") from None


def _version(path: Path) -> Signature | None:
    try:
        return files.signature_of(path.stat())
    except FileNotFoundError:
        return None


# ---- the active profile ---------------------------------------------------------------------------------


def active_profile(config: Config) -> str:
    """Return the profile that a client sees unless it chooses one.

    It is the one that the home was opened with, or else the one that the agent's file `active_profile` names.
    Raises `StorageError`.
    """
    if config.profile != DEFAULT_PROFILE:
        return config.profile
    with storing("cannot read active_profile"):
        try:
            named = files.read(config.hermes_home / "active_profile").decode().strip()
        except (FileNotFoundError, files.NotRegular, UnicodeDecodeError):
            return DEFAULT_PROFILE
    return named if is_profile(named) else DEFAULT_PROFILE


# ---- the last workspace ---------------------------------------------------------------------------------


def last_workspace(config: Config) -> str:
    """Return the workspace that a new session gets: the last one chosen, if it still exists, or the default.

    Raises `StorageError`.
    """
    return existing_workspace(config, chosen_workspace(config))


def chosen_workspace(config: Config) -> str:
    """Return the workspace that was chosen last, empty if none was; raise `StorageError`."""
    with storing("cannot read last_workspace.txt"):
        try:
            return files.read(config.last_workspace_file).decode("utf-8", "surrogatepass").strip()
        except (FileNotFoundError, files.NotRegular, UnicodeDecodeError):
            return ""


def existing_workspace(config: Config, chosen: str) -> str:
    """Return a workspace if it exists, else the default one."""
    exists = os.path.isdir(chosen)  # noqa: PTH112  # false for names that the system refuses, too
    return chosen if chosen and exists else config.default_workspace


def resolve_workspace(workspace: str) -> str:
    """Return the folder's absolute path, `~` expanded; one that cannot be resolved stays as it is."""
    try:
        # Not with `Path`, which took a third of the time of indexing a small session.
        expanded = os.path.expanduser(workspace)  # noqa: PTH111
        return workspace if expanded.startswith("~") else os.path.realpath(expanded)
    except (OSError, ValueError):  # the working folder was removed, or a NUL
        return workspace


# Programs and the system keep these for themselves; see `check_workspace`.
SYSTEM_FOLDERS = (
    *("/etc", "/usr", "/var", "/bin", "/sbin", "/boot", "/proc", "/sys", "/dev", "/lib", "/lib64"),
    *("/opt/homebrew", "/System", "/Library"),
)
OPEN_FOLDERS = ("/var/folders", "/var/tmp", "/dev/shm")  # noqa: S108  # of users, in system folders


def check_workspace(workspace: str) -> str:
    """Return the absolute path of a folder that somebody chose as the workspace of a session.

    Raises `InvalidValue` if it does not exist or belongs to the system. A file may name any other folder, for
    example one of another computer.
    """
    path = resolve_workspace(workspace)
    if not os.path.isdir(path):  # noqa: PTH112  # false for names that the system refuses, too
        raise InvalidValue("workspace must be a folder that exists")
    if is_system_folder(path, os.path.realpath(os.path.expanduser("~"))):  # noqa: PTH111
        raise InvalidValue("workspace must not be a folder of the system")
    return path


def is_system_folder(path: str, home: str) -> bool:
    """Whether a folder, given without links, belongs to the system; none in the user's home does."""
    if path == "/":
        return True
    if home != "/" and _is_in(path, home):
        return False
    opened = any(_is_in(path, form) for each in OPEN_FOLDERS for form in _forms(each))
    return not opened and any(_is_in(path, form) for each in SYSTEM_FOLDERS for form in _forms(each))


def _forms(path: str) -> set[str]:
    return {path, os.path.realpath(path)}  # on macOS, /etc is a link to /private/etc


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


def remember_workspace(config: Config, workspace: str) -> None:
    """Make `workspace` the one that the next new session gets; raise `StorageError`."""
    text = workspace.encode("utf-8", "surrogatepass")  # a folder's name need not be UTF-8
    with storing("cannot write last_workspace.txt"):
        files.replace(config.last_workspace_file, lambda file: file.write(text))


# ---- profiles -------------------------------------------------------------------------------------------


def agent_profiles(config: Config) -> list[str]:
    """Return the profiles that have an agent: the active one, and the others with a `state.db`.

    Raises `StorageError` if the folder of profiles cannot be read.
    """
    others = {DEFAULT_PROFILE, *_profile_folders(config)} - {config.profile}
    return [config.profile, *sorted(name for name in others if _has_agent(config, name))]


def is_known_profile(config: Config, name: object) -> bool:
    """Whether a profile exists: the default one, that of the home, or one with a folder."""
    if not is_profile(name):
        return False
    return name in (DEFAULT_PROFILE, config.profile) or os.path.isdir(f"{config.profiles_dir}/{name}")  # noqa: PTH112


def _profile_folders(config: Config) -> list[str]:
    with storing("cannot read the folder of profiles"):
        try:
            names = os.listdir(config.profiles_dir)  # noqa: PTH208  # at every list; only names are needed
        except (FileNotFoundError, NotADirectoryError):
            return []
    return [name for name in names if name != DEFAULT_PROFILE and name.isprintable()]


def _has_agent(config: Config, profile: str) -> bool:
    home = config.hermes_home if profile == DEFAULT_PROFILE else f"{config.profiles_dir}/{profile}"
    try:
        os.stat(f"{home}/state.db")  # noqa: PTH116  # at every list
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # a folder without permission: reading the agent reports it
        return True
    return True
