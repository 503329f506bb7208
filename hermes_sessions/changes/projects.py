"""The projects of `projects.json`: read strictly, changed under a lock, replaced atomically."""

import json
import os
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, Protocol, TypedDict, TypeGuard, TypeVar, cast

from .. import files, json_text
from ..config import DEFAULT_PROFILE, Config, is_profile
from ..errors import Conflict, InvalidValue, NotFound, Unreadable, storing
from ..fields import LONGEST_PROJECT_NAME
from ..index import Lifetime, public_calls
from ..locks import PROJECTS_LOCK, HomeLocks
from ..model import Signature
from ..results import BulkReport, Project
from .retry import retry_conflicts
from .undo_notes import UndoNotes

CRON_NAME, CRON_COLOR = "Cron Jobs", "#6366f1"
_COLOR = re.compile(r"#[0-9a-fA-F]{3,8}")
_UNCHANGED: Any = object()

T = TypeVar("T")


class _Record(TypedDict):
    """A project as the file has it; keys that other programs add to it are kept."""

    project_id: str
    name: str
    color: NotRequired[str | None]
    created_at: NotRequired[float]
    profile: NotRequired[str]


class Members(Protocol):
    """The sessions of projects: `members` has them, which imports the changes that check projects here."""

    def of(self, project_id: str) -> list[str]:
        """Return the ids of all sessions of a project."""

    def move(self, session_ids: Sequence[str], before: str | None, after: str | None) -> BulkReport:
        """Move those sessions that are still in the project `before` to `after`; None is no project."""


# Inside the class, `list` is its method.
_Listed = list[Project]
_Records = list[_Record]
_Ids = list[str]


@public_calls(("list", "find", "check"))
class Projects:
    """The projects of one state folder."""

    def __init__(
        self, config: Config, members: Members, locks: HomeLocks, lifetime: Lifetime | None = None
    ) -> None:
        self._path, self._locks = config.projects_file, locks
        self._members, self._notes = members, UndoNotes(config.undo_dir)
        self._lifetime = lifetime or Lifetime()

    def list(self) -> _Listed:
        """Return the projects in the order of the file; raise `Unreadable` if it holds anything else."""
        return [_project(record) for record in _read(self._path).records]

    def find(self, project: str) -> Project:
        """Return the project with this id, else the one with this name, in small letters or capitals.

        Raises `NotFound` for an unknown project, `InvalidValue` for a name that several projects have.
        """
        projects = self.list()
        matches = [each for each in projects if each.project_id == project]
        matches = matches or [each for each in projects if each.name == project]
        matches = matches or [each for each in projects if each.name.casefold() == str(project).casefold()]
        if not matches:
            raise NotFound(f"no project {project}")
        if len(matches) > 1:
            ids = ", ".join(each.project_id for each in matches)
            raise InvalidValue(f"several projects are named {project}. Use an id: {ids}")
        return matches[0]

    def create(self, name: str, color: str | None = None, *, profile: str | None = None) -> Project:
        """Add a project; `name` is cut to 128 characters, `color` is `#` and 3 to 8 hex digits, or None.

        `profile` is stored for the web UI of August, which lists the projects of one profile. Raises
        `InvalidValue` for a name that a project has, in small letters or capitals.
        """
        record = _new_record(_checked_name(name), _checked_color(color))
        if profile is not None:
            record["profile"] = _checked_profile(profile)

        def create(records: _Records) -> None:
            _refuse_duplicate(records, record["name"])
            records.append(record)

        self._change(create)
        return _project(record)

    def rename(self, project_id: str, name: str, color: str | None = _UNCHANGED) -> Project:
        """Give a project a name and, if `color` is given, a colour.

        Raises `NotFound`, and `InvalidValue` for a name that another project has.
        """
        checked = _checked_name(name)
        checked_color = color if color is _UNCHANGED else _checked_color(color)

        def rename(records: _Records) -> Project:
            record = _find(records, project_id)
            if not _is_same_name(record["name"], checked):  # a file may have two of one name already
                _refuse_duplicate(records, checked)
            record["name"] = checked
            if checked_color is not _UNCHANGED:
                record["color"] = checked_color
            return _project(record)

        return self._change(rename)

    def delete(self, project_id: str) -> None:
        """Remove a project after its sessions have been taken out of it; raise `NotFound`.

        `restore` brings it back for 30 days.
        """
        records = _read(self._path).records
        record = _find(records, project_id)
        session_ids = self._members.of(project_id)
        place = records.index(record)
        self._notes.keep(
            "project",
            project_id,
            {"record": record, "place": place, "session_ids": self._unfinished(project_id) + session_ids},
        )
        report = self._members.move(session_ids, project_id, None)
        for error in report.errors.values():
            raise error
        self._change(lambda records: records.remove(_find(records, project_id)))

    def _unfinished(self, project_id: str) -> _Ids:
        """Return the sessions that an interrupted deletion of a project has taken out of it already."""
        try:
            return _session_ids(self._notes.read("project", project_id))
        except (NotFound, Unreadable):
            return []

    def restore(self, project_id: str) -> BulkReport:
        """Bring back a deleted project as it was, with its sessions, and report what became of these.

        Sessions that are in another project since stay there. Raises `NotFound` for a project that was not
        deleted, or more than 30 days ago, and `InvalidValue` if another project has its name since.
        """
        note = self._notes.read("project", project_id)
        record, place = note.get("record"), note.get("place")
        if not _is_record(record) or not isinstance(place, int):
            raise Unreadable(self._path, "the note about the deleted project is damaged")

        def put_back(records: _Records) -> None:
            if all(each["project_id"] != project_id for each in records):
                _refuse_duplicate(records, record["name"])
                records.insert(place, record)

        self._change(put_back)
        report = self._members.move(_session_ids(note), None, project_id)
        if not report.failed:
            self._notes.drop("project", project_id)
        return report

    def check(self, project_id: str | None) -> None:
        """Raise `NotFound` unless a project has this id; None and "" stand for no project."""
        if project_id:
            _find(_read(self._path).records, project_id)

    def ensure_cron(self) -> Project:
        """Return the project of scheduled jobs, created once."""

        def ensure(records: _Records) -> Project:
            found = next((record for record in records if _is_same_name(record["name"], CRON_NAME)), None)
            if found is None:
                found = _new_record(CRON_NAME, CRON_COLOR)
                records.append(found)
            return _project(found)

        return self._change(ensure)

    def _change(self, change: Callable[[_Records], T]) -> T:
        """Change the records under the lock; again if a program without it replaced the file in between."""
        with self._locks.held(PROJECTS_LOCK):
            return retry_conflicts(lambda: self._change_once(change))

    def _change_once(self, change: Callable[[_Records], T]) -> T:
        read = _read(self._path)
        before = json.dumps(read.records)
        result = change(read.records)
        if json.dumps(read.records) != before:
            _write(self._path, read)
        return result


