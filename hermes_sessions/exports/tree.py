"""One run of an export: writes the files of what has changed, and removes those of what is gone."""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias

from .. import modes
from ..errors import NotFound, SessionsError, storing
from ..locks import file_lock
from ..model import Summary
from ..results import ExportFormat, ExportReport
from .manifest import ExportedFile, ExportManifest, read_manifest, write_manifest
from .names import ENDINGS, file_name
from .versions import ToExport

RENDERING = 1  # raise it with each change of what exports look like: then all are written again
LOCK = ".hermes-sessions.lock"
LOCK_SECONDS = 5.0
SAVED_EVERY = 500  # files after which the manifest is stored: a kill costs no more than these

Render: TypeAlias = Callable[[str], str]
Progress: TypeAlias = Callable[[int, int], None]


class _Counts(NamedTuple):
    written: list[str]
    failed: dict[str, str]


class ExportTree:
    """A folder of exported conversations in one format.

    `how` is what the files depend on beside the conversations: if it is another than that of the last run,
    every file is written again.
    """

    def __init__(self, folder: Path, format: ExportFormat, how: Mapping[str, str | bool]) -> None:
        self._folder, self._ending = folder, ENDINGS[format]
        self._how = {"format": format, "rendering": RENDERING, **how}

    def update(
        self,
        conversations: Iterable[ToExport],
        render: Render,
        *,
        warnings: tuple[str, ...] = (),
        progress: Progress | None = None,
    ) -> ExportReport:
        """Bring the folder in line with these conversations.

        `render(session_id)` returns the text of one. If there are `warnings`, the conversations may not be
        all, and no file is removed. `progress(done, total)` counts conversations. Raises `StorageError`.
        """
        with storing(f"cannot write into {self._folder.name}"):
            modes.make_folder(self._folder)
            with file_lock(self._folder / LOCK, LOCK_SECONDS):
                return self._update(list(conversations), render, warnings, progress)

    def _update(
        self,
        conversations: list[ToExport],
        render: Render,
        warnings: tuple[str, ...],
        progress: Progress | None,
    ) -> ExportReport:
        manifest = ExportManifest(self._how, self._found(read_manifest(self._folder)))
        counts = _Counts([], {})
        try:
            for at, each in enumerate(conversations):
                if progress:
                    progress(at, len(conversations))
                self._export(manifest, each, render, counts)
                if counts.written and len(counts.written) % SAVED_EVERY == 0:
                    write_manifest(self._folder, manifest)
            removed = [] if warnings else self._remove(manifest, conversations)
        finally:
            write_manifest(self._folder, manifest)
        if progress:
            progress(len(conversations), len(conversations))
        unchanged = len(conversations) - len(counts.written) - len(counts.failed)
        return ExportReport(tuple(counts.written), unchanged, tuple(removed), counts.failed, warnings)

    def _found(self, known: ExportManifest) -> dict[str, ExportedFile]:
        """Return the files that are there; those that were made in another way count as old versions."""
        if known.how == self._how:
            return dict(known.files)
        return {each: written._replace(version="") for each, written in known.files.items()}

    def _export(
        self, manifest: ExportManifest, conversation: ToExport, render: Render, counts: _Counts
    ) -> None:
        session_id = conversation.summary.session_id
        before = manifest.files.get(session_id)
        if before and before.version == conversation.version and self._is_there(before):
            return
        try:
            text = render(session_id).encode("utf-8", "replace")
        except NotFound:  # deleted since it was listed: the next run removes its file
            return
        except SessionsError as error:
            counts.failed[session_id] = str(error)
            return
        name = self._name(conversation.summary, before)
        self._write(name, text)
        if before and before.name != name:
            self._unlink(before.name)
        manifest.files[session_id] = ExportedFile(name, conversation.version, len(text))
        counts.written.append(session_id)

    def _is_there(self, written: ExportedFile) -> bool:
        try:
            return (self._folder / written.name).lstat().st_size == written.size
        except OSError:
            return False

    def _name(self, summary: Summary, before: ExportedFile | None) -> str:
        """Return the name that a file has already, also after another title; else a new one."""
        if before and before.name.endswith(f".{self._ending}"):
            return before.name
        return file_name(summary.session_id, summary.title, summary.created_at, self._ending)

    def _write(self, name: str, text: bytes) -> None:
        path = self._folder / name
        modes.make_folder(path.parent)
        temporary = path.with_name(f".{os.getpid()}.{threading.get_ident()}.tmp")
        try:
            with open(temporary, "wb", opener=modes.create_file) as file:  # for the opener
                file.write(text)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise

    # ---- what is gone -----------------------------------------------------------------------------------

    def _remove(self, manifest: ExportManifest, conversations: list[ToExport]) -> list[str]:
        listed = {each.summary.session_id for each in conversations}
        gone = [session_id for session_id in manifest.files if session_id not in listed]
        for session_id in gone:
            self._unlink(manifest.files.pop(session_id).name)
        return gone

    def _unlink(self, name: str) -> None:
        path = self._folder / name
        path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty
            path.parent.rmdir()
