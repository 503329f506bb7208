"""Turns Markdown into safe HTML: code is coloured, no script runs, nothing is loaded from other servers.

Needs the libraries of the extra `web`; `rendering` loads this module when they are first used.
"""

import functools
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markupsafe import Markup
from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class_by_name
from pygments.token import STANDARD_TYPES, Text, _TokenType
from pygments.util import ClassNotFound

from .addresses import LONGEST_ADDRESS, address_at
from .rendered_texts import RenderedText, RenderedTexts, key_of

LONGEST_COLOURED = 10_000  # characters of one block
LONGEST_LINE = 2_000  # characters of a line of it: a single token of 10,000 takes 0.8 s
# Processor time. Most code takes 2 microseconds a character, but 20,000 empty lines of C take a minute: code
# that is not coloured in time is shown in one colour.
SECONDS_TO_COLOUR_A_PAGE = 0.25
HIGHEST, LOWEST = 3, 6  # headings: a page's title is the first level, a message's author the second

# Pygments has 600 lexers, and one token of a rare language may take minutes: these are the common ones.
LANGUAGES = frozenset(
    "bash c c# c++ clojure cpp cs csharp css dart diff docker dockerfile elixir erlang go golang "
    "graphql haskell hcl html http ini java javascript jinja js json json5 jsonc jsx julia kotlin lua make "
    "makefile markdown md nginx nim nix objective-c patch perl php powershell proto protobuf "
    "ps1 py pycon python python3 r rb rs ruby rust scala sh shell sql swift terraform tex toml ts tsx "
    "typescript udiff xml yaml yml zig zsh".split()
)
TOKENS_AT_ONCE = 16  # are coloured between two looks at the clock
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,~([0-9]{1,6})")


class _TooManySteps(Exception):
    """A text takes more steps than its page has left."""


@dataclass(slots=True)
class MarkdownRenderer:
    """Renders the texts of one page, which share its steps, and the time in which code is coloured.

    `steps` and `seconds` are how many steps and how much processor time are left. `kept` has the HTML of
    texts that were rendered before; they take the same steps.
    """

    steps: int
    seconds: float = SECONDS_TO_COLOUR_A_PAGE
    kept: RenderedTexts | None = None

    def html(self, text: str, pictures: Sequence[str] = ()) -> Markup | None:
        """Return Markdown as sanitised HTML, None if that takes more steps than are left.

        An image `data:image/png;base64,~N` shows the address `pictures[N]`; any other image becomes a link.
        HTML in the text is escaped. Code in a known language is coloured while there is time left.
        """
        try:
            return self._kept_html(self.kept, text, pictures) if self.kept else self._new(text, pictures).html
        except _TooManySteps:
            return None

    def _kept_html(self, kept: RenderedTexts, text: str, pictures: Sequence[str]) -> Markup:
        key = key_of(text, pictures)
        rendered = kept.get(key)
        if rendered is None:
            rendered = self._new(text, pictures)
            kept.keep(key, rendered)
        else:
            for steps in rendered.steps:
                self.take(steps)
        return rendered.html

    def _new(self, text: str, pictures: Sequence[str]) -> RenderedText:
        rendering = _Rendering(self, pictures)
        rendering.take(len(_MARKUP.findall(text)))
        html = _sanitised(_MARKDOWN.render(text, {"rendering": rendering}), frozenset(pictures))
        markup = Markup(html)  # noqa: S704  # nh3 has just sanitised it
        return RenderedText(markup, tuple(rendering.steps), rendering.is_complete)

    def take(self, steps: int) -> None:
        """Use up some steps; raise an error, and use up none, if fewer are left."""
        if steps > self.steps:
            raise _TooManySteps
        self.steps -= steps


_MARKUP = re.compile(r"[!\"#$%&'()*+\-.:<=>@\[\\\]^_`{|}~\n]")


@dataclass(slots=True)
class _Rendering:
    """What one text needs while it is rendered: the page's renderer, and the addresses of its pictures.

    `steps` are those that it took; `is_complete` says that no code was left in one colour for want of time.
    """

    renderer: MarkdownRenderer
    pictures: Sequence[str] = ()
    steps: list[int] = field(default_factory=list)
    is_complete: bool = True

    def take(self, steps: int) -> None:
        """Use up steps of the page, and note them."""
        self.renderer.take(steps)
        self.steps.append(steps)


