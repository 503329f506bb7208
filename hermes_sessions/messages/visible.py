"""Which messages of a transcript a reader sees as messages of their own: results of tools are not."""

from collections.abc import Callable
from typing import Any

from ..results import MessagePage
from .content import message_text

CALLING = "assistant_msg_idx"  # in an entry of `tool_calls`: the index of the message that calls
# Reads at most `limit` messages before an index (None: the end).
ReadPage = Callable[[int | None, int], MessagePage]


def is_visible(message: object) -> bool:
    """Whether a message is shown by itself: it has a role, which is not `tool`, and is no empty fragment.

    A cancelled turn leaves a fragment of an answer, which may hold nothing but calls.
    """
    if not isinstance(message, dict):
        return False
    role = message.get("role")
    if not isinstance(role, str) or role.strip().lower() in ("", "tool"):
        return False
    return not (role == "assistant" and message.get("_partial") and not message_text(message).strip())


def visible_page(read: ReadPage, before: int | None, limit: int) -> MessagePage:
    """Return the last messages before an index of which `limit` are visible, with all that lie between.

    Without visible messages it is the last `limit` of any kind.
    """
    page = read(before, limit)
    messages, offset = page.messages, page.offset
    while offset > 0 and sum(map(is_visible, messages)) < limit:
        earlier = read(offset, max(limit, len(messages)))
        messages, offset = [*earlier.messages, *messages], earlier.offset
    start = _start(messages, limit)
    return MessagePage(messages[start:], offset + start, page.total, page.tool_calls)


def _start(messages: list[dict[str, Any]], limit: int) -> int:
    visible = [index for index, message in enumerate(messages) if is_visible(message)]
    if not visible:
        return max(0, len(messages) - limit)
    return visible[-limit] if len(visible) >= limit else 0


def calls_of_page(page: MessagePage) -> list[Any]:
    """Return the page's own entries of `tool_calls`, with indexes that count from its first message."""
    end = page.offset + len(page.messages)
    return [
        {**call, CALLING: call[CALLING] - page.offset}
        for call in page.tool_calls
        if isinstance(call, dict) and _is_index(call.get(CALLING)) and page.offset <= call[CALLING] < end
    ]


def _is_index(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
