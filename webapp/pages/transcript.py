"""Messages as a page shows them: masked, cut to what can be read, the tools' answers under their calls."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from hermes_sessions.fields import clean_text
from hermes_sessions.messages import Fields, content, markdown_renderer

LONGEST_TEXT = 20_000  # characters; formatted in about 30 ms
FORMATTED_A_PAGE = 200_000  # of all its messages; when that is used up, each is cut to the shortest
SHORTEST_CUT = 2_000
LONGEST_FOLDED = 10_000
LONGEST_PREVIEW = 100
MARGIN = 1_000  # by so much, a credential that begins in the shown part of a long text is recognised

AUTHORS = {"user": "You", "assistant": "Hermes", "system": "System", "tool": "Tool"}

Mask = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Cut:
    """A text as far as it is shown; `total` is how many characters all of it has, None if that is all."""

    text: str
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool answered; `index` is None for an answer that is no message of its own."""

    index: int | None
    name: str
    text: Cut
    at: float | None


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that was called: its arguments, as a line and in full, and its answer if there is one yet."""

    name: str
    preview: str
    arguments: Cut
    result: Result | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as the page shows it; `index` is its place in the whole transcript.

    The tools' answers under its calls are messages too: `last` is the index of the last one. `total` is how
    many characters the text has if `html` is only its beginning. `pictures` are addresses.
    """

    index: int
    last: int
    role: str
    author: str
    html: Markup
    total: int | None
    reasoning: Cut | None
    calls: Sequence[Call]
    result: Result | None
    pictures: Sequence[str]
    attachments: Sequence[str]
    unsent: str
    at: float | None
    failed: bool


@dataclass(frozen=True, slots=True)
class Look:
    """How messages are shown: what masks credentials, and where a message's picture is by its number."""

    mask: Mask
    picture: Callable[[int, int], str]


def shown(messages: Sequence[Any], offset: int, look: Look, beside: Sequence[Any] = ()) -> Iterator[Shown]:
    """Return messages as a page shows them; the first has index `offset`.

    `beside` is the session's own list of calls, from which come those that the messages do not hold.
    """
    renderer, left = markdown_renderer(), FORMATTED_A_PAGE
    listed = content.calls_beside(beside)
    names = {content.call_id(call): content.call_name(call) for calls in listed.values() for call in calls}
    for turn in content.turns(messages, offset):
        index = turn[0][0]
        calls = _calls(turn, look.mask) or _calls_kept_beside(listed.get(index, []), look.mask)
        longest = max(SHORTEST_CUT, min(LONGEST_TEXT, left))
        left -= min(len(content.text(turn[0][1])), longest)
        yield _shown(turn, look, renderer.html, calls, names, longest=longest)


def _shown(
    turn: Sequence[tuple[int, Fields]],
    look: Look,
    render: Callable[[str, Sequence[str]], Markup],
    calls: Sequence[Call],
    names: Mapping[str, str],
    *,
    longest: int,
) -> Shown:
    index, message = turn[0]
    role = content.role(message)
    said, inside = content.without_pictures(content.text(message))
    cut = Cut("") if role == "tool" else _cut(said, longest, look.mask)
    count = len(inside) + len(content.part_pictures(message))
    addresses = [look.picture(index, number) for number in range(count)]
    return Shown(
        index=index,
        last=turn[-1][0],
        role=role,
        author=AUTHORS.get(role) or clean_text(look.mask(content.line(message.get("role")))) or "Unknown",
        html=render(cut.text, addresses),
        total=cut.total,
        reasoning=_reasoning(message, look.mask),
        calls=calls,
        result=_result(index, message, names, look.mask) if role == "tool" else None,
        pictures=addresses[len(inside) :],
        attachments=[clean_text(look.mask(name)) for name in content.attachments(message)],
        unsent=_cut(content.as_text(message.get("_unsent")), LONGEST_TEXT, look.mask).text,
        at=content.sent_at(message),
        failed=message.get("_error") is True,
    )


def _cut(text: str, longest: int, mask: Mask) -> Cut:
    """Return the beginning of a text, masked, as far as it is shown: whole lines where there are any."""
    if len(text) <= longest + MARGIN:
        return Cut(clean_text(mask(text)))
    masked = clean_text(mask(text[: longest + MARGIN]))[:-MARGIN]
    return Cut(masked[: masked.rfind("\n", len(masked) // 2) + 1] or masked, len(text))


def _reasoning(message: Fields, mask: Mask) -> Cut | None:
    text = content.reasoning(message)
    return _cut(text, LONGEST_FOLDED, mask) if text else None


# ---- calls ----------------------------------------------------------------------------------------------


def _calls(turn: Sequence[tuple[int, Fields]], mask: Mask) -> list[Call]:
    answers = list(turn[1:])
    return [_call(call, _taken(answers, call, mask), mask) for call in content.calls(turn[0][1])]


def _taken(answers: list[tuple[int, Fields]], call: Fields, mask: Mask) -> Result | None:
    """Take the answer to a call out of those that are left."""
    for place, (index, message) in enumerate(answers):
        if content.answered(message, [content.call_id(call)]) is not None:
            del answers[place]
            return _result(index, message, {}, mask)
    return None


def _calls_kept_beside(calls: Sequence[Fields], mask: Mask) -> list[Call]:
    return [_call(call, _snippet(call, mask), mask) for call in calls]


def _snippet(call: Fields, mask: Mask) -> Result | None:
    """Return the beginning of an answer, which is all that the session's own list keeps."""
    text = content.as_text(call.get("snippet"))
    return Result(None, "", _cut(text, LONGEST_FOLDED, mask), None) if text else None


def _call(call: Fields, result: Result | None, mask: Mask) -> Call:
    # Masked before it becomes JSON: there, a key at the beginning of a line would follow the n of \n.
    arguments = mask(content.arguments(call))
    return Call(
        name=clean_text(mask(content.call_name(call))) or "tool",
        preview=_preview(arguments),
        arguments=_cut(content.as_text(arguments), LONGEST_FOLDED, lambda text: text),
        result=result,
    )


def _preview(arguments: Any) -> str:
    """Return the arguments in a line: the value if there is only one."""
    if isinstance(arguments, dict) and len(arguments) == 1:
        arguments = next(iter(arguments.values()))
    line = clean_text(content.line(content.as_text(arguments), 4 * LONGEST_PREVIEW))
    if line in ("{}", "[]"):
        return ""
    return line if len(line) <= LONGEST_PREVIEW else f"{line[: LONGEST_PREVIEW - 1]}…"


def _result(index: int, message: Fields, names: Mapping[str, str], mask: Mask) -> Result:
    name = content.line(message.get("name")) or content.line(message.get("tool_name"))
    name = name or names.get(content.called_id(message), "")
    text, _ = content.without_pictures(content.text(message))
    return Result(index, clean_text(mask(name)), _cut(text, LONGEST_FOLDED, mask), content.sent_at(message))
