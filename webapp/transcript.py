"""Messages as a page shows them: whatever a sidecar holds becomes safe HTML and folded details."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from hermes_sessions.model import clean_text, message_text

LONGEST_FORMATTED = 100_000  # Markdown of a megabyte takes a second
LONGEST_SHOWN = 400_000
LONGEST_FOLDED = 40_000

ROLES = {"user": "You", "assistant": "Hermes", "system": "System", "tool": "Tool"}
# Images would be fetched from elsewhere: they become links. HTML in a message is shown, not obeyed.
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
_MARKDOWN.disable("image")
_TAGS = set(
    "a blockquote br code em h1 h2 h3 h4 h5 h6 hr li ol p pre s strong table tbody td th thead tr ul".split()
)
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}


@dataclass(frozen=True, slots=True)
class Fold:
    """Something that is shown when it is asked for: a tool's call, its answer, or reasoning."""

    kind: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as the page shows it; `index` is its place in the whole transcript."""

    index: int
    role: str
    author: str
    html: Markup
    folds: list[Fold]
    attachments: list[str]
    at: float | None
    failed: bool


def shown(messages: Iterable[Any], offset: int) -> Iterator[Shown]:
    """Return messages, already masked, as a page shows them; the first has index `offset`."""
    return (_shown(message, index) for index, message in enumerate(messages, offset))


def _shown(message: Any, index: int) -> Shown:
    fields = message if isinstance(message, dict) else {"content": message}
    role = fields.get("role")
    role = role if isinstance(role, str) and role in ROLES else "other"
    text = clean_text(_text(fields))
    return Shown(
        index=index,
        role=role,
        author=ROLES.get(role) or clean_text(_line(fields.get("role"))) or "Unknown",
        html=Markup("") if role == "tool" else formatted(text),
        folds=list(_folds(fields, role, text)),
        attachments=list(_attachments(fields)),
        at=_time(fields),
        failed=fields.get("_error") is True,
    )


def _text(fields: dict[str, Any]) -> str:
    content = fields.get("content")
    if isinstance(content, list):
        return message_text(fields) if all(map(_is_part, content)) else _pretty(content)
    return content if isinstance(content, str) else "" if content is None else _pretty(content)


def _is_part(part: object) -> bool:
    return isinstance(part, dict) and isinstance(part.get("type"), str)


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _pretty_arguments(arguments: Any) -> str:
    """Return the arguments of a call, which are JSON, mostly inside a text."""
    if not isinstance(arguments, str):
        return "" if arguments is None else _pretty(arguments)
    try:
        return _pretty(json.loads(arguments))
    except (ValueError, RecursionError):
        return arguments


def _line(value: object) -> str:
    return value[:80] if isinstance(value, str) else ""


def _time(fields: dict[str, Any]) -> float | None:
    for value in (fields.get("_ts"), fields.get("timestamp")):
        if value and isinstance(value, int | float) and not isinstance(value, bool):
            return value if math.isfinite(value) else None
    return None


# ---- folded ---------------------------------------------------------------------------------------------


def _folds(fields: dict[str, Any], role: str, text: str) -> Iterator[Fold]:
    for key in ("reasoning", "reasoning_content", "thinking"):
        if fields.get(key):
            yield Fold("reasoning", "Reasoning", _cut(_pretty_text(fields[key]), LONGEST_FOLDED))
            break
    calls = fields.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        yield _call(call)
    if role == "tool":
        name = _line(fields.get("name")) or _line(fields.get("tool_name"))
        yield Fold(
            "answer", f"Result of {clean_text(name)}" if name else "Result", _cut(text, LONGEST_FOLDED)
        )


def _call(call: Any) -> Fold:
    fields = call if isinstance(call, dict) else {"arguments": call}
    function = fields.get("function")
    function = function if isinstance(function, dict) else fields
    name = _line(function.get("name")) or "tool"
    arguments = function.get("arguments", function.get("args"))
    return Fold("call", clean_text(name), _cut(clean_text(_pretty_arguments(arguments)), LONGEST_FOLDED))


def _pretty_text(value: Any) -> str:
    return clean_text(value if isinstance(value, str) else _pretty(value))


def _attachments(fields: dict[str, Any]) -> Iterator[str]:
    listed = fields.get("attachments")
    named = [_attachment_name(each) for each in listed] if isinstance(listed, list) else []
    yield from named
    content = fields.get("content")
    parts = content if isinstance(content, list) else []
    pictures = [part for part in parts if _is_part(part) and part["type"] not in ("text", "input_text")]
    yield from (
        "picture" if "image" in part["type"] else clean_text(_line(part["type"]))
        for part in pictures[len(named) :]
    )


def _attachment_name(attachment: Any) -> str:
    """Return what an attachment is called: web UIs store a name, a path, or an object with either."""
    if isinstance(attachment, dict):
        attachment = attachment.get("name") or attachment.get("filename") or attachment.get("path")
    name = clean_text(attachment) if isinstance(attachment, str) else ""
    return name.replace("\\", "/").rstrip("/").rpartition("/")[2] or "attachment"


# ---- formatted ------------------------------------------------------------------------------------------


def formatted(text: str) -> Markup:
    """Return Markdown as sanitised HTML; a very long text as it is, in one block."""
    if len(text) > LONGEST_FORMATTED:
        return Markup("<pre>") + escape(_cut(text, LONGEST_SHOWN)) + Markup("</pre>")
    html = nh3.clean(
        _MARKDOWN.render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return Markup(html)  # noqa: S704  # nh3 has just sanitised it


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    return f"{text[:longest]}\n… {len(text) - longest:,} more characters, which the export has"
