"""What the pages say of changes that another program has overwritten: with a title that is a link."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from hermes_sessions.errors import SessionsError
from hermes_sessions.lost_words import LostNotice, notices, overview
from hermes_sessions.results import LostUpdate

from ..request_context import sessions


@dataclass(frozen=True, slots=True)
class ShownNotice:
    """A notice, and the title of its conversation, None if it is not known."""

    notice: LostNotice
    title: str | None


def shown_notices(warnings: Sequence[str]) -> tuple[list[str], ShownNotice | None]:
    """Return which of a list's warnings are about other things, and what to show in place of the rest."""
    lost = _lost() if warnings else []
    known = {each.warning for each in notices(lost)}
    others = [each for each in warnings if each not in known]
    notice = overview(lost) if len(others) < len(warnings) else None
    return others, ShownNotice(notice, _title(notice.session_id)) if notice else None


def _lost() -> Sequence[LostUpdate]:
    with suppress(SessionsError):  # the list was read, and says what is the matter
        return sessions().lost.list()
    return []


def _title(session_id: str | None) -> str | None:
    with suppress(SessionsError):
        return sessions().summary(session_id).title if session_id is not None else None
    return None