# ---- sanitised ------------------------------------------------------------------------------------------

_TAGS = set(
    "a blockquote br code div em h3 h4 h5 h6 hr img li ol p pre s span strong table tbody td th thead tr "
    "ul".split()
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "div": {"data-language", "tabindex"},
    "img": {"src", "alt", "loading"},
    "ol": {"start"},
    "pre": {"tabindex"},
}
_CLASSES = {
    "div": {"code", "table"},
    "img": {"picture"},
    "span": {name for name in STANDARD_TYPES.values() if name},
    "td": {"left", "center", "right"},
    "th": {"left", "center", "right"},
}


def _sanitised(html: str, pictures: frozenset[str]) -> str:
    def allowed(tag: str, attribute: str, value: str) -> str | None:
        if (tag, attribute) == ("img", "src"):
            return value if value in pictures else None
        if attribute == "href":  # an address without a scheme would lead somewhere on this server
            is_web = re.match(r"(?:https?|mailto):", value, re.IGNORECASE)
            return value if is_web or value in pictures else None
        return value

    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        allowed_classes=_CLASSES,
        attribute_filter=allowed,
        url_schemes={"http", "https", "mailto", *_schemes(pictures)},
        link_rel="noopener noreferrer nofollow",
    )


def _schemes(pictures: frozenset[str]) -> set[str]:
    # Only for those pictures: the filter above refuses every other address of that scheme.
    return {"data"} if any(address.startswith("data:") for address in pictures) else set()


# ---- rendered -------------------------------------------------------------------------------------------


def _code(content: str, language: str, rendering: _Rendering) -> str:
    known = language.lower() if language.lower() in LANGUAGES else ""
    html = _coloured(content, known, rendering) if known else escapeHtml(content)
    label = f' data-language="{escapeHtml(language[:30])}"' if language else ""
    return f'<div class="code"{label}><pre tabindex="0"><code>{html}</code></pre></div>\n'


def _coloured(code: str, language: str, rendering: _Rendering) -> str:
    """Return code as HTML with Pygments' classes, coloured until the page's time is used up."""
    try:
        lexer = _lexer_class(language)()
    except ClassNotFound:  # an older Pygments
        return escapeHtml(code)
    is_short = len(code) <= LONGEST_COLOURED and max(map(len, code.splitlines()), default=0) <= LONGEST_LINE
    return _spans(_in_time(lexer, code, rendering)) if is_short else escapeHtml(code)


@functools.cache  # to find a lexer takes 3 ms
def _lexer_class(language: str) -> type[Lexer]:
    return find_lexer_class_by_name(language)


def _in_time(lexer: Lexer, code: str, rendering: _Rendering) -> Iterator[tuple[_TokenType, str]]:
    """Yield the tokens of code; once the page's time is used up, the rest as one token."""
    end = time.thread_time() + rendering.renderer.seconds
    for number, (place, kind, value) in enumerate(lexer.get_tokens_unprocessed(code)):
        # To ask at each token takes a tenth of the time.
        if number % TOKENS_AT_ONCE == 0 and time.thread_time() >= end:
            rendering.is_complete = False
            yield Text, code[place:]
            break
        yield kind, value
    rendering.renderer.seconds = max(0.0, end - time.thread_time())


def _spans(tokens: Iterable[tuple[_TokenType, str]]) -> str:
    """Return tokens as HTML: neighbours of one class together, and no element around what has no colour."""
    parts = []
    for name, group in groupby(tokens, key=lambda token: _class_of(token[0])):
        html = escapeHtml("".join(value for _, value in group))
        parts.append(f'<span class="{name}">{html}</span>' if name else html)
    return "".join(parts)


# Names, operators, punctuation and space have the colour of text in every style sheet. Elements around them
# would be half of a page of code.
_WITHOUT_COLOUR = frozenset({"", "n", "nx", "o", "p", "pm", "w"})


@functools.cache
def _class_of(kind: _TokenType) -> str:
    """Return the class of a kind of token, or of the nearest kind above it; empty if it has no colour."""
    name = STANDARD_TYPES.get(kind)
    if name is None:
        return _class_of(kind.parent) if kind.parent else ""
    return "" if name in _WITHOUT_COLOUR else name


def _fence(tokens: Sequence[Token], index: int, rendering: _Rendering) -> str:
    words = tokens[index].info.split(maxsplit=1)
    return _code(tokens[index].content, words[0] if words else "", rendering)


