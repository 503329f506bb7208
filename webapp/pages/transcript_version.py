"""The version of a transcript that a page showed: forms send it back, as `If-Match` does in an API.

A form whose conversation has changed since then does nothing.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from flask import request

from hermes_sessions.errors import Conflict
from hermes_sessions.model import Summary

from ..request_context import sessions

FIELD = "seen"  # of the form
CHANGED = "This conversation changed since you opened it, so nothing was done."
_VERSION = re.compile(r"([0-9]{1,15}):([0-9a-f]{16}):[0-9a-f]{16}")


def of(session: Summary) -> str:
    """Return the version: the number of messages, and digests of the last message and of the pending turn.

    The file's signature would not do, since a new title changes it too; nor the time of the last message,
    since many have none.
    """
    page = sessions().messages(session.session_id, limit=1)
    return of_messages(session, page.messages, page.total)


def of_messages(session: Summary, messages: Sequence[Any], total: int) -> str:
    """Return the version of a conversation whose last messages were read already."""
    turn = (session.pending_user_message, session.active_stream_id)
    return f"{total}:{_digest(messages[-1:])}:{_digest(turn)}"


def check(session_id: str) -> None:
    """Raise `Conflict` if the conversation is not in the version that the form was made for."""
    if request.values.get(FIELD) != of(sessions().summary(session_id)):
        raise Conflict(CHANGED)


def check_beginning(session_id: str) -> None:
    """Raise `Conflict` if the messages that the form was made for changed; newer ones may follow."""
    version = _VERSION.fullmatch(request.values.get(FIELD, ""))
    count = int(version[1]) if version else 0
    page = sessions().messages(session_id, before=count, limit=1)
    if not version or page.total < count or _digest(page.messages) != version[2]:
        raise Conflict(CHANGED)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
