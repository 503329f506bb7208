"""The calls that create sessions: new ones, copies, and imports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from .. import changes, fields, formats
from ..metadata import MetadataFields, OtherMetadata
from ..model import Session
from ..results import Imported
from .base import HomeCalls


class CreatingCalls(HomeCalls):
    """The calls that create sessions."""

    def new(
        self,
        *,
        title: str = fields.UNTITLED,
        workspace: str | None = None,
        model: str | None = None,
        model_provider: str | None = None,
        profile: str | None = None,
        project_id: str | None = None,
        enabled_toolsets: list[str] | None = None,
        **others: Unpack[OtherMetadata],
    ) -> Session:
        """Return a new session. Untitled, and in no project, it is a draft.

        A draft is hidden, has no file until it has a message, and is forgotten after an unused day. The title
        is trimmed and cut to 80 characters. Raises `InvalidValue` for a value and for a keyword that is no
        field, `NotFound` for the project, `StorageError`.
        """
        metadata: MetadataFields = {
            "title": title,
            "workspace": workspace,
            "model": model,
            "model_provider": model_provider,
            "profile": profile,
            "project_id": project_id,
            "enabled_toolsets": enabled_toolsets,
            **others,
        }
        return changes.new_session(self._home.store, self._home.checked_metadata(metadata))

    def import_document(self, doc: Mapping[str, Any]) -> Session:
        """Store an exported conversation as a session with a new id; raise `InvalidValue`, `StorageError`.

        `doc` is an export of the web UI, of this library or of the agent. A missing time becomes the current
        time. A project that does not exist is left out; the home's profile replaces one that does not.
        """
        return self.import_export(doc)[0]

    def import_export(self, content: bytes | Mapping[str, Any], *, profile: str | None = None) -> Imported:
        """Store all conversations of a file, or one, as `import_document` does; none if one is refused.

        `profile` (None: the home's) replaces one that does not exist.
        """
        documents = formats.read_documents(content)
        return changes.import_documents(self._home.store, self.projects, documents, profile)

    def fork(self, session_id: str, *, keep: int | None = None, title: str | None = None) -> Session:
        """Store a new session with the first `keep` messages of another (None: all), which is its parent.

        Without a title it gets that of its parent and " (fork)". Raises as `summary`, `InvalidValue`.
        """
        if keep is not None:
            fields.check_whole("keep", keep)
        return changes.fork_session(
            self._home.store, self._home.tags, self._home.web_ui_summary(session_id), keep, title
        )

    def duplicate(self, session_id: str) -> Session:
        """Store a copy, titled "... (copy)", neither pinned nor archived; raises as `fork`."""
        return changes.duplicate_session(
            self._home.store, self._home.tags, self._home.web_ui_summary(session_id)
        )

    def import_agent_session(self, session_id: str) -> tuple[Session, bool]:
        """Store an agent's whole conversation as a sidecar; return it, and whether it is new here.

        One imported before gets the messages that the agent added since, unless it was changed here. Jobs get
        their project. Raises `NotFound`, `AgentUnavailable`, `StorageError`, `Conflict` for one in the trash.
        """
        return changes.import_agent_session(self._home.store, self._home.agents, self.projects, session_id)
