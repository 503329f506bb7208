"""What a message holds, in any of the forms that programs wrote: its texts, calls, pictures, attachments."""

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ROLES = ("user", "assistant", "system", "tool")
WORDS = ("text", "input_text", "output_text")
REASONING = ("reasoning", "reasoning_content", "thinking")
LARGEST_PICTURE = 14_000_000  # characters of base64: 10 MB
MOST_PICTURES = 100
LONGEST_PARSED = 200_000  # arguments of a call that are made readable
TOO_DEEP = "(too deep to be shown here)"
# The types that every browser shows and that hold no script, and how their files begin.
PICTURES: Mapping[str, tuple[bytes, ...]] = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpeg": (b"\xff\xd8\xff",),
    "gif": (b"GIF87a", b"GIF89a"),
    "webp": (b"RIFF",),
}
_DATA_URL = re.compile(r"data:image/(png|jpe?g|gif|webp);base64,([A-Za-z0-9+/]+={0,2})", re.IGNORECASE)

Fields = Mapping[str, Any]


def fields(message: Any) -> Fields:
    """Return a message as an object; one that is none is the content of one."""
    return message if isinstance(message, dict) else {"content": message}


def role(message: Fields) -> str:
    """Return who speaks: one of `ROLES`, or `other`."""
    found = message.get("role")
    return found if isinstance(found, str) and found in ROLES else "other"


def sent_at(message: Fields) -> float | None:
    """Return when a message was sent, in seconds since the epoch, if it says so."""
    for value in (message.get("_ts"), message.get("timestamp")):
        if value and isinstance(value, int | float) and not isinstance(value, bool):
            return value if math.isfinite(value) else None
    return None


# ---- texts ----------------------------------------------------------------------------------------------


def text(message: Fields) -> str:
    """Return what a message says: its text, its parts of text as paragraphs, or its content as JSON."""
    content = message.get("content")
    if isinstance(content, list) and all(map(_is_part, content)):
        return "\n\n".join(as_text(part.get("text")) for part in content if part["type"] in WORDS)
    return as_text(content)


def reasoning(message: Fields) -> str:
    """Return what a model thought before it answered, empty if it does not say."""
    return next((as_text(message[key]) for key in REASONING if message.get(key)), "")


def searchable(message: Fields) -> Iterator[str]:
    """Yield the texts in which a message is found: what it says, thinks and calls."""
    yield without_pictures(text(message))[0]
    yield reasoning(message)
    for call in calls(message):
        yield f"{call_name(call)} {as_text(arguments(call))}"


def plain(message: Fields) -> str:
    """Return all of a message as text."""
    called = [f"[{call_name(call) or 'tool'}]\n{as_text(arguments(call))}" for call in calls(message)]
    thought = reasoning(message)
    parts = [text(message), f"[reasoning]\n{thought}" if thought else "", *called]
    return "\n\n".join(part for part in parts if part)


def as_text(value: Any) -> str:
    """Return a JSON value as text: a text as it is, nothing for none, anything else as readable JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    try:
        return json.dumps(value, ensure_ascii=False, indent=2)
    except RecursionError:
        return TOO_DEEP


def line(value: object, longest: int = 80) -> str:
    """Return the beginning of a text in a line, nothing for what is no text."""
    return " ".join(value[:longest].split()) if isinstance(value, str) else ""


def _is_part(part: object) -> bool:
    return isinstance(part, dict) and isinstance(part.get("type"), str)


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


# ---- calls of tools -------------------------------------------------------------------------------------


def turns(messages: Sequence[Any], offset: int) -> Iterator[list[tuple[int, Fields]]]:
    """Yield each message with its index, and with it the answers to its calls that come right after."""
    turn: list[tuple[int, Fields]] = []
    waiting: list[str] = []
    for index, message in enumerate(map(fields, messages), offset):
        if turn and role(message) == "tool" and (call := answered(message, waiting)) is not None:
            waiting.remove(call)
            turn.append((index, message))
            continue
        if turn:
            yield turn
        turn, waiting = [(index, message)], [call_id(call) for call in calls(message)]
    if turn:
        yield turn


def answered(message: Fields, waiting: Sequence[str]) -> str | None:
    """Return which of the calls that wait a tool's message answers; one without an id answers the first."""
    given = _string(message.get("tool_call_id"))
    return next((each for each in waiting if not given or each == given), None)


def calls(message: Fields) -> list[Fields]:
    """Return the calls that a message holds."""
    found = message.get("tool_calls")
    listed = found if isinstance(found, list) else []
    return [call if isinstance(call, dict) else {"arguments": call} for call in listed]


