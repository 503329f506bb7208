"""A session as text to keep elsewhere: JSON to import, JSON lines, Markdown, HTML, or plain text."""

import re
from collections.abc import Callable, Iterator, Mapping
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import json_text
from ..errors import InvalidValue
from ..fields import clean_text
from ..model import Session
from ..times import local_minute
from .content import AUTHORS, Message, as_text, read_messages
from .pictures import Picture, number_pictures
from .redact import mask_all
from .rendering import STEPS_AN_EXPORT, markdown_renderer

if TYPE_CHECKING:
    from .markdown import MarkdownRenderer

LONGEST_FORMATTED = 100_000  # characters; Markdown of a megabyte takes seconds

Mask = Callable[[Any], Any]


def check_format(name: object) -> str:
    """Return the name of a format, or raise `InvalidValue`."""
    if isinstance(name, str) and name in FORMATS:
        return name
    raise InvalidValue(f"format must be one of {', '.join(FORMATS)}")


def export_session(session: Session, name: str, redact: bool) -> str:
    """Return a session in a format of `check_format`, with credentials masked if `redact`.

    Raises `SessionsError` for HTML if the libraries of the extra `web` are not installed.
    """
    return "".join(export_parts(session, name, redact))


def export_parts(session: Session, name: str, redact: bool) -> Iterator[str]:
    """Yield what `export_session` returns, of most formats message by message; raises as that."""
    return FORMATS[name](session, mask_all if redact else lambda value: value)


def _json(session: Session, mask: Mask) -> Iterator[str]:
    """Yield every key of the sidecar, as `import_document` takes it."""
    transcript = {"messages": session.messages, "tool_calls": session.tool_calls}
    whole = mask({**session.metadata(), **transcript, **session.extra})
    yield json_text.encode(whole, "the session").decode()


def _jsonl(session: Session, mask: Mask) -> Iterator[str]:
    """Yield one message per line."""
    for message in session.messages:
        yield f"{json_text.encode_line(mask(message), 'a message').decode()}\n"


# ---- what Markdown and HTML have in common --------------------------------------------------------------


class Section(NamedTuple):
    """A part of a message under a heading of its own, such as its reasoning or a call."""

    heading: str
    text: str


class ExportedMessage(NamedTuple):
    """One message, masked.

    In `text`, `data:...~N` stands for the picture at address `inside[N]`; `pictures` are the addresses of the
    others.
    """

    author: str
    at: str
    text: str
    inside: list[str]
    pictures: list[str]
    attachments: list[str]
    sections: list[Section]


def _exported(session: Session, mask: Mask) -> Iterator[ExportedMessage]:
    for _, message in read_messages(session.messages, session.tool_calls):
        yield _exported_message(message, mask)


def _exported_message(message: Message, mask: Mask) -> ExportedMessage:
    text, inside = number_pictures(mask(message.text))
    return ExportedMessage(
        author=mask(message.author),
        at=local_minute(message.sent_at),
        text=text,
        inside=list(map(_address, inside)),
        pictures=list(map(_address, message.part_pictures)),
        attachments=list(map(mask, message.attachments)),
        sections=list(_sections(message, mask)),
    )


def _address(picture: Picture) -> str:
    """Return the address of a picture, one without content for what only claims to be a picture."""
    return f"data:image/{picture.kind};base64,{picture.data if picture.content() else ''}"


def _sections(message: Message, mask: Mask) -> Iterator[Section]:
    if message.reasoning:
        yield Section("Reasoning", mask("\n\n".join(message.reasoning)))
    for call in message.calls:
        # Masked before it becomes JSON: there, a credential at the beginning of a line follows the n of \n.
        yield Section(f"Calls {mask(call.name) or 'tool'}", as_text(mask(call.arguments)))
        if call.snippet:
            yield Section(f"Result {mask(call.name)}".rstrip(), mask(call.snippet))
    for result in message.results:
        yield Section(f"Result {mask(result.name)}".rstrip(), number_pictures(mask(result.text))[0])
    if message.unsent:
        yield Section("Typed and not answered", mask(message.unsent))


def _facts(session: Session, mask: Mask) -> Mapping[str, str]:
    facts = {
        "Model": session.model,
        "Workspace": session.workspace,
        "Created": local_minute(session.created_at),
        "Last active": local_minute(session.last_message_at),
        "Messages": str(session.message_count),
        "Session": session.session_id,
    }
    return {name: mask(value) for name, value in facts.items() if value}


# ---- Markdown -------------------------------------------------------------------------------------------


