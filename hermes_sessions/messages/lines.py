"""Everything that a message holds as lines of text, for a terminal and for a model."""

from collections.abc import Callable, Iterator

from .content import Message
from .pictures import number_pictures


def message_lines(
    message: Message,
    shorten: Callable[[str], str],
    shorten_step: Callable[[str], str] = str,
) -> Iterator[str]:
    """Yield everything in a message as text.

    `shorten` is applied to what tools answered, `shorten_step` to reasoning and to the arguments of calls.
    """
    for thought in message.reasoning:
        yield f"[reasoning] {shorten_step(thought)}"
    if message.texts:
        yield number_pictures(message.text)[0]
    yield from (f"[attached {name}]" for name in message.attachments)
    yield from ("[picture]" for _ in message.part_pictures)
    for call in message.calls:
        yield f"[calls {call.name or 'tool'} {shorten_step(call.arguments_line)}]"
        if call.snippet:
            yield shorten(call.snippet)
    for result in message.results:
        if result.text:
            yield shorten(number_pictures(result.text)[0])
    if message.unsent:
        yield f"[typed and not answered] {message.unsent}"
