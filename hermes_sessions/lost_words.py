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

    `session_id` is None of the last one, which says how many more there are. `warning` says the same to
    whoever has a terminal; a page shows the title as a link.
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
    of = dict[tuple[str, str], list[LostUpdate]]()
    for each in lost:
        of.setdefault((each.session_id, remedy(each)), []).append(each)
    told = [
        LostNotice(session_id, in_one([each.meaning for each in updates]), act)
        for (session_id, act), updates in of.items()
    ]
    more = len(list(chain.from_iterable(list(of.values())[MOST_NOTICES:])))
    if not more:
        return told
    changes = "1 more change was" if more == 1 else f"{more:,} more changes were"
    return [*told[:MOST_NOTICES], LostNotice(None, f"{changes} overwritten earlier")]


def in_one(meanings: Sequence[str]) -> str:
    """Return in one sentence what was lost of a session: `your title "x" and your pin were overwritten …`."""
    if len(meanings) == 1:
        return meanings[0]
    named = [_ENDING.sub("", each) for each in meanings if _ENDING.search(each)]
    others = [each for each in meanings if not _ENDING.search(each)]
    if len(named) > 1:
        return ", and ".join([f"{', '.join(named[:-1])} and {named[-1]} were {OVERWRITTEN}", *others])
    return ", and ".join(meanings)