def _markdown(session: Session, mask: Mask) -> Iterator[str]:
    facts = [f"- {name}: {_line(value)}" for name, value in _facts(session, mask).items()]
    yield clean_text("\n\n".join([f"# {_line(mask(session.title))}", "\n".join(facts)]))
    for message in _exported(session, mask):
        heading = f"**{_line(message.author)}**" + (f" · {message.at}" if message.at else "")
        yield clean_text("\n\n".join(["", "---", heading, *_markdown_message(message)]))
    yield "\n"


def message_markdown(message: Message, redact: bool) -> str:
    """Return what a message says as Markdown, with its pictures and the names of its attachments.

    Of a message that says nothing, what it thinks, calls, and gets back. Credentials are masked if `redact`.
    """
    whole = _exported_message(message, mask_all if redact else lambda value: value)
    says = whole._replace(sections=[])
    return clean_text("\n\n".join(_markdown_message(says)) or "\n\n".join(_markdown_message(whole))) + "\n"


def _markdown_message(message: ExportedMessage) -> Iterator[str]:
    if message.text:
        yield _with_pictures(message)
    yield from (f"![picture]({address})" for address in message.pictures)
    yield from (f"Attached: {_line(name)}" for name in message.attachments)
    for section in message.sections:
        yield f"*{_line(section.heading)}*"
        if section.text:
            yield _fenced(section.text)


_NUMBERED = re.compile(r"(data:image/[a-z]+);base64,~([0-9]{1,6})\)")


def _with_pictures(message: ExportedMessage) -> str:
    def address(match: re.Match[str]) -> str:
        number = int(match[2])
        known = number < len(message.inside) and message.inside[number].startswith(f"{match[1]};")
        return f"{message.inside[number]})" if known else match[0]

    return _NUMBERED.sub(address, message.text)


def _fenced(text: str) -> str:
    longest = max((len(match) for match in re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{text.rstrip()}\n{fence}"


def _line(text: str) -> str:
    """Return a text in a line, in which nothing is Markdown or HTML."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>#&" else char for char in " ".join(text.split()))


# ---- plain text -----------------------------------------------------------------------------------------


def _text(session: Session, mask: Mask) -> Iterator[str]:
    facts = [f"{name}: {value}" for name, value in _facts(session, mask).items()]
    yield clean_text("\n\n".join([_plain_line(mask(session.title)), "\n".join(map(_plain_line, facts))]))
    for message in _exported(session, mask):
        heading = f"{message.author} ({message.at})" if message.at else message.author
        yield clean_text("\n\n".join(["", f"---- {_plain_line(heading)}", *_text_message(message)]))
    yield "\n"


def _text_message(message: ExportedMessage) -> Iterator[str]:
    if message.text:
        yield _NUMBERED.sub("picture)", message.text).rstrip()
    if message.pictures:
        yield f"[pictures: {len(message.pictures):,}]"
    yield from (f"[attached: {_plain_line(name)}]" for name in message.attachments)
    for section in message.sections:
        yield f"[{_plain_line(section.heading)}]"
        if section.text:
            yield section.text.rstrip()


def _plain_line(text: str) -> str:
    return " ".join(text.split())


# ---- HTML -----------------------------------------------------------------------------------------------


def _html(session: Session, mask: Mask) -> Iterator[str]:
    renderer = markdown_renderer(STEPS_AN_EXPORT)
    title = escape(mask(session.title))
    facts = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in _facts(session, mask).items())
    template = files(__package__).joinpath("export.html").read_text("utf-8")
    before, after = (Template(part) for part in template.split("$messages"))
    yield clean_text(before.substitute(title=title, facts=facts))
    for number, message in enumerate(_exported(session, mask)):
        yield clean_text(("\n" if number else "") + _article(message, renderer))
    yield after.substitute()


def _article(message: ExportedMessage, renderer: "MarkdownRenderer") -> str:
    formatted = None
    if len(message.text) <= LONGEST_FORMATTED:
        formatted = renderer.html(clean_text(message.text), message.inside)
    text = f"<pre>{escape(message.text)}</pre>" if formatted is None else str(formatted)
    pictures = "".join(f'<img alt="picture" src="{each}">' for each in message.pictures)
    attached = "".join(f"<p>Attached: {escape(name)}</p>" for name in message.attachments)
    folded = "".join(
        f"<details><summary>{escape(section.heading)}</summary><pre>{escape(section.text)}</pre></details>"
        for section in message.sections
    )
    kind = message.author.lower() if message.author in AUTHORS.values() else "other"
    when = f" <small>{message.at}</small>" if message.at else ""
    head = f"<h2>{escape(message.author)}{when}</h2>"
    return f'<article class="{kind}">{head}\n{text}{pictures}{attached}{folded}</article>'


FORMATS: Mapping[str, Callable[[Session, Mask], Iterator[str]]] = {
    "json": _json,
    "markdown": _markdown,
    "html": _html,
    "text": _text,
    "jsonl": _jsonl,
}
