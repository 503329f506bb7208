"""What of a conversation its reader was shown, for forms to send back: what is not so any more stays."""

import hashlib
import json
import re
from typing import Any

from flask import request

from hermes_sessions.errors import Conflict
from hermes_sessions.model import Summary

from ..request_context import sessions

_STATE = re.compile(r"([0-9]{1,15}):([0-9a-f]{16}):[0-9a-f]{16}")
CHANGED = "this conversation is no longer as it was shown to you; nothing was done"


def state(session: Summary) -> str:
    """Return how a transcript ends, and whether it waits for an answer, as a form sends it back.

    Not the file's signature: a new title changes it too; nor the time of the last message: many have none.
    """
    page = sessions().messages(session.session_id, limit=1)
    turn = (session.pending_user_message, session.active_stream_id)
    return f"{page.total}:{_digest(page.messages)}:{_digest(turn)}"


def check_unchanged(session_id: str) -> None:
    """Raise `Conflict` if the conversation is not the one that the sender of the request was shown."""
    if request.values.get("seen") != state(sessions().summary(session_id)):
        raise Conflict(CHANGED)


def check_kept(session_id: str) -> None:
    """Raise `Conflict` if what its sender was shown is not there any more; new messages may have come."""
    found = _STATE.fullmatch(request.values.get("seen", ""))
    count = int(found[1]) if found else 0
    page = sessions().messages(session_id, before=count, limit=1)
    if not found or page.total < count or _digest(page.messages) != found[2]:
        raise Conflict(CHANGED)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
