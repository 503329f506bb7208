"""Which calls of tools the messages after them answer."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from .content import Message

T = TypeVar("T")


def group_answers(messages: Iterable[tuple[int, Message]]) -> Iterator[list[tuple[int, Message]]]:
    """Yield each message with its index, and with it the messages right after that answer its calls."""
    group: list[tuple[int, Message]] = []
    waiting = _WaitingCalls(())
    for index, message in messages:
        if group and message.is_answer and waiting.take([result.call_id for result in message.results]):
            group.append((index, message))
            continue
        if group:
            yield group
        group = [(index, message)]
        # The session's own list says itself how its calls were answered.
        waiting = _WaitingCalls(call.call_id for call in message.calls if call.snippet is None)
    if group:
        yield group


class _WaitingCalls:
    """The calls that no result has answered, in their order."""

    def __init__(self, call_ids: Iterable[str]) -> None:
        self._places: dict[str, deque[int]] = {}
        self._ids = list(call_ids)
        for place, call_id in enumerate(self._ids):
            self._places.setdefault(call_id, deque()).append(place)
        self._answered = [False] * len(self._ids)
        self._first = 0

    def take(self, call_ids: Sequence[str]) -> bool:
        """Let results with these ids answer their calls; if one answers none of them, return False."""
        taken: list[int] = []
        for call_id in call_ids:
            place = self._take(call_id)
            if place is None:
                self._put_back(taken)
                return False
            taken.append(place)
        return True

    def _take(self, call_id: str) -> int | None:
        """Return the place of the call that a result answers; one without a `call_id` answers the first."""
        while self._first < len(self._ids) and self._answered[self._first]:
            self._first += 1
        if not call_id and self._first < len(self._ids):
            call_id = self._ids[self._first]
        places = self._places.get(call_id)
        if not places:
            return None
        self._answered[places[0]] = True
        return places.popleft()

    def _put_back(self, places: Sequence[int]) -> None:
        for place in reversed(places):
            self._places[self._ids[place]].appendleft(place)
            self._answered[place] = False
            self._first = min(self._first, place)


class WaitingResults(Generic[T]):
    """Results that no call has claimed, in their order; each is a value of the caller."""

    def __init__(self, results: Iterable[tuple[str, T]]) -> None:
        """Take the results, each after the id of the call that it names; an empty one fits every call."""
        self._by_id: dict[str, deque[tuple[int, T]]] = {}
        for place, (call_id, result) in enumerate(results):
            self._by_id.setdefault(call_id, deque()).append((place, result))

    def take(self, call_id: str) -> T | None:
        """Remove the first result that fits a call, and return it."""
        fitting = [found for each in {"", call_id} if (found := self._by_id.get(each))]
        return min(fitting, key=lambda found: found[0][0]).popleft()[1] if fitting else None
