"""What deleted projects, changed tags and mended sessions were, a file for each, to bring them back."""

import hashlib
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from .. import files, json_text, modes
from ..errors import NotFound, Unreadable, storing

RETENTION_SECONDS = 30 * 86_400
Subject = Literal["project", "tag", "masked-tag", "session"]


class UndoNotes:
    """The notes of one home, by what they are about and its id or key; the newest note of each is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, subject: Subject, key: str, note: Mapping[str, Any]) -> None:
        """Store a note in the place of the one before, and drop expired ones; raise `StorageError`."""
        path = self._path(subject, key)
        text = json_text.encode({**note, "key": key}, path.name)
        with storing("cannot note how to undo this; nothing was changed"):
            modes.make_own_folder(self._folder)
            self._expire(time.time() - RETENTION_SECONDS)
            files.replace(path, write=lambda file: file.write(text))

    def read(self, subject: Subject, key: str) -> dict[str, Any]:
        """Return the note; raise `NotFound`, `Unreadable`, `StorageError`."""
        path = self._path(subject, key)
        with storing("cannot read how to undo this"):
            try:
                note = json_text.decode(files.read(path))
            except FileNotFoundError:
                raise NotFound(f"no deleted {subject} {key}") from None
            except json_text.Malformed as error:
                raise Unreadable(path, str(error)) from error
        if not isinstance(note, dict) or note.get("key") != key:
            raise Unreadable(path, f"not a note about the {subject}")
        return note

    def all(self, subject: Subject) -> list[Mapping[str, Any]]:
        """Return the readable notes about a subject, the latest first; raise `StorageError`."""
        with storing("cannot read how to undo this"):
            paths = {path: path.stat().st_mtime for path in self._folder.glob(f"{subject}-*.json")}
            notes = []
            for path in sorted(paths, key=lambda each: -paths[each]):
                with suppress(json_text.Malformed, FileNotFoundError):
                    notes.append(json_text.decode(files.read(path)))
        return [note for note in notes if isinstance(note, dict)]

    def drop(self, subject: Subject, key: str) -> None:
        """Delete the note, if there is one; raise `StorageError`."""
        with storing("cannot delete the note for an undo"):
            self._path(subject, key).unlink(missing_ok=True)

    def _path(self, subject: Subject, key: str) -> Path:
        # A key can be any text, and a file's name cannot.
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / f"{subject}-{digest[:32]}.json"

    def _expire(self, limit: float) -> None:
        for path in self._folder.glob("*.json"):
            with suppress(FileNotFoundError):  # another process was faster
                if path.stat().st_mtime < limit:
                    path.unlink()
