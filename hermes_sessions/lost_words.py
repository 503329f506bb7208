"""What is said of changes that another program has overwritten: once for each conversation."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from .results import LostUpdate

OVERWRITTEN = "overwritten by another program"
PUT_BACK = "hermes-sessions put-back"
MOST_NOTICES = 3
_ENDING = re.compile(f" (was|were) {OVERWRITTEN}$")


@dataclass(frozen=True, slots=True)
class LostNotice:
    """What a list says of one session: what of it was lost, and what `put_back` does about it, after "to".

    `session_id` is None of one that only says how many there are. `warning` says the same to whoever has a
    terminal; a page shows the title as a link.
    """

    session_id: str | None
    meaning: str
    remedy: str = ""

    @property
    def warning(self) -> str:
        """The notice with the id of the session and the command that puts back."""
        if self.session_id is None:
            return f"{self.meaning}: see `hermes-sessions check`."
        command = f"`{PUT_BACK} {self.session_id}`"
        return (
            f"Session {self.session_id}: {self.meaning}. To {self.remedy}, open the conversation, or run "
            f"{command}."
        )


def remedy(lost: LostUpdate) -> str:
    """Return what `put_back` does about it, after "to"."""
    return "delete it again" if lost.field == "deleted" else "put it back"


def notices(lost: Iterable[LostUpdate]) -> list[LostNotice]:
    """Return a notice for each of the first sessions, and one of how many more changes there are."""
    groups = _by_session(lost)
    told = [_notice(updates) for updates in groups]
    more = len(list(chain.from_iterable(groups[MOST_NOTICES:])))
    if not more:
        return told
    changes = "1 more change was" if more == 1 else f"{more:,} more changes were"
    return [*told[:MOST_NOTICES], LostNotice(None, f"{changes} overwritten earlier")]


def overview(lost: Iterable[LostUpdate]) -> LostNotice | None:
    """Return the one notice for where there is little room: of several sessions, how many; None of none."""
    groups = _by_session(lost)
    count = len({updates[0].session_id for updates in groups})
    if count > 1:
        return LostNotice(None, f"Another program has overwritten your changes to {count:,} conversations")
    return _notice(groups[0]) if groups else None


def _by_session(lost: Iterable[LostUpdate]) -> list[list[LostUpdate]]:
    """Return the changes that one call of `put_back` makes again together."""
    groups = dict[tuple[str, str], list[LostUpdate]]()
    for each in lost:
        groups.setdefault((each.session_id, remedy(each)), []).append(each)
    return list(groups.values())


def _notice(updates: Sequence[LostUpdate]) -> LostNotice:
    meaning = in_one([each.meaning for each in updates])
    return LostNotice(updates[0].session_id, meaning, remedy(updates[0]))


def in_one(meanings: Sequence[str]) -> str:
    """Return in one sentence what was lost of a session: `your title "x" and your pin were overwritten …`."""
    if len(meanings) == 1:
        return meanings[0]
    named = [_ENDING.sub("", each) for each in meanings if _ENDING.search(each)]
    others = [each for each in meanings if not _ENDING.search(each)]
    if len(named) > 1:
        return ", and ".join([f"{', '.join(named[:-1])} and {named[-1]} were {OVERWRITTEN}", *others])
    return ", and ".join(meanings)
