"""What a message says: the one reader of messages, masked credentials, Markdown, exports."""

from typing import TYPE_CHECKING

from ..loading import load_on_use

if TYPE_CHECKING:
    from .answers import WaitingResults, group_answers
    from .content import (
        Call,
        Message,
        RawMessage,
        Result,
        as_text,
        cards_by_message,
        message_of_card,
        message_text,
        one_line,
        read_message,
        read_messages,
        title_from,
        tool_names,
    )
    from .export import check_format, export_parts, export_session, message_markdown
    from .landmark import Landmark, landmarks
    from .lines import message_lines
    from .pictures import number_pictures
    from .redact import cut, is_shown_as, mask, mask_all, may_hold_credential
    from .rendered_texts import RenderedTexts
    from .rendering import STEPS_A_PAGE, STEPS_ON_REQUEST, markdown_renderer
    from .visible import CALLING, calls_of_page, is_visible, visible_page

__all__ = [
    "CALLING",
    "STEPS_A_PAGE",
    "STEPS_ON_REQUEST",
    "Call",
    "Landmark",
    "Message",
    "RawMessage",
    "RenderedTexts",
    "Result",
    "WaitingResults",
    "as_text",
    "calls_of_page",
    "cards_by_message",
    "check_format",
    "cut",
    "export_parts",
    "export_session",
    "group_answers",
    "is_shown_as",
    "is_visible",
    "landmarks",
    "markdown_renderer",
    "mask",
    "mask_all",
    "may_hold_credential",
    "message_lines",
    "message_markdown",
    "message_of_card",
    "message_text",
    "number_pictures",
    "one_line",
    "read_message",
    "read_messages",
    "title_from",
    "tool_names",
    "visible_page",
]

_NAMES = {
    "answers": "WaitingResults group_answers",
    "content": (
        "Call Message RawMessage Result as_text cards_by_message message_of_card message_text "
        "one_line read_message read_messages title_from tool_names"
    ),
    "export": "check_format export_parts export_session message_markdown",
    "landmark": "Landmark landmarks",
    "lines": "message_lines",
    "pictures": "number_pictures",
    "redact": "cut is_shown_as mask mask_all may_hold_credential",
    "rendered_texts": "RenderedTexts",
    "rendering": "STEPS_A_PAGE STEPS_ON_REQUEST markdown_renderer",
    "visible": "CALLING calls_of_page is_visible visible_page",
}
if not TYPE_CHECKING:  # type checkers would accept any name
    __getattr__ = load_on_use(__name__, _NAMES)
