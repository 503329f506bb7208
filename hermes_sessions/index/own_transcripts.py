"""Which messages that this program added or removed another program has overwritten: the judgement alone.

Takes the changes of the journal and the marks of the messages of a file, and returns what was lost.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ..lost_words import OVERWRITTEN
from ..sidecars import Mark, TranscriptChange, journal


class Own(NamedTuple):
    """A message of this program: which change added it, its place there and in the transcript after all."""

    at: int
    number: int
    position: int
    message: Any
    mark: Mark


class Theirs(NamedTuple):
    """The messages in a file of another program: their marks from index `start` on, those before on request.

    `start` is the lowest index of the changes that are judged, or the end.
    """

    start: int
    marks: Sequence[Mark]
    earlier: Callable[[], Iterable[Mark]]


class Lost(NamedTuple):
    """What was found lost in an earlier file, in which changes up to `until` were judged.

    `added` are stretches of messages: the `at` of their change, the first number and the one after the last.
    `removed` are the `at` of changes whose removed messages were back. Other changes up to `until` were read.
    """

    until: int = 0
    added: Sequence[Sequence[int]] = ()
    removed: Sequence[int] = ()

    def holds(self, at: int, number: int) -> bool:
        """Whether a message is lost."""
        return any(each == at and first <= number < end for each, first, end in self.added)


NOTHING_LOST = Lost()


class Judgement(NamedTuple):
    """Messages of this program that another one has overwritten, and changes whose removed ones are back.

    Neither: `is_read` if the other program has read every change, else somebody decided otherwise there.
    """

    missing: Sequence[Own] = ()
    back: Sequence[TranscriptChange] = ()
    is_read: bool = True

    @property
    def is_lost(self) -> bool:
        """Whether anything is."""
        return bool(self.missing or self.back)

    @property
    def since(self) -> int:
        """The `at` of the first change that is lost: the other program has read those before it."""
        return min([*(own.at for own in self.missing), *(change.at for change in self.back)])

    def lost(self, until: int) -> Lost:
        """Return what is lost, for the judgement of the next file; changes `until` one were judged."""
        added: list[list[int]] = []
        for own in self.missing:
            if added and added[-1][0] == own.at and added[-1][2] == own.number:
                added[-1][2] += 1
            else:
                added.append([own.at, own.number, own.number + 1])
        return Lost(until, added, [change.at for change in self.back])


def judge(changes: Sequence[TranscriptChange], theirs: Theirs, lost: Lost = NOTHING_LOST) -> Judgement:
    """Return what became of changes in a file of another program; `lost` was lost before.

    A message that was added is lost if it is not in the file, at its place or after. It is not lost if the
    other program had read it, and left it out later: a part of the same change, or of a later one, is in the
    file. Only a message with its time tells that, since people say "ok" more than once. Messages that were
    removed are back if the file has them at their place.
    """
    own = expected(changes, lost)
    present = _present(own, theirs)
    read_until = max((at for (at, _), certain in present.items() if certain), default=0)
    absent = [each for each in own if (each.at, each.number) not in present]
    missing = [each for each in absent if each.at > read_until or each.at <= lost.until]
    candidates = (change for change in changes if change.at > lost.until or change.at in lost.removed)
    back = [change for change in candidates if _is_back(change, changes, own, theirs, lost)]
    return Judgement(missing, back, is_read=not absent)


def expected(changes: Sequence[TranscriptChange], lost: Lost = NOTHING_LOST) -> list[Own]:
    """Return the messages that the changes have left in a transcript, and those that were lost before.

    Those were not in the transcript that later changes were made of, which may have added them again.
    """
    later = _composed(change for change in changes if change.at > lost.until)
    again = {each.mark.digest for each in later}
    added = (own for change in changes if change.at <= lost.until for own in _added(change))
    earlier = (own for own in added if lost.holds(own.at, own.number))
    return [*(own._replace(position=-1) for own in earlier if own.mark.digest not in again), *later]


def _added(change: TranscriptChange) -> list[Own]:
    return [
        Own(change.at, number, change.start + number, message, journal.mark_of(message))
        for number, message in enumerate(change.added)
    ]


def _composed(changes: Iterable[TranscriptChange]) -> list[Own]:
    own: list[Own] = []
    for change in changes:
        end, more = change.start + change.removed, len(change.added) - change.removed
        before = [each for each in own if each.position < change.start]
        after = [each._replace(position=each.position + more) for each in own if each.position >= end]
        own = [*before, *_added(change), *after]
    return own


def _present(own: Sequence[Own], theirs: Theirs) -> dict[tuple[int, int], bool]:
    """Return which messages are in the file, and of each whether that is certain."""
    found, places = dict[tuple[int, int], bool](), _by_digest(theirs.marks)
    for each in own:
        same = next((mark for mark in places.get(each.mark.digest, ()) if mark.is_same(each.mark)), None)
        if same is not None:
            places[same.digest].remove(same)  # it may have been said twice
            found[each.at, each.number] = same.is_certain(each.mark)
    absent = [each for each in own if (each.at, each.number) not in found]
    if any(each.mark.sent_at is not None for each in absent):
        # It is before its place if the other program has removed messages that were before it.
        earlier = _by_digest(theirs.earlier())
        for each in absent:
            if any(mark.is_certain(each.mark) for mark in earlier.get(each.mark.digest, ())):
                found[each.at, each.number] = True
    return found


def _by_digest(marks: Iterable[Mark]) -> dict[str, list[Mark]]:
    found: dict[str, list[Mark]] = {}
    for mark in marks:
        found.setdefault(mark.digest, []).append(mark)
    return found


def _is_back(
    change: TranscriptChange,
    changes: Sequence[TranscriptChange],
    own: Sequence[Own],
    theirs: Theirs,
    lost: Lost,
) -> bool:
    """Whether the messages that a change removed are in the file again, at their place.

    If only the first of them are, one must be certain, or have been back before, or the other program cannot
    have read more of them: who sends a removed message again says the same.
    """
    place = change.start - theirs.start
    if not change.marks or not 0 <= place < len(theirs.marks):
        return False
    if any(each.position == change.start and each.mark.is_same(change.marks[0]) for each in own):
        return False
    pairs = list(zip(change.marks, theirs.marks[place:], strict=False))
    alike = list(_while_same(pairs))
    if len(alike) == len(change.marks) or change.at in lost.removed:
        return bool(alike)
    if any(one.is_certain(other) for one, other in alike):
        return True
    before = _composed(each for each in changes if lost.until < each.at < change.at)
    return bool(alike) and _is_older_version(change, len(alike), before)


def _is_older_version(change: TranscriptChange, count: int, before: Iterable[Own]) -> bool:
    """Whether the first `count` removed messages are all of them that a version before had.

    This program added the others after it, and removed them before the other program had read them. `before`
    are the messages of this program that were in the transcript until the change.
    """
    added_at = {each.position: each.at for each in before}
    places = range(change.start, change.start + change.removed)
    version = max(added_at.get(place, 0) for place in places[:count])
    return all(added_at.get(place, 0) > version for place in places[count:])


def _while_same(pairs: Sequence[tuple[Mark, Mark]]) -> Iterator[tuple[Mark, Mark]]:
    for one, other in pairs:
        if not one.is_same(other):
            return
        yield one, other


def in_words(judgement: Judgement) -> str:
    """Say what was lost."""
    added, removed = len(judgement.missing), sum(change.removed for change in judgement.back)
    said = []
    if added:
        said.append(f"{_messages(added)} that you added {_were(added)} {OVERWRITTEN}")
    if removed:
        said.append(f"{_messages(removed)} that you removed {'is' if removed == 1 else 'are'} back")
    return ", and ".join(said)


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
