"""Which calls of tools the messages after them answer."""

from collections.abc import Iterable, Iterator, Sequence

from .content import Message


def group_answers(messages: Iterable[tuple[int, Message]]) -> Iterator[list[tuple[int, Message]]]:
    """Yield each message with its index, and with it the messages right after that answer its calls."""
    group: list[tuple[int, Message]] = []
    waiting: list[str] = []
    for index, message in messages:
        rest = _still_waiting(message, waiting) if group and message.is_answer else None
        if rest is not None:
            group.append((index, message))
            waiting = rest
            continue
        if group:
            yield group
        # The session's own list says itself how its calls were answered.
        group, waiting = [(index, message)], [call.call_id for call in message.calls if call.snippet is None]
    if group:
        yield group


def _still_waiting(message: Message, waiting: Sequence[str]) -> list[str] | None:
    """Return the calls that wait after this answer, None if it answers something else."""
    rest = list(waiting)
    for result in message.results:
        call = answered(result.call_id, rest)
        if call is None:
            return None
        rest.remove(call)
    return rest


def answered(call_id: str, waiting: Sequence[str]) -> str | None:
    """Return which waiting call a result answers; one without a `call_id` answers the first."""
    return next((each for each in waiting if not call_id or each == call_id), None)
