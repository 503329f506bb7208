"""Sessions as the API answers them."""

from typing import cast

from hermes_sessions.model import Session, Summary

from .schemas import SessionEntry, WholeSession


def list_entry(session: Summary | Session) -> SessionEntry:
    """Return a session as a list shows it."""
    summary = session if isinstance(session, Summary) else session.summary()
    return cast(SessionEntry, summary.as_dict())


def whole_session(session: Session) -> WholeSession:
    """Return a session with all its messages."""
    return cast(WholeSession, session.as_dict())
