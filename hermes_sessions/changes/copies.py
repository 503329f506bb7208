"""What a new session copies from another one, so that sums count the common figures once.

A duplicate or a fork names its original. A document that is imported names the session that it was exported
from; if that session, or an earlier import of it, is here, its messages must be the same as far as both go.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..errors import SessionsError
from ..fields import is_id
from ..index import database, rows
from ..messages import mask_all
from ..model import Session, Summary
from ..origins import Copied
from .store import Store


def shared_figures(origin: Summary, changes: Mapping[str, Any]) -> Copied:
    """Return what a copy of a session has in common with it; figures among `changes` are the copy's own."""
    of_origin = Copied.read(origin.extra)
    copied = Copied.of(origin, of_origin.session_id if of_origin else origin.session_id)
    return copied._replace(**{name: changes[name] for name in Copied._fields if name in changes})


def exported_from(store: Store, session: Session, original_id: object) -> Copied | None:
    """Return what an imported document has in common with the session that it was exported from.

    None if it names no session, or one that says something else.
    """
    if not isinstance(original_id, str) or not is_id(original_id):
        return None
    of_original = Copied.read(session.extra)
    first_id = of_original.session_id if of_original else original_id
    copied = Copied.of(session, first_id)
    relatives = list(_relatives(store, {original_id, first_id}, first_id))
    if not relatives:
        return copied
    same = (each for each in relatives if _agree(each.messages, session.messages))
    shared = (copied.at_most(Copied.of(each)) for each in same)
    return max(shared, key=lambda each: (each.message_count, each.input_tokens), default=None)


def _relatives(store: Store, ids: set[str], first_id: str) -> Iterator[Session]:
    """Yield the sessions with these ids, and the copies of the first one, as far as they can be read."""
    with database.reading(store.engine) as connection:
        ids = ids | set(rows.copies_of(connection, first_id))
    for session_id in sorted(ids):
        with suppress(SessionsError):  # one that is missing or corrupt has nothing to compare
            yield store.session(session_id)


def _agree(messages: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether two transcripts are the same as far as both go; an export may be masked."""
    return all(_said(one) == _said(other) for one, other in zip(messages, others, strict=False))


def _said(message: Any) -> Any:
    if not isinstance(message, dict):
        return None
    return mask_all([message.get("role"), message.get("content")])
