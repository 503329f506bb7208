"""One run of an export: writes the files of what has changed, and removes those of what is gone."""

import errno
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from .. import modes
from ..errors import NotFound, SessionsError, storing
from ..locks import HomeLocks, file_lock
from ..results import ExportFormat, ExportReport
from .manifest import ExportedFile, ExportManifest, read_manifest, write_manifest
from .names import ENDINGS, file_name
from .versions import ToExport

RENDERING = 1  # raise it with each change of what exports look like: then all are written again
LOCK, TEMPORARY = ".hermes-sessions.lock", ".hermes-sessions.tmp"
LOCK_SECONDS = 5.0
SAVED_EVERY = 500  # files after which the manifest is stored: a kill costs no more than these

Render: TypeAlias = Callable[[str], str]
Progress: TypeAlias = Callable[[int, int], None]
Missing = Literal["none", "of agents", "any"]  # conversations that are there, and that the list may lack


class _Counts(NamedTuple):
    written: list[str]
    failed: dict[str, str]
    gone: list[str]  # since they were listed


class ExportTree:
    """A folder of exported conversations in one format.

    `how` is what the files depend on beside the conversations: if it is another than that of the last run,
    every file is written again.
    """

    def __init__(
        self, folder: Path, format: ExportFormat, how: Mapping[str, str | bool], locks: HomeLocks
    ) -> None:
        self._folder, self._ending, self._locks = folder, ENDINGS[format], locks
        self._how = {"format": format, "rendering": RENDERING, **how}
        self._keeps_names = True  # unless a name may have a credential of the title, which is masked now

    def update(
        self,
        conversations: Iterable[ToExport],
        render: Render,
        *,
        missing: Missing = "none",
        warnings: tuple[str, ...] = (),
        progress: Progress | None = None,
    ) -> ExportReport:
        """Bring the folder in line with these conversations.

        `render(session_id)` returns the text of one. No file is removed of those that may be `missing` among
        the conversations. `progress(done, total)` counts conversations. Raises `StorageError`.
        """
        with storing(f"cannot write into {self._folder.name}"):
            modes.make_folder(self._folder)
            with file_lock(self._folder / LOCK, LOCK_SECONDS), self._lock_between_hosts():
                return self._update(list(conversations), render, missing, warnings, progress)

    def _lock_between_hosts(self) -> AbstractContextManager[None]:
        # By its inode, which every host sees; its path is where a host has mounted the disk.
        return self._locks.between_hosts(f"export {self._folder.stat().st_ino}", LOCK_SECONDS)

    def _update(
        self,
        conversations: list[ToExport],
        render: Render,
        missing: Missing,
        warnings: tuple[str, ...],
        progress: Progress | None,
    ) -> ExportReport:
        known = read_manifest(self._folder)
        self._keeps_names = known.how.get("redact") == self._how.get("redact")
        manifest = ExportManifest(self._how, self._found(known))
        counts = _Counts([], {}, [])
        try:
            for at, each in enumerate(conversations):
                if progress:
                    progress(at, len(conversations))
                if self._export(manifest, each, render, counts) and not len(counts.written) % SAVED_EVERY:
                    write_manifest(self._folder, manifest)
            removed = self._remove(manifest, conversations, missing)
        finally:
            write_manifest(self._folder, manifest)
        if progress:
            progress(len(conversations), len(conversations))
        unchanged = len(conversations) - sum(map(len, counts))
        return ExportReport(tuple(counts.written), unchanged, tuple(removed), counts.failed, warnings)

    def _found(self, known: ExportManifest) -> dict[str, ExportedFile]:
        """Return the files that are there; those that were made in another way count as old versions."""
        if known.how == self._how:
            return dict(known.files)
        return {each: written._replace(version="") for each, written in known.files.items()}

    def _export(
        self, manifest: ExportManifest, conversation: ToExport, render: Render, counts: _Counts
    ) -> bool:
        """Write the file of a conversation if it has changed, and return whether it was written."""
        session_id = conversation.summary.session_id
        before = manifest.files.get(session_id)
        if before and before.version == conversation.version and self._is_there(before):
            return False
        try:
            text = render(session_id).encode("utf-8", "replace")
        except NotFound:  # the next run removes its file
            counts.gone.append(session_id)
            return False
        except SessionsError as error:
            counts.failed[session_id] = str(error)
            return False
        name = self._name(conversation, before)
        self._write(name, text)
        if before and before.name != name:
            self._unlink(before.name)
        manifest.files[session_id] = ExportedFile(
            name, conversation.version, len(text), conversation.summary.of_agent
        )
        counts.written.append(session_id)
        return True

    def _is_there(self, written: ExportedFile) -> bool:
        try:
            return self._path(written.name).lstat().st_size == written.size
        except OSError:
            return False

    def _name(self, conversation: ToExport, before: ExportedFile | None) -> str:
        """Return the name that a file has already, also after another title; else a new one."""
        if before and self._keeps_names and before.name.endswith(f".{self._ending}"):
            return before.name
        summary = conversation.summary
        return file_name(summary.session_id, conversation.title, summary.created_at, self._ending)

    def _path(self, name: str) -> Path:
        """Return the path of a file; raise `OSError` if something that is no folder is in its way.

        A link may lead to somebody else's files, to which an export must not add and of which none may go.
        """
        path = self._folder / name
        if path.parent.is_symlink() or (path.parent.exists() and not path.parent.is_dir()):
            raise NotADirectoryError(errno.ENOTDIR, f"{path.parent.name} in it is not a folder")
        return path

    def _write(self, name: str, text: bytes) -> None:
        path, temporary = self._path(name), self._folder / TEMPORARY
        modes.make_folder(path.parent)
        try:
            temporary.unlink(missing_ok=True)  # of a run that was killed, or a link to another file
            with open(temporary, "xb", opener=modes.create_file) as file:  # for the opener
                file.write(text)
            temporary.replace(path)
        except BaseException as error:
            with suppress(OSError):
                temporary.unlink()
            if isinstance(error, IsADirectoryError):
                raise IsADirectoryError(errno.EISDIR, f"{name} in it is a folder") from error
            raise

    # ---- what is gone -----------------------------------------------------------------------------------

    def _remove(self, manifest: ExportManifest, conversations: list[ToExport], missing: Missing) -> list[str]:
        listed = {each.summary.session_id for each in conversations}
        gone = [
            session_id
            for session_id, written in manifest.files.items()
            if session_id not in listed and not _may_be_missing(written, missing)
        ]
        for session_id in gone:
            self._unlink(manifest.files.pop(session_id).name)
        return gone

    def _unlink(self, name: str) -> None:
        path = self._path(name)
        path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty
            path.parent.rmdir()


def _may_be_missing(written: ExportedFile, missing: Missing) -> bool:
    return missing == "any" or (missing == "of agents" and written.of_agent)
