"""The calls that change one session: its metadata, and its messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Unpack

from .. import changes, fields, results
from ..metadata import MetadataFields
from ..model import Session, Summary, check_session
from .base import HomeCalls


class ChangingCalls(HomeCalls):
    """The calls that change a session."""

    def save(self, session: Session, *, touch: bool = True) -> Session:
        """Store a whole session over the version that was read, and return it with its new version.

        `touch` sets `updated_at`. Keys that `session.extra` lacks are kept. Each new message is a dict with a
        `role`. Raises `Conflict` if the file was changed or deleted since, `NotFound` for a project that it
        is moved to, `ReadOnly`, `InvalidId`, `InvalidValue`, `Unreadable`, `StorageError`.
        """
        check_session(session)
        if session.signature is None and session.is_cli_session:
            changes.refuse_agent_session(self._home.agents, session.session_id)
        return changes.save_session(self._home.store, self.projects, session, touch=touch)

    def update(
        self,
        session_id: str,
        *,
        touch: bool = True,
        extra: Mapping[str, Any] | None = None,
        remove: Collection[str] = (),
        **metadata: Unpack[MetadataFields],
    ) -> Summary:
        """Set fields of a session, without changing a byte of its messages.

        The title is trimmed and cut to 80 characters, and an empty one becomes `Untitled`. `project_id` None
        or "" takes the session out of its project. `extra` sets other keys of the file to any JSON value, and
        `remove` names other keys to take out of it. `touch` sets `updated_at`; a call that sets and removes
        nothing changes nothing. Raises `InvalidValue` for a value, for a keyword that is no field, and for a
        key that the library owns; `NotFound` for the session or the project, `InvalidId`, `ReadOnly`,
        `Unreadable`, `StorageError`.
        """
        change = self._home.checked_change(metadata, extra, remove)
        return self._home.update(self._home.store, session_id, change, touch=touch)

    def append(
        self,
        session_id: str,
        messages: Sequence[dict[str, Any]],
        *,
        tool_calls: Sequence[dict[str, Any]] | None = None,
        **metadata: Unpack[MetadataFields],
    ) -> Summary:
        """Add messages, and entries of `tool_calls`, without reading the others; set fields as `update`.

        Each message is a dict with a `role`.
        """
        added = {"messages": fields.check_new_messages(messages)}
        if tool_calls:
            added["tool_calls"] = fields.check_messages(tool_calls, "tool_calls")
        values = self._home.checked_metadata(metadata)
        with self._home.web_ui_only(session_id) as store:
            return changes.append_messages(store, session_id, added, values)

    def truncate(self, session_id: str, keep: int) -> Summary:
        """Keep the first `keep` messages, and the old file as a backup; raises as `update`."""
        fields.check_whole("keep", keep)
        with self._home.web_ui_only(session_id) as store:
            return changes.truncate_session(store, session_id, keep)

    def clear(self, session_id: str, **metadata: Unpack[MetadataFields]) -> Summary:
        """Remove all messages and what belongs to them, set fields, keep a backup; raises as `update`."""
        values = self._home.checked_metadata(metadata)
        with self._home.web_ui_only(session_id) as store:
            return changes.clear_session(store, session_id, values)

    def undo(self, session_id: str) -> results.Removed:
        """Remove the last message of the user and all that follow it, and keep a backup.

        Raises as `update`, and `InvalidValue` if the user has sent no message.
        """
        with self._home.web_ui_only(session_id) as store:
            return changes.remove_last_turn(store, session_id)

    def retry(self, session_id: str) -> results.Removed:
        """Do the same as `undo`, so that the caller can send the text of the removed message again."""
        return self.undo(session_id)

    def recover(self, session_id: str, *, alive: Collection[str] = ()) -> Summary | None:
        """Close an interrupted turn; return None if there is none, or its stream is among those `alive`.

        A session without messages gets the transcript of the agent's core, or else the message that waits
        for its answer. `undo_change` brings back what was there. Raises `NotFound`, `InvalidId`,
        `Unreadable`, `ReadOnly`, `StorageError`.
        """
        return changes.recover_session(self._home.store, session_id, alive)

    def change_to_undo(self, session_id: str) -> str | None:
        """Return the change of a session that `undo_change` can undo, None if there is none.

        It is the latest call of `recover`, of `lost.put_back`, or of `restore` that brought back a longer
        version. It is kept for 30 days. Raises `InvalidId`, `StorageError`.
        """
        return changes.change_to_undo(self._home.store, session_id)

    def undo_change(self, session_id: str, change: str | None = None) -> None:
        """Bring back what a session was before a `change`, as `change_to_undo` returned it; None: the latest.

        Its file, its backups, its trash, and what `lost.list` says of it are as they were. Raises `Conflict`
        if the session was changed since or not all was kept, and `NotFound` if the change is not the one that
        can be undone: then nothing is undone. Raises `InvalidId`, `Unreadable`, `StorageError`, too.
        """
        changes.undo_change(self._home.store, session_id, change)
