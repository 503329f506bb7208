"""Which text of a message is indexed."""

import re
from typing import NamedTuple

from ..fields import clean_text
from ..messages import Call, Message

# As much of a message is indexed as fills a book; of a tool's arguments and results, a page.
LONGEST_MESSAGE, LONGEST_TOOL = 1_000_000, 4_000
_ENCODED = re.compile(r";base64,[A-Za-z0-9+/=_-]*+")  # the data of a `data:` URL, which holds no words


class IndexedText(NamedTuple):
    """What the index holds of one message; `sent_at` in seconds since the epoch, None if it does not say."""

    role: str
    text: str
    sent_at: float | None


NO_TEXT = IndexedText("", "", None)


def indexed_text(message: Message) -> IndexedText:
    """Return what is indexed of a message: what it says and thinks, and the beginnings of what tools said."""
    parts = [*message.texts, *message.reasoning]
    for call in message.calls:
        parts += (call.name, _arguments(call), call.snippet or "")
    for result in message.results:
        parts.append(result.text[:LONGEST_TOOL])
    if message.attached or message.parts:
        parts += message.file_names
    if message.unsent:
        parts.append(message.unsent)
    text = "\n".join(filter(None, parts))[:LONGEST_MESSAGE]
    if ";base64," in text:
        text = _ENCODED.sub(" ", text)
    return IndexedText(_storable(message.stated_role), _storable(text), message.sent_at)


def _arguments(call: Call) -> str:
    """Return the beginning of a call's arguments, without the escapes of JSON that would join words."""
    text = call.arguments_line
    if "\\u" in text:  # characters beyond ASCII, mostly
        text = call._replace(given=call.arguments).arguments_line
    text = text[:LONGEST_TOOL]
    if "\\" not in text:
        return text
    # A backslash itself is set aside, or the n of a folder \\new would be taken for the end of a line.
    text = text.replace("\\\\", "\0").replace('\\"', '"')
    return text.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t").replace("\0", "\\")


def _storable(text: str) -> str:
    """Return a text as a database takes it; `clean_text` of all texts would take as long as to index them."""
    if text.isascii():
        return text.replace("\0", " ")
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return clean_text(text)
    return text.replace("\0", " ")
