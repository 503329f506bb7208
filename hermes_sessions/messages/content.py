"""The one reader of messages: what each says, thinks, calls, gets back and attaches, in every form of it.

Programs write the same thing in many forms: a text or a list of parts, calls of tools in the message, among
the parts or beside all messages. Whatever shows, searches, exports or titles messages asks here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from .. import json_text
from ..fields import UNTITLED
from ..times import sent_at
from .failures import says_failure
from .pictures import MOST_PICTURES, Picture, number_pictures, picture_of

Role = Literal["user", "assistant", "system", "tool", "other"]
ROLES: Mapping[object, Role] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "tool": "tool",
}
AUTHORS: Mapping[Role, str] = {"user": "You", "assistant": "Hermes", "system": "System", "tool": "Tool"}
TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
REASONING_PARTS = frozenset({"thinking", "reasoning"})
REASONING = ("reasoning", "reasoning_content", "thinking")
ARGUMENTS = ("arguments", "args", "input")
CALL_IDS = ("id", "call_id", "tid")
ATTACHMENT_NAMES = ("name", "filename", "path")
UNNAMED = "attachment"
LONGEST_PARSED = 200_000  # characters of a call's arguments that are parsed
TITLE_FROM_MESSAGES = 64
NOT_JSON = "(cannot be shown: nested too deeply)"

RawMessage = Mapping[str, Any]


class Call(NamedTuple):
    """A call of a tool.

    `given` is the arguments as the file has them, mostly JSON inside a text. `snippet` is the beginning of
    the answer where the session's own list keeps the call, and None for a call that the message holds.
    """

    call_id: str
    name: str
    given: Any
    snippet: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the beginning of the answer that is kept with the call says that it failed."""
        return bool(self.snippet) and says_failure(self.snippet or "")

    @property
    def arguments(self) -> Any:
        """The arguments as a JSON value."""
        if not isinstance(self.given, str) or len(self.given) > LONGEST_PARSED:
            return self.given
        try:
            return json_text.decode(self.given)
        except json_text.Malformed:
            return self.given

    @property
    def arguments_line(self) -> str:
        """The arguments as a text: as the file has them where that is a text, else JSON on one line."""
        if self.given is None or isinstance(self.given, str):
            return self.given or ""
        try:
            return json_text.encode_line(self.given, "the arguments").decode()
        except ValueError:
            return NOT_JSON


class Result(NamedTuple):
    """What a tool answered; `call_id` and `name` are empty if the message does not say which tool it was.

    `is_error` says that the result itself is marked as an error.
    """

    call_id: str
    name: str
    text: str
    is_error: bool = False

    @property
    def failed(self) -> bool:
        """Whether the call failed: the result is marked so, or its text says it."""
        return self.is_error or says_failure(self.text)


class Message(NamedTuple):
    """What one message holds, in whatever form it was written.

    `role` is `other` for roles that are not known, and `stated_role` is the role as written. `sent_at` is in
    seconds since the epoch. `texts` has one text for each part. What a tool answers is in `results` alone.
    `attached` and `parts` are the attachments and the parts that are no text, as the file has them. `unsent`
    is what the user typed and nobody answered.
    """

    role: Role = "other"
    stated_role: str = ""
    sent_at: float | None = None
    texts: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    results: tuple[Result, ...] = ()
    attached: tuple[Any, ...] = ()
    parts: tuple[RawMessage, ...] = ()
    unsent: str = ""
    failed: bool = False

    @property
    def author(self) -> str:
        """Who speaks, for people to read."""
        return AUTHORS.get(self.role) or self.stated_role or "Unknown"

    @property
    def text(self) -> str:
        """What the message says, its parts as paragraphs."""
        return "\n\n".join(self.texts)

    @property
    def is_answer(self) -> bool:
        """Whether all that the message says are results of tools."""
        return bool(self.results) and not self.texts

    @property
    def pictures(self) -> list[Picture]:
        """All pictures in the order of their numbers: in texts, in results of tools, parts of their own."""
        return number_pictures(self.text)[1] + self.result_pictures + self.part_pictures

    @property
    def result_pictures(self) -> list[Picture]:
        """The pictures inside the texts of results."""
        return [picture for result in self.results for picture in number_pictures(result.text)[1]]

    @property
    def part_pictures(self) -> list[Picture]:
        """The pictures that are parts of their own."""
        found = map(picture_of, self.parts)
        return [picture for picture in found if picture is not None][:MOST_PICTURES]

    @property
    def file_names(self) -> list[str]:
        """The names of the files that were attached, those without a name left out."""
        return [name for name in map(_file_name, (*self.attached, *self.parts)) if name]

    @property
    def attachments(self) -> list[str]:
        """What was attached, for people to read; a part without a file name is called by its type."""
        named = [_file_name(each) or UNNAMED for each in self.attached]
        # The first parts are the files that the names stand for.
        others = (part for part in self.parts[len(named) :] if picture_of(part) is None)
        return named + [_file_name(part) or one_line(part.get("type")) for part in others]

    @property
    def whole(self) -> str:
        """Everything that the message holds, as one text."""
        return "\n\n".join(part for part in self._whole() if part)

    def _whole(self) -> Iterator[str]:
        yield self.text
        if self.reasoning:
            yield "\n\n".join(["[reasoning]\n" + self.reasoning[0], *self.reasoning[1:]])
        for call in self.calls:
            yield f"[{call.name or 'tool'}]\n{as_text(call.arguments)}"
            yield call.snippet or ""
        yield from (result.text for result in self.results)
        yield from (f"[attached]\n{name}" for name in self.attachments)
        yield self.unsent

    def searchable(self) -> Iterator[str]:
        """Yield the texts in which somebody who looks through a conversation finds the message."""
        if self.texts:
            yield number_pictures(self.text)[0]
        yield from self.reasoning
        for call in self.calls:
            yield f"{call.name} {as_text(call.arguments)}"
            if call.snippet:
                yield call.snippet
        for result in self.results:
            yield number_pictures(result.text)[0]
        if self.attached or self.parts:
            yield from self.file_names
        if self.unsent:
            yield self.unsent


