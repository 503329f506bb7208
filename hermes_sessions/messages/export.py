"""A session as text to keep elsewhere: JSON that can be imported, Markdown, or one HTML file by itself."""

import time
from collections.abc import Callable, Iterator, Mapping
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import json_text
from ..errors import InvalidValue
from ..fields import clean_text
from ..model import Session
from . import content
from .content import Fields
from .redact import mask_all
from .rendering import markdown_renderer

if TYPE_CHECKING:
    from .markdown import MarkdownRenderer

AUTHORS = {"user": "You", "assistant": "Hermes", "system": "System", "tool": "Tool"}
LONGEST_FORMATTED = 100_000  # characters; Markdown of a megabyte takes seconds


def check_format(name: object) -> str:
    """Return the name of a format, or raise `InvalidValue`."""
    if isinstance(name, str) and name in FORMATS:
        return name
    raise InvalidValue(f"format must be one of {', '.join(FORMATS)}")


def exported(session: Session, name: str, redact: bool) -> str:
    """Return a session in a format of `check_format`, with credentials masked if `redact`.

    Raises `SessionsError` for HTML where the libraries of the extra ``web`` are missing.
    """
    return FORMATS[name](session, mask_all if redact else lambda value: value)


Mask = Callable[[Any], Any]


def _json(session: Session, mask: Mask) -> str:
    """Return every key of the sidecar, as `import_document` takes it."""
    transcript = {"messages": session.messages, "tool_calls": session.tool_calls}
    whole = mask({**session.metadata(), **transcript, **session.extra})
    return json_text.encode(whole, "the session").decode()


# ---- what both texts have -------------------------------------------------------------------------------


class Part(NamedTuple):
    """Something beside what a message says: reasoning, a call, an answer."""

    name: str
    text: str


class Spoken(NamedTuple):
    """One message, masked: who, when, what it says with `data:...~N` for its picture N, and what is beside.

    Pictures are addresses: those `inside` the text, and the others.
    """

    author: str
    at: str
    text: str
    inside: list[str]
    pictures: list[str]
    attachments: list[str]
    parts: list[Part]


def _spoken(session: Session, mask: Mask) -> Iterator[Spoken]:
    beside = content.calls_beside(session.tool_calls)
    for index, message in enumerate(map(content.fields, session.messages)):
        masked = mask(dict(message))
        said, inside = content.without_pictures(content.text(masked))
        is_answer = content.role(message) == "tool"
        answers = [Part(f"Result {content.line(masked.get('name'))}".rstrip(), said)] if is_answer else []
        yield Spoken(
            author=AUTHORS.get(content.role(message)) or content.line(masked.get("role")) or "Unknown",
            at=_moment(content.sent_at(message)),
            text="" if is_answer else said,
            inside=list(map(_address, inside)),
            pictures=list(map(_address, content.part_pictures(masked))),
            attachments=content.attachments(masked),
            parts=[*_reasoning(masked), *_calls(message, beside.get(index, []), mask), *answers],
        )


def _address(picture: content.Picture) -> str:
    """Return the address of a picture, one without content for what only says that it is a picture."""
    return f"data:image/{picture.kind};base64,{picture.data if picture.content() else ''}"


def _reasoning(message: Fields) -> Iterator[Part]:
    thought = content.reasoning(message)
    if thought:
        yield Part("Reasoning", thought)


def _calls(message: Fields, beside: list[Fields], mask: Mask) -> Iterator[Part]:
    for call in content.calls(message) or beside:
        # Masked as what they mean: inside JSON a key at the beginning of a line follows the n of \n.
        arguments = content.as_text(mask(content.arguments(call)))
        yield Part(f"Calls {mask(content.call_name(call)) or 'tool'}", arguments)


def _facts(session: Session, mask: Mask) -> Mapping[str, str]:
    facts = {
        "Model": session.model,
        "Workspace": session.workspace,
        "Begun": _moment(session.created_at),
        "Last active": _moment(session.last_message_at),
        "Messages": str(session.message_count),
        "Session": session.session_id,
    }
    return {name: mask(value) for name, value in facts.items() if value}


def _moment(at: float | None) -> str:
    """Return a time (seconds since the epoch) as local date and time, empty for what is none."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else ""
    except (OverflowError, OSError, ValueError):  # a file can say any number
        return ""


# ---- Markdown -------------------------------------------------------------------------------------------


def _markdown(session: Session, mask: Mask) -> str:
    facts = [f"- {name}: {_line(value)}" for name, value in _facts(session, mask).items()]
    blocks = [f"# {_line(mask(session.title))}", "\n".join(facts)]
    for spoken in _spoken(session, mask):
        blocks += ["---", f"**{_line(spoken.author)}**" + (f" · {spoken.at}" if spoken.at else "")]
        blocks += _markdown_of(spoken)
    return clean_text("\n\n".join(blocks)) + "\n"


def _markdown_of(spoken: Spoken) -> Iterator[str]:
    if spoken.text:
        yield _with_pictures(spoken)
    yield from (f"![picture]({address})" for address in spoken.pictures)
    yield from (f"Attached: {_line(name)}" for name in spoken.attachments)
    for part in spoken.parts:
        yield f"*{_line(part.name)}*"
        if part.text:
            yield _fenced(part.text)


def _with_pictures(spoken: Spoken) -> str:
    text = spoken.text
    for number, address in enumerate(spoken.inside):
        kind = address.partition(";")[0]
        text = text.replace(f"{kind};base64,~{number})", f"{address})")
    return text


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text.rstrip()}\n{fence}"


def _line(text: str) -> str:
    """Return a text in a line, in which nothing is Markdown or HTML."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>#&" else char for char in " ".join(text.split()))


# ---- HTML -----------------------------------------------------------------------------------------------


def _html(session: Session, mask: Mask) -> str:
    renderer = markdown_renderer()
    title = escape(mask(session.title))
    facts = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in _facts(session, mask).items())
    said = "\n".join(_article(spoken, renderer) for spoken in _spoken(session, mask))
    template = Template(files(__package__).joinpath("export.html").read_text("utf-8"))
    return clean_text(template.substitute(title=title, facts=facts, said=said))


def _article(spoken: Spoken, renderer: "MarkdownRenderer") -> str:
    if len(spoken.text) > LONGEST_FORMATTED:
        text = f"<pre>{escape(spoken.text)}</pre>"
    else:
        text = str(renderer.html(clean_text(spoken.text), spoken.inside))
    pictures = "".join(f'<img alt="picture" src="{each}">' for each in spoken.pictures)
    attached = "".join(f"<p>Attached: {escape(name)}</p>" for name in spoken.attachments)
    folded = "".join(
        f"<details><summary>{escape(part.name)}</summary><pre>{escape(part.text)}</pre></details>"
        for part in spoken.parts
    )
    kind = spoken.author.lower() if spoken.author in AUTHORS.values() else "other"
    when = f" <small>{spoken.at}</small>" if spoken.at else ""
    head = f"<h2>{escape(spoken.author)}{when}</h2>"
    return f'<article class="{kind}">{head}\n{text}{pictures}{attached}{folded}</article>'


FORMATS: Mapping[str, Callable[[Session, Mask], str]] = {"json": _json, "markdown": _markdown, "html": _html}