def _indented(tokens: Sequence[Token], index: int, rendering: _Rendering) -> str:
    return _code(tokens[index].content, "", rendering)


def _image(tokens: Sequence[Token], index: int, rendering: _Rendering) -> str:
    source = str(tokens[index].attrs.get("src", ""))
    alt = escapeHtml(tokens[index].content or source)
    found = _PICTURE.fullmatch(source)
    if found and int(found[2]) < len(rendering.pictures):
        address = escapeHtml(rendering.pictures[int(found[2])])
        image = f'<img class="picture" loading="lazy" src="{address}" alt="{alt}">'
        # A browser opens no `data:` address, and an export would hold the picture twice.
        return image if address.startswith("data:") else f'<a href="{address}">{image}</a>'
    return f'<a href="{escapeHtml(source)}">{alt}</a>'


def _table_open(*_: Any) -> str:
    return '<div class="table" tabindex="0"><table>\n'


def _table_close(*_: Any) -> str:
    return "</table></div>\n"


def _cell(tokens: Sequence[Token], index: int, _: _Rendering) -> str:
    """Open a cell; its alignment is a class, since the pages allow no `style`."""
    found = re.fullmatch(r"text-align:(left|center|right)", str(tokens[index].attrs.get("style", "")))
    return f'<{tokens[index].tag} class="{found[1]}">' if found else f"<{tokens[index].tag}>"


def _step_headings(state: StateCore) -> None:
    """Move headings below the page's own, without a gap between levels, as screen readers expect."""
    level = HIGHEST - 1
    for token in state.tokens:
        if token.type == "heading_open":
            level = min(int(token.tag[1:]) + HIGHEST - 1, level + 1, LOWEST)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{level}"


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse a table; each row gets as many cells as the header, so `|\\n` times `|a` would be quadratic."""
    if silent or not table(state, start, end, True):
        return table(state, start, end, silent)
    last = next((line for line in range(start, end) if state.isEmpty(line)), end)
    columns = state.src.count("|", state.bMarks[start], state.eMarks[start]) + 1
    rendering: _Rendering = state.env["rendering"]
    rendering.take(columns * (last - start))
    return table(state, start, end, silent)


def _address(state: StateInline, silent: bool) -> bool:
    """Make a link of an address in the text; links need a scheme, `main.py` is rarely meant as an address."""
    if silent or state.linkLevel > 0 or state.src[state.pos] != ":":
        return False
    place = address_at(state.src, state.pos)
    if place is None or place[1] > state.posMax:
        return False
    start, end = place
    scheme, url = state.src[start : state.pos], state.src[start:end]
    target = state.md.normalizeLink(url)
    if not (state.md.validateLink(target) and state.pending.endswith(scheme)):
        return False
    state.pending = state.pending[: -len(scheme)]
    state.push("link_open", "a", 1).attrs = {"href": target}
    state.push("text", "", 0).content = state.md.normalizeLinkText(url)
    state.push("link_close", "a", -1)
    state.pos = end
    return True


class _Parser(MarkdownIt):
    """A parser that makes no link of a very long address: to encode its host takes quadratic time."""

    def normalizeLink(self, url: str) -> str:  # noqa: N802  # markdown-it's name
        """Return an address as ASCII, one that no link may have if it is too long."""
        return super().normalizeLink(url) if len(url) <= LONGEST_ADDRESS else "javascript:"


def _new_parser() -> MarkdownIt:
    markdown = _Parser("commonmark", {"html": False, "breaks": True})
    markdown.enable(["table", "strikethrough"])
    markdown.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    markdown.inline.ruler.after("text", "address", _address)
    markdown.core.ruler.push("step_headings", _step_headings)
    for name, rule in _RULES.items():
        markdown.add_render_rule(name, _adapted(rule))
    return markdown


_Rule = Callable[[Sequence[Token], int, _Rendering], str]
_RULES: Mapping[str, _Rule] = {
    "fence": _fence,
    "code_block": _indented,
    "image": _image,
    "table_open": _table_open,
    "table_close": _table_close,
    "th_open": _cell,
    "td_open": _cell,
}


def _adapted(rule: _Rule) -> Callable[..., str]:
    """Return a rule with the parameters that markdown-it passes."""
    return lambda _renderer, tokens, index, _options, env: rule(tokens, index, env["rendering"])


_MARKDOWN = _new_parser()