# ---- messages -------------------------------------------------------------------------------------------


def read_message(raw: Any, cards: Sequence[RawMessage] = ()) -> Message:
    """Read a message; anything but an object is read as the content of one.

    `cards` are the calls of this message in the session's own list (see `cards_by_message`): they count where
    the message holds no calls itself.
    """
    message: RawMessage = raw if isinstance(raw, dict) else {"content": raw}
    stated = message.get("role")
    role = _role(stated)
    content = _read_content(message.get("content"))
    texts, results = content.texts, content.results
    if role == "tool":
        texts, results = (), _results_of_tool(message, content)
    calls = _calls(message, content)
    if cards and not calls:
        calls = tuple(_read_call(card, as_text(card.get("snippet"))) for card in cards)
    # By position: with names it takes a quarter longer, and every message that is indexed comes through here.
    return Message(
        role,
        role if role == stated else one_line(stated),
        sent_at(message),
        texts,
        _reasoning(message, content),
        calls,
        results,
        tuple(_list(message.get("attachments"))),
        content.others,
        as_text(message.get("_unsent")),
        message.get("_error") is True,
    )


def read_messages(
    messages: Iterable[Any], tool_calls: Sequence[Any] = (), offset: int = 0
) -> Iterator[tuple[int, Message]]:
    """Yield each message with its index; the first has index `offset`.

    `tool_calls` is the session's own list of calls.
    """
    cards = cards_by_message(tool_calls)
    for index, raw in enumerate(messages, offset):
        yield index, read_message(raw, cards.get(index, ()))


def cards_by_message(tool_calls: Sequence[Any]) -> dict[int, list[RawMessage]]:
    """Return the calls of a session's own list, as the file has them, by the index of their message.

    A call that does not say to which message it belongs counts for the first one: that keeps its index
    whatever is added to the conversation or cut off its end.
    """
    found: dict[int, list[RawMessage]] = {}
    for card in tool_calls:
        if isinstance(card, dict):
            found.setdefault(message_of_card(card) or 0, []).append(card)
    return found


def message_of_card(card: Any) -> int | None:
    """Return the index of the message whose call stands in the session's own list; None if it names none."""
    index = card.get("assistant_msg_idx") if isinstance(card, dict) else None
    return index if isinstance(index, int) and not isinstance(index, bool) and index >= 0 else None


def tool_names(tool_calls: Sequence[Any]) -> dict[str, str]:
    """Return the names of the tools in a session's own list of calls, by the ids of the calls."""
    calls = (_read_call(card) for card in tool_calls if isinstance(card, dict))
    return {call.call_id: call.name for call in calls}


def message_text(raw: Any) -> str:
    """Return what a message says as one text, its parts joined by a space as in the web UI's titles."""
    message = raw if isinstance(raw, dict) else {"content": raw}
    return " ".join(_read_content(message.get("content")).texts)


def title_from(messages: Iterable[Any], fallback: str = UNTITLED) -> str:
    """Return the first user message's text, trimmed, at most 64 characters; `fallback` if there is none."""
    for message in messages:
        if isinstance(message, dict) and message.get("role") == "user":
            text = message_text(message).strip()
            if text:
                return _cut(text, TITLE_FROM_MESSAGES).rstrip() or fallback
    return fallback


# ---- content --------------------------------------------------------------------------------------------


class _ContentParts(NamedTuple):
    """What the parts of a content are; `others` are pictures and files."""

    texts: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    results: tuple[Result, ...] = ()
    others: tuple[RawMessage, ...] = ()


_EMPTY = _ContentParts()


def _read_content(content: Any) -> _ContentParts:
    if isinstance(content, str):
        return _ContentParts((content,)) if content else _EMPTY
    if isinstance(content, list) and (not content or any(map(_is_part, content))):
        return _read_parts(content)
    text = as_text(content)
    return _ContentParts((text,)) if text else _EMPTY


