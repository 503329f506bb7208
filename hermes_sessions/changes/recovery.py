"""How an interrupted turn is closed: its stream has ended, and its message still waits. Only decides."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..fields import FIELDS
from ..messages import message_text
from ..model import Session

INCOMPLETE = "**Previous turn did not complete.**"
UNSENT = "unsent_message"
_FIGURES = ("input_tokens", "output_tokens", "estimated_cost")


def recovered(
    session: Session, core: Mapping[str, Any] | None, now: float, alive: Collection[str] = ()
) -> Session | None:
    """Return the session with its interrupted turn closed, None if it has none; `session` is not changed.

    A session without messages takes over `core`, the agent's own transcript, if that is an object with a list
    of messages. `now` is in seconds since the epoch. The text that the user typed is kept in a user message,
    or in `_unsent` of the last message, or after a takeover in `extra["unsent_message"]`.
    """
    text = session.pending_user_message
    if text is None or not session.is_interrupted(alive):
        return None
    closed = replace(
        session,
        active_stream_id=None,
        pending_user_message=None,
        pending_attachments=[],
        pending_started_at=None,
    )
    if session.messages:
        unsent = {} if _is_sent(text, session.messages) else {"_unsent": text}
        return replace(closed, messages=[*session.messages, {**_incomplete(now), **unsent}])
    if isinstance(core, Mapping) and (messages := _objects(core.get("messages"))):
        return _taken_over(closed, core, messages, text)
    return replace(closed, messages=[_sent_again(session, text, now), _incomplete(now)])


def _taken_over(
    closed: Session, core: Mapping[str, Any], messages: list[dict[str, Any]], text: str
) -> Session:
    """Return the session with the messages and figures of the agent's transcript."""
    taken: dict[str, Any] = {name: core[name] for name in _FIGURES if _is_valid(name, core.get(name))}
    if isinstance(core.get("tool_calls"), list):
        taken["tool_calls"] = _objects(core["tool_calls"])
    if not _is_sent(text, messages):
        taken["extra"] = {**closed.extra, UNSENT: _with_earlier(closed.extra.get(UNSENT), text)}
    return replace(closed, messages=messages, **taken)


def _with_earlier(earlier: object, text: str) -> str:
    """Return the text after that of an earlier interruption, which may not have been sent either."""
    return f"{earlier}\n\n{text}" if isinstance(earlier, str) and earlier else text


def _objects(items: object) -> list[dict[str, Any]]:
    """Return the objects of a list, since only an object can be stored as a message."""
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _is_valid(name: str, value: object) -> bool:
    return value is not None and bool(FIELDS[name].accepts(value))


def _is_sent(text: str, messages: Sequence[Any]) -> bool:
    """Whether the text is that of one of the user's messages."""
    sent = (message for message in messages if isinstance(message, dict) and message.get("role") == "user")
    return any(isinstance(each.get("content"), str | list) and message_text(each) == text for each in sent)


def _sent_again(session: Session, text: str, now: float) -> dict[str, Any]:
    """Return the message that waited for an answer, with the time at which it was sent."""
    started_at = session.pending_started_at
    known = started_at if _is_valid("pending_started_at", started_at) else None
    message = {"role": "user", "content": text, "timestamp": int(known or now), "_recovered": True}
    attachments = session.pending_attachments
    return {**message, "attachments": list(attachments)} if attachments else message


def _incomplete(now: float) -> dict[str, Any]:
    return {"role": "assistant", "content": INCOMPLETE, "timestamp": int(now), "_error": True}
