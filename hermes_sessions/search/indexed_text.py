"""The text of a message that the search index contains."""

import re
from typing import NamedTuple

from ..fields import clean_text
from ..messages import Call, Message, cut

# Characters that are indexed: of a message, as much as fills a book; of a tool's arguments or result, a page.
LONGEST_MESSAGE, LONGEST_TOOL = 1_000_000, 4_000
_ENCODED = re.compile(r";base64,[A-Za-z0-9+/=_-]*+")  # the data of a `data:` URL, which holds no words


class IndexedText(NamedTuple):
    """What is indexed of one message; `sent_at` is in seconds since the epoch, None if unknown."""

    role: str
    text: str
    sent_at: float | None


NO_TEXT = IndexedText("", "", None)


def indexed_text(message: Message) -> IndexedText:
    """Return the text, reasoning and file names of a message, and the beginnings of arguments and results."""
    parts = [*message.texts, *message.reasoning]
    for call in message.calls:
        parts += (call.name, _arguments(call), call.snippet or "")
    for result in message.results:
        parts.append(cut(result.text, LONGEST_TOOL))
    if message.attached or message.parts:
        parts += message.file_names
    if message.unsent:
        parts.append(message.unsent)
    text = cut("\n".join(filter(None, parts)), LONGEST_MESSAGE)
    if ";base64," in text:
        text = _ENCODED.sub(" ", text)
    return IndexedText(_storable(message.stated_role), _storable(text), message.sent_at)


def _arguments(call: Call) -> str:
    """Return the beginning of a call's arguments without JSON's escapes, which would run into words."""
    text = call.arguments_line
    if "\\u" in text:  # mostly characters beyond ASCII
        text = call._replace(given=call.arguments).arguments_line
    text = cut(text, LONGEST_TOOL)
    if "\\" not in text:
        return text
    # Escaped backslashes are replaced first: in C:\\new, as JSON has it, \n is not the end of a line.
    text = text.replace("\\\\", "\0").replace('\\"', '"')
    return text.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t").replace("\0", "\\")


def _storable(text: str) -> str:
    """Return a text that a database accepts; calling `clean_text` on every one takes as long as indexing."""
    if text.isascii():
        return text.replace("\0", " ")
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return clean_text(text)
    return text.replace("\0", " ")
