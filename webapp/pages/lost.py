"""What the pages say of changes that another program has overwritten: with a title that is a link."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from hermes_sessions.errors import SessionsError
from hermes_sessions.lost_words import LostNotice, notices

from ..request_context import sessions


@dataclass(frozen=True, slots=True)
class ShownNotice:
    """A notice, and the title of its conversation, None if it is not known."""

    notice: LostNotice
    title: str | None


def shown_notices(warnings: Sequence[str]) -> tuple[list[str], list[ShownNotice]]:
    """Return which of a list's warnings are about other things, and what to show in place of the rest."""
    known = {each.warning: each for each in _notices()} if warnings else {}
    others = [each for each in warnings if each not in known]
    told = [known[each] for each in warnings if each in known]
    return others, [ShownNotice(each, _title(each.session_id)) for each in told]


def _notices() -> list[LostNotice]:
    with suppress(SessionsError):  # the list was read, and says what is the matter
        return notices(sessions().lost.list())
    return []


def _title(session_id: str | None) -> str | None:
    with suppress(SessionsError):
        return sessions().summary(session_id).title if session_id is not None else None
    return None
