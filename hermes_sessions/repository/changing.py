"""The calls that change one session: its metadata, and its messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from .. import changes, fields, results
from ..model import Session, Summary, check_session
from .base import HomeCalls


class ChangingCalls(HomeCalls):
    """The calls that change a session."""

    def save(self, session: Session, *, touch: bool = True) -> Session:
        """Store a whole session over the version that was read, and return it with its new version.

        `touch` sets `updated_at`. Keys that `session.extra` lacks are kept. Raises `Conflict` if the file was
        changed or deleted since, `ReadOnly`, `InvalidId`, `InvalidValue`, `Unreadable`, `StorageError`.
        """
        check_session(session)
        if session.signature is None and session.is_cli_session:
            changes.refuse_agent_session(self._home.agents, session.session_id)
        return changes.save_session(self._home.store, session, touch=touch)

    def update(self, session_id: str, *, touch: bool = True, **metadata: Any) -> Summary:
        """Set metadata, known fields or not, without changing a byte of the messages.

        `touch` sets `updated_at`. The title is trimmed and cut to 80 characters, and an empty one becomes
        `Untitled`. `project_id` None or "" takes the session out of its project. Raises `InvalidValue`,
        `NotFound` for the session or the project, `InvalidId`, `ReadOnly`, `Unreadable`, `StorageError`.
        """
        values = self._home.checked_metadata(metadata)
        with self._home.web_ui_only(session_id) as store:
            return changes.update_session(store, session_id, values, touch=touch)

    def append(
        self,
        session_id: str,
        messages: Sequence[dict[str, Any]],
        *,
        tool_calls: Sequence[dict[str, Any]] | None = None,
        **metadata: Any,
    ) -> Summary:
        """Add messages, and entries of `tool_calls`, without reading the others; set metadata as `update`."""
        added = {"messages": fields.check_messages(messages)}
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

    def clear(self, session_id: str, **metadata: Any) -> Summary:
        """Remove all messages and what belongs to them, set metadata, keep a backup; raises as `update`."""
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
        for its answer. Raises `NotFound`, `InvalidId`, `Unreadable`, `ReadOnly`, `StorageError`.
        """
        return changes.recover_session(self._home.store, session_id, alive)
