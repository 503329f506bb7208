"""Messages as a page shows them: masked, cut to what can be read, the tools' answers under their calls."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from hermes_sessions.fields import clean_text
from hermes_sessions.messages import Call as MessageCall
from hermes_sessions.messages import (
    Message,
    answered,
    as_text,
    group_answers,
    markdown_renderer,
    number_pictures,
    one_line,
    read_messages,
    tool_names,
)
from hermes_sessions.messages import Result as MessageResult

LONGEST_TEXT = 20_000  # characters; formatted in about 30 ms
FORMATTED_A_PAGE = 200_000  # of all its messages; when that is used up, each is cut to the shortest
SHORTEST_CUT = 2_000
LONGEST_FOLDED = 10_000
LONGEST_PREVIEW = 100
MARGIN = 1_000  # by so much, a credential that begins in the shown part of a long text is recognised

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
    results: Sequence[Result]
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


def shown(
    messages: Sequence[Any], offset: int, look: Look, tool_calls: Sequence[Any] = ()
) -> Iterator[Shown]:
    """Return messages as a page shows them; the first has index `offset`.

    `tool_calls` is the session's own list of calls.
    """
    renderer, left = markdown_renderer(), FORMATTED_A_PAGE
    names = tool_names(tool_calls)
    for group in group_answers(read_messages(messages, tool_calls, offset)):
        longest = max(SHORTEST_CUT, min(LONGEST_TEXT, left))
        left -= min(len(group[0][1].text), longest)
        yield _shown(group, look, renderer.html, names, longest=longest)


def _shown(
    group: Sequence[tuple[int, Message]],
    look: Look,
    render: Callable[[str, Sequence[str]], Markup],
    names: Mapping[str, str],
    *,
    longest: int,
) -> Shown:
    index, message = group[0]
    said, inside = number_pictures(message.text)
    cut = _cut(said, longest, look.mask)
    parts = len(message.part_pictures)
    count = len(inside) + len(message.result_pictures) + parts
    addresses = [look.picture(index, number) for number in range(count)]
    return Shown(
        index=index,
        last=group[-1][0],
        role=message.role,
        author=clean_text(look.mask(message.author)),
        html=render(cut.text, addresses[: len(inside)]),
        total=cut.total,
        reasoning=_reasoning(message, look.mask),
        calls=_calls(group, look.mask),
        results=[_result(index, message, result, names, look.mask) for result in message.results],
        pictures=addresses[count - parts :],
        attachments=[clean_text(look.mask(name)) for name in message.attachments],
        unsent=_cut(message.unsent, LONGEST_TEXT, look.mask).text,
        at=message.sent_at,
        failed=message.failed,
    )


def _cut(text: str, longest: int, mask: Mask) -> Cut:
    """Return the beginning of a text, masked, as far as it is shown: whole lines where there are any."""
    if len(text) <= longest + MARGIN:
        return Cut(clean_text(mask(text)))
    masked = clean_text(mask(text[: longest + MARGIN]))[:-MARGIN]
    return Cut(masked[: masked.rfind("\n", len(masked) // 2) + 1] or masked, len(text))


def _reasoning(message: Message, mask: Mask) -> Cut | None:
    text = "\n\n".join(message.reasoning)
    return _cut(text, LONGEST_FOLDED, mask) if text else None


# ---- calls ----------------------------------------------------------------------------------------------


def _calls(group: Sequence[tuple[int, Message]], mask: Mask) -> list[Call]:
    answers = [(index, message, result) for index, message in group[1:] for result in message.results]
    return [_call(call, _taken(answers, call, mask), mask) for call in group[0][1].calls]


def _taken(answers: list[tuple[int, Message, MessageResult]], call: MessageCall, mask: Mask) -> Result | None:
    """Take the result of a call out of those that are left."""
    if call.snippet is not None:
        return Result(None, "", _cut(call.snippet, LONGEST_FOLDED, mask), None) if call.snippet else None
    for place, (index, message, result) in enumerate(answers):
        if answered(result.call_id, [call.call_id]) is not None:
            del answers[place]
            return _result(index, message, result, {}, mask)
    return None


def _call(call: MessageCall, result: Result | None, mask: Mask) -> Call:
    # Masked before it becomes JSON: there, a key at the beginning of a line would follow the n of \n.
    arguments = mask(call.arguments)
    return Call(
        name=clean_text(mask(call.name)) or "tool",
        preview=_preview(arguments),
        arguments=_cut(as_text(arguments), LONGEST_FOLDED, lambda text: text),
        result=result,
    )


def _preview(arguments: Any) -> str:
    """Return the arguments in a line: the value if there is only one."""
    if isinstance(arguments, dict) and len(arguments) == 1:
        arguments = next(iter(arguments.values()))
    line = clean_text(one_line(as_text(arguments), 4 * LONGEST_PREVIEW))
    if line in ("{}", "[]"):
        return ""
    return line if len(line) <= LONGEST_PREVIEW else f"{line[: LONGEST_PREVIEW - 1]}…"


def _result(
    index: int, message: Message, result: MessageResult, names: Mapping[str, str], mask: Mask
) -> Result:
    name = result.name or names.get(result.call_id, "")
    text, _ = number_pictures(result.text)
    return Result(index, clean_text(mask(name)), _cut(text, LONGEST_FOLDED, mask), message.sent_at)