def calls_beside(listed: Sequence[Any]) -> dict[int, list[Fields]]:
    """Return the calls of a session's own list, which the web UI keeps, by the index of their message."""
    found: dict[int, list[Fields]] = {}
    for call in listed:
        if isinstance(call, dict) and isinstance(index := call.get("assistant_msg_idx"), int):
            found.setdefault(index, []).append(call)
    return found


def call_id(call: Fields) -> str:
    """Return the id by which an answer names its call."""
    return next((call[key] for key in ("id", "call_id", "tid") if isinstance(call.get(key), str)), "")


def called_id(message: Fields) -> str:
    """Return the id of the call that a tool's message answers, empty if it does not say."""
    return _string(message.get("tool_call_id"))


def call_name(call: Fields) -> str:
    """Return the name of the tool that is called, empty if it does not say."""
    return line(_function(call).get("name"))


def arguments(call: Fields) -> Any:
    """Return the arguments of a call, which are mostly JSON inside a text, as what they mean."""
    function = _function(call)
    given = function.get("arguments", function.get("args", function.get("input")))
    if not isinstance(given, str) or len(given) > LONGEST_PARSED:
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        return given


def _function(call: Fields) -> Fields:
    function = call.get("function")
    return function if isinstance(function, dict) else call


# ---- pictures and attachments ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture inside a message: a type of `PICTURES`, and the file as base64."""

    kind: str
    data: str

    def content(self) -> bytes | None:
        """Return the file; None if it is none of its type, or larger than is shown."""
        if len(self.data) > LARGEST_PICTURE:
            return None
        try:
            content = base64.b64decode(self.data, validate=True)
        except binascii.Error:
            return None
        fits = content.startswith(PICTURES[self.kind])
        return content if fits and (self.kind != "webp" or content[8:12] == b"WEBP") else None


def pictures(message: Fields) -> list[Picture]:
    """Return the pictures of a message, in the order of their numbers: those in its text, then its parts."""
    return without_pictures(text(message))[1] + part_pictures(message)


def without_pictures(said: str) -> tuple[str, list[Picture]]:
    """Return a text with each picture in it replaced by `data:image/png;base64,~N`, and the pictures."""
    found: list[Picture] = []

    def numbered(match: re.Match[str]) -> str:
        if len(found) == MOST_PICTURES:
            return match[0]
        found.append(_picture(match))
        return f"data:image/{found[-1].kind};base64,~{len(found) - 1}"

    return (_DATA_URL.sub(numbered, said), found) if "data:" in said else (said, found)


def part_pictures(message: Fields) -> list[Picture]:
    """Return the pictures among the parts of a message's content."""
    found = (_DATA_URL.fullmatch(_address(part)) for part in _other_parts(message))
    return [_picture(match) for match in found if match][:MOST_PICTURES]


def _picture(match: re.Match[str]) -> Picture:
    kind = match[1].lower()
    return Picture("jpeg" if kind == "jpg" else kind, match[2])


def _other_parts(message: Fields) -> list[Fields]:
    content = message.get("content")
    parts = content if isinstance(content, list) and all(map(_is_part, content)) else []
    return [part for part in parts if part["type"] not in WORDS]


def _address(part: Fields) -> str:
    """Return the address of a part's picture, in any of the forms that models take it in."""
    source = part.get("source")
    if isinstance(source, dict) and source.get("type") == "base64":
        return f"data:{_string(source.get('media_type'))};base64,{_string(source.get('data'))}"
    for value in (part.get("image_url"), source):
        address = value.get("url") if isinstance(value, dict) else value
        if isinstance(address, str):
            return address
    return ""


def attachments(message: Fields) -> list[str]:
    """Return the names of what was attached; a part that is neither text nor a picture has its type's."""
    listed = message.get("attachments")
    named = [_attachment_name(each) for each in listed] if isinstance(listed, list) else []
    others = [part for part in _other_parts(message)[len(named) :] if not _DATA_URL.fullmatch(_address(part))]
    return named + [line(part["type"]) for part in others]


def _attachment_name(attachment: Any) -> str:
    """Return what an attachment is called: web UIs store a name, a path, or an object with either."""
    if isinstance(attachment, dict):
        attachment = attachment.get("name") or attachment.get("filename") or attachment.get("path")
    name = attachment[:1_000] if isinstance(attachment, str) else ""
    return name.replace("\\", "/").rstrip("/").rpartition("/")[2][:200] or "attachment"
