"""How much of what the model is given a shortened session keeps: its `context_messages`, a list of their own.

It is what the web UI sends to the model: the messages themselves, or fewer after a compression, or more, such
as a summary before them. The rules are those of the web UI of August, in pure functions; `first_items` reads.
"""

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ..sidecars import Outline, editing, reading

CONTEXT = "context_messages"

# Returns how many items of a context stay; the messages are read only if it asks for them.
KeptOfContext: TypeAlias = Callable[[Sequence[Any], Callable[[], Sequence[Any]]], int]
_Rows: TypeAlias = Sequence[Any]
_Key: TypeAlias = tuple[str, ...]


def first_items(source: Outline, kept: KeptOfContext) -> editing.FirstItems | None:
    """Return what is kept of what the model is given, None if all of it or if the file has none."""

    def messages() -> Sequence[Any]:
        return reading.messages_from(source, 0)

    return editing.first_items(source, CONTEXT, lambda items: kept(items, messages))


def before_last_turn(context: _Rows, _: object) -> int:
    """Return how many items come before the last one of the user: all if none is the user's."""
    places = (index for index in reversed(range(len(context))) if _is_of_user(context[index]))
    return next(places, len(context))


def of_first_messages(keep: int) -> KeptOfContext:
    """Return what `kept_with` returns for this number of kept messages."""
    return lambda context, messages: kept_with(context, messages(), keep) if keep else 0


def kept_with(context: _Rows, messages: _Rows, keep: int) -> int:
    """Return how many items belong to the first `keep` of the messages.

    Where the items are not the messages, those that are the same in both tell where to cut: better too early
    than behind a message that was removed.
    """
    if len(context) == len(messages):
        return keep
    places = same_in(context, messages)
    first_removed, last_kept = places[keep], places[keep - 1]
    if first_removed is not None and not (last_kept is not None and _is_of_user(messages[keep - 1])):
        return first_removed
    if last_kept is not None:
        return last_kept + 1
    found = [place for place in places[:keep] if place is not None]
    if len(context) < len(messages) and found:
        return found[-1] + 1
    return max(0, len(context) - len(messages)) + keep


def same_in(context: _Rows, messages: _Rows) -> list[int | None]:
    """Return for each message the place of the same item in a context, None for none or several.

    The places ascend. An item is the same if it has the same id, or the same words and time. Without an id or
    a time in one of them, the same words are enough if no later item has them.
    """
    known: dict[_Key, list[int]] = defaultdict(list)
    for place, item in enumerate(context):
        for key in _keys(item):
            known[key].append(place)
    found, after = list[int | None](), 0
    for message in messages:
        found.append(same := _place(known, message, after))
        after = after if same is None else same + 1
    return found


def _place(known: Mapping[_Key, Sequence[int]], message: Any, after: int) -> int | None:
    if not isinstance(message, dict):
        return None
    words, named, sent = _words(message), _given(message, "id"), _given(message, "timestamp")
    ids = ("",) if named else ("", "id")  # of the items that are compared by their words
    certain: list[_Key] = [("id", named)] if named else []
    certain += [("time", sent, words, each) for each in ids] if sent else []
    if (place := _first(known, certain, after)) is not None:
        return place
    possible = [("words", words, each, time) for each in ids for time in (("",) if sent else ("", "time"))]
    place = _first(known, possible, after)
    return place if place is None or _first(known, possible, place + 1) is None else None


def _first(known: Mapping[_Key, Sequence[int]], keys: Sequence[_Key], after: int) -> int | None:
    """Return the first place, from `after` on, of an item with one of these keys."""
    places = (known.get(key, ()) for key in keys)
    return min((each[at] for each in places if (at := bisect_left(each, after)) < len(each)), default=None)


def _keys(item: Any) -> Iterator[_Key]:
    """Yield the keys of an item of a context: its id, its words with its time, its words."""
    if not isinstance(item, dict):
        return
    words, named, sent = _words(item), _given(item, "id"), _given(item, "timestamp")
    if named:
        yield "id", named
    if sent:
        yield "time", sent, words, "id" if named else ""
    yield "words", words, "id" if named else "", "time" if sent else ""


def _given(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return "" if value is None else repr(value)


def _words(item: Mapping[str, Any]) -> str:
    """Return what an item says, and to which call it belongs."""
    names = ("role", "content", "tool_call_id", "tool_use_id", "tool_calls")
    return json.dumps([*(item.get(name) for name in names), item.get("tool_name") or item.get("name")])


def _is_of_user(item: Any) -> bool:
    return isinstance(item, dict) and item.get("role") == "user"
