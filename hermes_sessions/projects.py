"""The projects of `projects.json`: read strictly, changed under a lock, replaced atomically."""

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import files
from .errors import InvalidValue, NotFound, Unreadable, storing
from .results import Project

LONGEST_NAME = 128
CRON_NAME, CRON_COLOR = "Cron Jobs", "#6366f1"
_COLOR = re.compile(r"#[0-9a-fA-F]{3,8}")
_UNCHANGED: Any = object()

# Inside the class, `list` is its method.
_Listed = list[Project]
_Entries = list[dict[str, Any]]


class Projects:
    """The projects of one state folder; `unassign(project_id)` takes its sessions out of a project."""

    def __init__(self, path: Path, lock: Path, unassign: Callable[[str], None]) -> None:
        self._path, self._lock, self._unassign = path, lock, unassign

    def list(self) -> _Listed:
        """Return the projects in the order of the file; raise `Unreadable` if it holds anything else."""
        return [_project(entry) for entry in _read(self._path)]

    def create(self, name: str, color: str | None = None) -> Project:
        """Add a project; `name` is 1 to 128 characters, `color` is `#` and 3 to 8 hex digits, or None."""
        entry = _entry(_checked_name(name), _checked_color(color))
        with self._changing() as entries:
            entries.append(entry)
        return _project(entry)

    def rename(self, project_id: str, name: str, color: str | None = _UNCHANGED) -> Project:
        """Give a project a name and, if `color` is given, a colour; raise `NotFound`."""
        values: dict[str, Any] = {"name": _checked_name(name)}
        if color is not _UNCHANGED:
            values["color"] = _checked_color(color)
        with self._changing() as entries:
            entry = _find(entries, project_id)
            entry.update(values)
        return _project(entry)

    def delete(self, project_id: str) -> None:
        """Remove a project after its sessions have been taken out of it; raise `NotFound`."""
        _find(_read(self._path), project_id)
        self._unassign(project_id)
        with self._changing() as entries:
            entries.remove(_find(entries, project_id))

    def ensure_cron(self) -> Project:
        """Return the project of scheduled jobs, created once."""
        with self._changing() as entries:
            found = next((entry for entry in entries if entry["name"] == CRON_NAME), None)
            if found is None:
                found = _entry(CRON_NAME, CRON_COLOR)
                entries.append(found)
        return _project(found)

    @contextmanager
    def _changing(self) -> Iterator[_Entries]:
        """Hold the lock, give out the entries, and write them if the block changed them."""
        with files.file_lock(self._lock):
            entries = _read(self._path)
            before = json.dumps(entries)
            yield entries
            if json.dumps(entries) != before:
                text = json.dumps(entries, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace")
                with storing("cannot save the projects"):
                    files.replace(self._path, lambda file: file.write(text))


def _read(path: Path) -> _Entries:
    with storing("cannot read the projects"):
        try:
            entries = json.loads(path.read_bytes())
        except FileNotFoundError:
            return []
        except (ValueError, RecursionError) as error:
            raise Unreadable(path, str(error)) from error
    if not isinstance(entries, list) or not all(map(_is_project, entries)):
        raise Unreadable(path, "not a list of projects")
    return entries


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
    raise NotFound("no such project")


def _checked_name(name: object) -> str:
    text = name.strip() if isinstance(name, str) else ""
    if not 1 <= len(text) <= LONGEST_NAME:
        raise InvalidValue(f"name must be text of 1 to {LONGEST_NAME} characters")
    return text


def _checked_color(color: object) -> str | None:
    if color is None or (isinstance(color, str) and _COLOR.fullmatch(color)):
        return color
    raise InvalidValue("color must be # and 3 to 8 hex digits, or null")