class _Read(NamedTuple):
    """The records of a file, and its version; None without a file."""

    records: _Records
    version: Signature | None


def _read(path: Path) -> _Read:
    with storing("cannot read the projects"):
        try:
            with files.opened(path) as file:
                version = files.signature_of(os.fstat(file.fileno()))
                records = json_text.decode(file.read())
        except FileNotFoundError:
            return _Read([], None)
        except json_text.Malformed as error:
            raise Unreadable(path, str(error)) from error
    if not isinstance(records, list) or not all(map(_is_record, records)):
        raise Unreadable(path, "not a list of projects")
    return _Read(cast("_Records", records), version)


def _write(path: Path, read: _Read) -> None:
    """Write changed records in the place of the version that they were read from; raise `Conflict`."""
    text = json_text.encode(read.records, "projects.json")
    new = files.create if read.version is None else partial(files.replace_version, known=read.version)
    with storing("cannot save the projects"):
        try:
            new(path, write=lambda file: file.write(text))
        except (files.Changed, FileExistsError):
            raise Conflict("projects.json was changed by another program; nothing was saved") from None


def _session_ids(note: Mapping[str, Any]) -> _Ids:
    found = note.get("session_ids")
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _is_record(record: object) -> TypeGuard[_Record]:
    return isinstance(record, dict) and all(
        isinstance(record.get(key), str) for key in ("project_id", "name")
    )


def _new_record(name: str, color: str | None) -> _Record:
    return {"project_id": uuid.uuid4().hex[:12], "name": name, "color": color, "created_at": time.time()}


def _project(record: _Record) -> Project:
    color, created_at, profile = (record.get(name) for name in ("color", "created_at", "profile"))
    return Project(
        project_id=record["project_id"],
        name=record["name"],
        color=color if isinstance(color, str) else None,
        created_at=created_at if isinstance(created_at, int | float) else 0.0,
        profile=profile if isinstance(profile, str) and profile else DEFAULT_PROFILE,
    )


def _find(records: _Records, project_id: str) -> _Record:
    for record in records:
        if record["project_id"] == project_id:
            return record
    raise NotFound(f"no project {project_id}")


def is_cron(project: Project) -> bool:
    """Whether a project is that of scheduled jobs."""
    return _is_same_name(project.name, CRON_NAME)


def _is_same_name(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _refuse_duplicate(records: _Records, name: str) -> None:
    """Raise `InvalidValue` if a project has this name."""
    for record in records:
        if _is_same_name(record["name"], name):
            raise InvalidValue(f"there is a project named {record['name']} already. Choose another name")


def _checked_name(name: object) -> str:
    text = name.strip()[:LONGEST_PROJECT_NAME].rstrip() if isinstance(name, str) else ""
    if not text:
        raise InvalidValue(f"name must be text of 1 to {LONGEST_PROJECT_NAME} characters")
    return text


def _checked_profile(profile: object) -> str:
    if isinstance(profile, str) and is_profile(profile):
        return profile
    raise InvalidValue("profile must be a printable name without /")


def _checked_color(color: object) -> str | None:
    if color is None or (isinstance(color, str) and _COLOR.fullmatch(color)):
        return color
    raise InvalidValue("color must be # and 3 to 8 hex digits, or null")
