"""Messages as a page shows them: masked, shortened, and with the results of tools under their calls. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from hermes_sessions.fields import clean_text
from hermes_sessions.messages import (
    STEPS_A_PAGE,
    STEPS_ON_REQUEST,
    Call,
    Message,
    RenderedTexts,
    Result,
    WaitingResults,
    as_text,
    group_answers,
    markdown_renderer,
    number_pictures,
    one_line,
    read_messages,
    tool_names,
)

# All in characters. To format LONGEST_TEXT takes about 30 ms.
LONGEST_TEXT = 20_000
MOST_TEXT_A_PAGE = 200_000  # after so much, each message is shortened to SHORTEST_CUT
SHORTEST_CUT = 2_000
LONGEST_FOLDED = 10_000
LONGEST_PREVIEW = 100
_RENDERED = RenderedTexts()
MARGIN = 1_000  # a text that is longer by no more is shown whole

Mask = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning of a text; `total` counts the characters of the whole text, None if nothing was cut."""

    text: str
    total: int | None = None


@dataclass(frozen=True, slots=True)
class ShownResult:
    """The result of a tool; `index` is None for one that is not a message of its own."""

    index: int | None
    name: str
    text: Excerpt
    at: float | None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ShownCall:
    """A call of a tool: its arguments, in one line and in full, and its result if there is one."""

    name: str
    preview: str
    arguments: Excerpt
    result: ShownResult | None

    @property
    def failed(self) -> bool:
        """Whether the result says that the call failed."""
        return self.result is not None and self.result.failed


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message as the page shows it; `index` is its position in the whole transcript.

    `is_plain` says that formatting takes more steps than the page has left: `html` is the text as written.
    The results under its calls are messages too: `last` is the index of the last one. `total` counts the
    characters of the text if `html` shows only its beginning. `pictures` are addresses.
    """

    index: int
    last: int
    role: str
    author: str
    html: Markup
    is_plain: bool
    total: int | None
    reasoning: Excerpt | None
    calls: Sequence[ShownCall]
    results: Sequence[ShownResult]
    pictures: Sequence[str]
    attachments: Sequence[str]
    unsent: str
    at: float | None
    failed: bool


@dataclass(frozen=True, slots=True)
class View:
    """How a page masks credentials, and where it shows the pictures of a message, by number."""

    mask: Mask
    picture_address: Callable[[int, int], str]


def shown_messages(
    messages: Sequence[Any],
    offset: int,
    view: View,
    tool_calls: Sequence[Any] = (),
    formatted: int | None = None,
) -> Iterator[ShownMessage]:
    """Yield messages as a page shows them; the first has index `offset`.

    `tool_calls` is the session's own list of calls. The message with index `formatted` is formatted even if
    that takes more steps than the page has.
    """
    of_page, left = markdown_renderer(STEPS_A_PAGE, _RENDERED), MOST_TEXT_A_PAGE
    names = tool_names(tool_calls)
    for group in group_answers(read_messages(messages, tool_calls, offset)):
        longest = max(SHORTEST_CUT, min(LONGEST_TEXT, left))
        left -= min(len(group[0][1].text), longest)
        renderer = markdown_renderer(STEPS_ON_REQUEST) if group[0][0] == formatted else of_page
        yield _shown_message(group, view, renderer.html, names, longest=longest)


def _shown_message(
    group: Sequence[tuple[int, Message]],
    view: View,
    render: Callable[[str, Sequence[str]], Markup | None],
    names: Mapping[str, str],
    *,
    longest: int,
) -> ShownMessage:
    index, message = group[0]
    text, inline_pictures = number_pictures(message.text)
    excerpt = _excerpt(text, longest, view.mask)
    part_count = len(message.part_pictures)
    count = len(inline_pictures) + len(message.result_pictures) + part_count
    addresses = [view.picture_address(index, number) for number in range(count)]
    html = render(excerpt.text, addresses[: len(inline_pictures)])
    return ShownMessage(
        index=index,
        last=group[-1][0],
        role=message.role,
        author=clean_text(view.mask(message.author)),
        html=escape(excerpt.text) if html is None else html,
        is_plain=html is None,
        total=excerpt.total,
        reasoning=_reasoning(message, view.mask),
        calls=_calls(group, view.mask),
        results=[_shown_result(index, message, result, names, view.mask) for result in message.results],
        pictures=addresses[count - part_count :],
        attachments=[clean_text(view.mask(name)) for name in message.attachments],
        unsent=_excerpt(message.unsent, LONGEST_TEXT, view.mask).text,
        at=message.sent_at,
        failed=message.failed,
    )


def _excerpt(text: str, longest: int, mask: Mask) -> Excerpt:
    """Return the beginning of a text: about `longest` characters, in whole lines if it has any.

    It is masked before it is cut: a private key is recognised by a line that can be far away.
    """
    if len(text) <= longest + MARGIN:
        return Excerpt(clean_text(mask(text)))
    masked = clean_text(mask(text)[:longest])
    return Excerpt(masked[: masked.rfind("\n", len(masked) // 2) + 1] or masked, len(text))


def _reasoning(message: Message, mask: Mask) -> Excerpt | None:
    text = "\n\n".join(message.reasoning)
    return _excerpt(text, LONGEST_FOLDED, mask) if text else None


# ---- calls ----------------------------------------------------------------------------------------------


_Answer = tuple[int, Message, Result]


def _calls(group: Sequence[tuple[int, Message]], mask: Mask) -> list[ShownCall]:
    results = WaitingResults[_Answer](
        (result.call_id, (index, message, result))
        for index, message in group[1:]
        for result in message.results
    )
    return [_shown_call(call, _take_result(results, call, mask), mask) for call in group[0][1].calls]


def _take_result(results: WaitingResults[_Answer], call: Call, mask: Mask) -> ShownResult | None:
    """Return what the page shows of the result of a call, and remove it from `results`."""
    if call.snippet is not None:
        shown = _excerpt(call.snippet, LONGEST_FOLDED, mask)
        return ShownResult(None, "", shown, None, call.failed) if call.snippet else None
    found = results.take(call.call_id)
    return _shown_result(*found, {}, mask) if found else None


def _shown_call(call: Call, result: ShownResult | None, mask: Mask) -> ShownCall:
    # Masked before it becomes JSON, in which a key at the beginning of a line follows the n of \n.
    arguments = mask(call.arguments)
    return ShownCall(
        name=clean_text(mask(call.name)) or "tool",
        preview=_preview(arguments),
        arguments=_excerpt(as_text(arguments), LONGEST_FOLDED, lambda text: text),
        result=result,
    )


def _preview(arguments: Any) -> str:
    """Return the arguments in one line; only the value if there is one argument."""
    if isinstance(arguments, dict) and len(arguments) == 1:
        arguments = next(iter(arguments.values()))
    line = clean_text(one_line(as_text(arguments), 4 * LONGEST_PREVIEW))
    if line in ("{}", "[]"):
        return ""
    return line if len(line) <= LONGEST_PREVIEW else f"{line[: LONGEST_PREVIEW - 1]}…"


def _shown_result(
    index: int, message: Message, result: Result, names: Mapping[str, str], mask: Mask
) -> ShownResult:
    name = result.name or names.get(result.call_id, "")
    text, _ = number_pictures(result.text)
    shown = _excerpt(text, LONGEST_FOLDED, mask)
    return ShownResult(index, clean_text(mask(name)), shown, message.sent_at, result.failed)
