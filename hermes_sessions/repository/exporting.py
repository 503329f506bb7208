"""The calls for scripts that go through many conversations: all their messages, and all as files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Unpack, get_args

from .. import fields, files, results
from ..errors import InvalidValue, NotFound
from ..exports import ENDINGS, Exportable, ExportTree, Missing, file_name, with_versions, zipped
from ..home import Chosen
from ..index import Entries, Progress
from ..messages import export_parts, mask
from ..model import Summary
from ..results import FilterFields, Filters, combined_filters
from .reading import EVERYTHING, ReadingCalls

MESSAGES_AT_ONCE = 200


class ExportingCalls(ReadingCalls):
    """The calls that go through many conversations, of the web UI and of the agents."""

    def iter_messages(
        self, filters: Filters | None = None, **keywords: Unpack[FilterFields]
    ) -> Iterator[tuple[Summary, int, dict[str, Any]]]:
        """Yield every message of the conversations that match: the conversation, the index, the message.

        The conversations are those that `list` has now for the same filters, in its order, and without
        filters all of them; one that is deleted in the meantime is left out. At most 200 messages are in
        memory at a time. Raises as `list` and `messages`.
        """
        chosen = combined_filters(filters, keywords, default=EVERYTHING, call=self.iter_messages)
        page = self.entries(_ids, chosen)
        return self._iterate([each for block in page.items for each in block])

    def _iterate(self, session_ids: list[str]) -> Iterator[tuple[Summary, int, dict[str, Any]]]:
        for session_id in session_ids:
            try:
                summary = self.summary(session_id)
                for index, message in self._messages_of(session_id):
                    yield summary, index, message
            except NotFound:
                continue

    def _messages_of(self, session_id: str) -> Iterator[tuple[int, dict[str, Any]]]:
        at, total = 0, 1
        while at < total:
            page = self.messages(session_id, after=at, limit=MESSAGES_AT_ONCE)
            yield from enumerate(page.messages, page.offset)
            at, total = page.end, page.total

    def export_all(
        self,
        folder: str | Path,
        filters: Filters | None = None,
        *,
        format: results.ExportFormat = "markdown",
        redact: bool = True,
        progress: Progress | None = None,
        **keywords: Unpack[FilterFields],
    ) -> results.ExportReport:
        """Write each conversation that matches into a file of its own, in a folder that may be there already.

        A later call for the same folder writes only what has changed, and removes the files of what is gone.
        The names have the date of the creation, the title and the id, such as `2026-09/21-budget-ab12.md`,
        and stay when the title changes. The conversations are those of `list` for the same filters, and
        without filters all of them. What a store has is not removed while the store cannot be read: see the
        report's `warnings`. Credentials are masked unless `redact=False`, in titles and names too.
        `progress(done, total)` counts conversations. Raises `InvalidValue`, also for a folder in which the
        home keeps its own files, `StorageError`, and `SessionsError` as `export`.
        """
        fields.check_choice("format", format, get_args(results.ExportFormat))
        chosen = combined_filters(filters, keywords, default=EVERYTHING, call=self.export_all)
        tree = ExportTree(self._checked_folder(folder), format, {"redact": redact}, self.locks)
        page = self.list(chosen)
        conversations = with_versions(page, self.config.sessions_dir, redact=redact)
        return tree.update(
            conversations,
            partial(self.export, format=format, redact=redact),
            missing=self._missing(page.warnings),
            warnings=page.warnings,
            progress=progress,
        )

    def export_zip(
        self, chosen: Chosen, *, format: results.ExportFormat = "markdown", redact: bool = True
    ) -> Iterator[bytes]:
        """Return an archive with a file for each conversation, in parts: the messages of one are in memory.

        `chosen` are their ids, or `Filters`. The names are those of `export_all`, and credentials are masked
        unless `redact=False`, in names too. What cannot be exported is named in `not-exported.txt`, with the
        reason. Raises `InvalidValue`, `StorageError`.
        """
        fields.check_choice("format", format, get_args(results.ExportFormat))
        found, errors = self._home.chosen(chosen)
        named = [Exportable(each.session_id, _file_name(each, format, redact=redact)) for each in found]
        failed = {session_id: str(error) for session_id, error in errors.items()}
        return zipped(named, partial(self._parts, format=format, redact=redact), failed)

    def _parts(self, session_id: str, *, format: results.ExportFormat, redact: bool) -> Iterator[str]:
        return export_parts(self.get(session_id), format, redact)

    def _checked_folder(self, folder: object) -> Path:
        if not isinstance(folder, str | PathLike):
            raise InvalidValue("folder must be a path")
        kept = self.config.state_dir, self.config.sessions_dir, self.config.trash_dir
        try:
            inside = files.is_inside(Path(folder), kept)
        except ValueError as error:  # a loop of links, a NUL
            raise InvalidValue("folder is not a possible path") from error
        if inside:
            raise InvalidValue("folder must be outside of the state folder")
        return Path(folder)

    def _missing(self, warnings: Iterable[str]) -> Missing:
        """Return which conversations a list with these warnings may lack."""
        with self._home.freshness.current() as index:
            agents, notices = index.agent_warnings, index.notices()
        if set(warnings) - {*agents, *notices}:
            return "any"
        return "of agents" if set(warnings) & set(agents) else "none"


def _file_name(summary: Summary, format: results.ExportFormat, *, redact: bool) -> str:
    title = mask(summary.title) if redact else summary.title
    return file_name(summary.session_id, title, summary.created_at, ENDINGS[format])


def _ids(entries: Entries) -> list[str]:
    return [entry["session_id"] for entry in entries]
