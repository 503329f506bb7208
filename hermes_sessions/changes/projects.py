"""The projects of `projects.json`: read strictly, changed under a lock, replaced atomically."""

import json
import os
import re
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from .. import files, json_text
from ..errors import Conflict, InvalidValue, NotFound, Unreadable, storing
from ..model import Signature
from ..results import Project

LONGEST_NAME = 128
ATTEMPTS = 3
CRON_NAME, CRON_COLOR = "Cron Jobs", "#6366f1"
_COLOR = re.compile(r"#[0-9a-fA-F]{3,8}")
_UNCHANGED: Any = object()

T = TypeVar("T")

# Inside the class, `list` is its method.
_Listed = list[Project]
_Entries = list[dict[str, Any]]


class Projects:
    """The projects of one state folder; `unassign(project_id)` takes its sessions out of a project."""

    def __init__(self, path: Path, lock: Path, unassign: Callable[[str], None]) -> None:
        self._path, self._lock, self._unassign = path, lock, unassign

    def list(self) -> _Listed:
        """Return the projects in the order of the file; raise `Unreadable` if it holds anything else."""
        return [_project(entry) for entry in _read(self._path).entries]

    def find(self, project: str) -> Project:
        """Return the project with this id, else the one with this name.

        Raises `NotFound` for an unknown project, `InvalidValue` for a name that several projects have.
        """
        projects = self.list()
        matches = [each for each in projects if each.project_id == project]
        matches = matches or [each for each in projects if each.name == project]
        if not matches:
            raise NotFound(f"No project {project}")
        if len(matches) > 1:
            ids = ", ".join(each.project_id for each in matches)
            raise InvalidValue(f"Several projects are named {project}. Use an id: {ids}")
        return matches[0]

    def create(self, name: str, color: str | None = None) -> Project:
        """Add a project; `name` is 1 to 128 characters, `color` is `#` and 3 to 8 hex digits, or None."""
        entry = _entry(_checked_name(name), _checked_color(color))
        self._change(lambda entries: entries.append(entry))
        return _project(entry)

    def rename(self, project_id: str, name: str, color: str | None = _UNCHANGED) -> Project:
        """Give a project a name and, if `color` is given, a colour; raise `NotFound`."""
        values: dict[str, Any] = {"name": _checked_name(name)}
        if color is not _UNCHANGED:
            values["color"] = _checked_color(color)

        def rename(entries: _Entries) -> Project:
            entry = _find(entries, project_id)
            entry.update(values)
            return _project(entry)

        return self._change(rename)

    def delete(self, project_id: str) -> None:
        """Remove a project after its sessions have been taken out of it; raise `NotFound`."""
        _find(_read(self._path).entries, project_id)
        self._unassign(project_id)
        self._change(lambda entries: entries.remove(_find(entries, project_id)))

    def check(self, project_id: str | None) -> None:
        """Raise `NotFound` unless a project has this id; None and "" stand for no project."""
        if project_id:
            _find(_read(self._path).entries, project_id)

    def ensure_cron(self) -> Project:
        """Return the project of scheduled jobs, created once."""

        def ensure(entries: _Entries) -> Project:
            found = next((entry for entry in entries if entry["name"] == CRON_NAME), None)
            if found is None:
                found = _entry(CRON_NAME, CRON_COLOR)
                entries.append(found)
            return _project(found)

        return self._change(ensure)

    def _change(self, change: Callable[[_Entries], T]) -> T:
        """Change the entries under the lock, anew if a program without it replaced the file meanwhile."""
        with files.file_lock(self._lock):
            for _ in range(ATTEMPTS - 1):
                with suppress(Conflict):
                    return self._change_once(change)
            return self._change_once(change)

    def _change_once(self, change: Callable[[_Entries], T]) -> T:
        read = _read(self._path)
        before = json.dumps(read.entries)
        result = change(read.entries)
        if json.dumps(read.entries) != before:
            _write(self._path, read)
        return result


class _Read(NamedTuple):
    """The entries of a file, and its version; None without a file."""

    entries: _Entries
    version: Signature | None


def _read(path: Path) -> _Read:
    with storing("cannot read the projects"):
        try:
            with path.open("rb") as file:
                version = files.signature_of(os.fstat(file.fileno()))
                entries = json_text.decode(file.read())
        except FileNotFoundError:
            return _Read([], None)
        except json_text.Malformed as error:
            raise Unreadable(path, str(error)) from error
    if not isinstance(entries, list) or not all(map(_is_project, entries)):
        raise Unreadable(path, "not a list of projects")
    return _Read(entries, version)


def _write(path: Path, read: _Read) -> None:
    """Write changed entries in the place of the version that they were read from; raise `Conflict`."""
    text = json_text.encode(read.entries, "projects.json")
    new = files.create if read.version is None else partial(files.replace_version, known=read.version)
    with storing("cannot save the projects"):
        try:
            new(path, write=lambda file: file.write(text))
        except (files.Changed, FileExistsError):
            raise Conflict("the projects were changed by somebody else; nothing was saved") from None


def _is_project(entry: object) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in ("project_id", "name"))


def _entry(name: str, color: str | None) -> dict[str, Any]:
    return {"project_id": uuid.uuid4().hex[:12], "name": name, "color": color, "created_at": time.time()}


def _project(entry: dict[str, Any]) -> Project:
    color, created_at = entry.get("color"), entry.get("created_at")
    return Project(
        project_id=entry["project_id"],
        name=entry["name"],
        color=color if isinstance(color, str) else None,
        created_at=created_at if isinstance(created_at, int | float) else 0.0,
    )


def _find(entries: _Entries, project_id: str) -> dict[str, Any]:
    for entry in entries:
        if entry["project_id"] == project_id:
            return entry
    raise NotFound(f"No project {project_id}")


def _checked_name(name: object) -> str:
    text = name.strip() if isinstance(name, str) else ""
    if not 1 <= len(text) <= LONGEST_NAME:
        raise InvalidValue(f"name must be text of 1 to {LONGEST_NAME} characters")
    return text


def _checked_color(color: object) -> str | None:
    if color is None or (isinstance(color, str) and _COLOR.fullmatch(color)):
        return color
    raise InvalidValue("color must be # and 3 to 8 hex digits, or null")
