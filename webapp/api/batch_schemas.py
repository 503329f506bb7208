"""What batches answer: the outcome for each session, and the steps that take the change back."""

from typing import NotRequired, TypedDict

from .schemas import SessionEntry


class BatchResult(TypedDict):
    """The outcome for one session: the session after the change (null if deleted), or the error."""

    session_id: str
    ok: bool
    session: NotRequired[SessionEntry | None]
    error: NotRequired[str]
    status: NotRequired[int]


class BatchStep(TypedDict):
    """The body of a batch: one action for several sessions."""

    session_ids: list[str]
    action: str
    project_id: str | None
    tags: list[str] | None
    order: list[str] | None
    undoing: bool


class Batch(TypedDict):
    """The outcome for each session. `ok` is true only if every change was made; `undo` takes those back."""

    ok: bool
    results: list[BatchResult]
    undo: list[BatchStep]