def _read_parts(parts: Sequence[Any]) -> _ContentParts:
    texts: list[str] = []
    reasoning: list[str] = []
    calls: list[Call] = []
    results: list[Result] = []
    others: list[RawMessage] = []
    for part in parts:
        kind = part["type"] if _is_part(part) else None
        if kind is None:
            texts.append(as_text(part))
        elif kind in TEXT_PARTS:
            texts.append(as_text(part.get("text")))
        elif kind in REASONING_PARTS:
            reasoning.extend(_words(part.get(key)) for key in (*REASONING, "text", "summary", "content"))
        elif kind == "tool_use":
            calls.append(_read_call(part))
        elif kind == "tool_result":
            results.append(_read_result(part))
            others.extend(_pictures_within(part))
        else:
            others.append(part)
    return _ContentParts(_filled(texts), _filled(reasoning), tuple(calls), tuple(results), tuple(others))


def _read_result(part: RawMessage) -> Result:
    content = part.get("content")
    is_parts = isinstance(content, list) and all(map(_is_part, content))
    text = _words(content) if is_parts else as_text(content)
    is_error = part.get("is_error") is True
    return Result(_string(part.get("tool_use_id")), one_line(part.get("name")), text, is_error)


def _pictures_within(part: RawMessage) -> Iterator[RawMessage]:
    for inner in _list(part.get("content")):
        if _is_part(inner) and inner["type"] not in TEXT_PARTS:
            yield inner


def _results_of_tool(message: RawMessage, content: _ContentParts) -> tuple[Result, ...]:
    """Return what a tool's message answers: its text, and the results among its parts."""
    if content.results and not content.texts:
        return content.results
    name = one_line(message.get("name") or message.get("tool_name"))
    is_error = message.get("is_error") is True
    answer = Result(_string(message.get("tool_call_id")), name, "\n\n".join(content.texts), is_error)
    return (answer, *content.results)


def _reasoning(message: RawMessage, content: _ContentParts) -> tuple[str, ...]:
    """Return what a model thought before it answered, each text once: some programs write it twice."""
    thoughts = [as_text(value) for key in REASONING if (value := message.get(key))]
    thoughts += content.reasoning
    return tuple(thoughts) if len(thoughts) < 2 else tuple(dict.fromkeys(thoughts))


def _calls(message: RawMessage, content: _ContentParts) -> tuple[Call, ...]:
    listed = message.get("tool_calls")
    if not listed or not isinstance(listed, list):
        return content.calls
    calls = [_read_call(call) if isinstance(call, dict) else Call("", "", call) for call in listed]
    return (*calls, *content.calls)


def _read_call(call: RawMessage, snippet: str | None = None) -> Call:
    function = call.get("function")
    function = function if isinstance(function, dict) else call
    call_id = next((value for key in CALL_IDS if isinstance(value := call.get(key), str)), "")
    given = _arguments(function)
    if given is None and function is not call:
        given = _arguments(call)
    return Call(call_id, one_line(function.get("name")), given, snippet)


def _arguments(holder: RawMessage) -> Any:
    for key in ARGUMENTS:
        given = holder.get(key)
        if given is not None:
            return given
    return None


def _file_name(attachment: Any) -> str:
    """Return what an attachment is called: programs store a name, a path, or an object with either."""
    if isinstance(attachment, dict):
        file = attachment.get("file")
        names = file if isinstance(file, dict) else attachment
        attachment = next((names[key] for key in ATTACHMENT_NAMES if names.get(key)), None)
    path = attachment[:1_000] if isinstance(attachment, str) else ""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2][:200]


# ---- values ---------------------------------------------------------------------------------------------


def as_text(value: Any) -> str:
    """Return a JSON value as text: a text itself, nothing for null, anything else as JSON with an indent."""
    if value is None or isinstance(value, str):
        return value or ""
    try:
        return json_text.encode(value, "the value").decode()
    except ValueError:
        return NOT_JSON


def one_line(value: object, longest: int = 80) -> str:
    """Return the beginning of a text on one line, nothing for what is no text."""
    return " ".join(_cut(value, longest).split()) if isinstance(value, str) else ""


def _cut(text: str, longest: int) -> str:
    """Cut a text that is masked later; only a long one loads the rules of credentials."""
    if len(text) <= longest:
        return text
    from .redact import cut  # noqa: PLC0415

    return cut(text, longest)


def _role(role: object) -> Role:
    return ROLES.get(role, "other") if isinstance(role, str) else "other"


def _is_part(part: object) -> bool:
    return isinstance(part, dict) and isinstance(part.get("type"), str)


def _words(value: Any) -> str:
    """Return a text, or the texts of a list of parts as paragraphs."""
    if isinstance(value, str):
        return value
    items = value if isinstance(value, list) else [value]
    texts = (item.get("text") if isinstance(item, dict) else item for item in items)
    return "\n\n".join(text for text in texts if isinstance(text, str) and text)


def _filled(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if text)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
