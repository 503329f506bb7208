"""Work that grows with the length of a message: at most in proportion, whatever is in it.

Counted are the lines of Python that run, since times differ between runs.
"""

import gc
import html
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository
from hermes_sessions.messages import export_session, group_answers, number_pictures, read_messages
from hermes_sessions.messages.addresses import address_at
from hermes_sessions.messages.markdown import MarkdownRenderer
from hermes_sessions.messages.rendering import STEPS_A_PAGE
from webapp.pages import transcript

from ..support.make import message, started, write_document
from ..support.web import KEY

SHORT, GROWTH = 400, 4  # characters; how many times longer the longer text is
MOST = 1.5 * GROWTH
LINES_A_CHARACTER = 200  # are few even where the shorter text has one link and the longer one none
VIEW = transcript.View(lambda value: value, lambda index, number: f"/{index}/{number}")

# Each is repeated to the length of the text.
REPEATED = (
    # addresses
    *(
        "http://a.",
        "http://a. ",
        "a://",
        "mailto:a@",
        "//a.",
        "http://@",
        "http://a(",
        "https://a[b",
        "http:",
    ),
    *("http://a)", "http://é.", "<http:", "<a@", "http:", "(http://a", "http://a]*"),
    # brackets, links, images, references, footnotes
    *("[", "]", "[]", "[a](", "[a](<b", "[a](((", "![", "![a](", "[a][", "[a]: b\n", '[a]: "\n', "[a](b) ["),
    *('[a](b "', "[^a]", "[^a]: b\n", "[[a]", "![[a](b)", "(", "!"),
    # quotes, lists, headings, rules, paragraphs
    *(
        ">",
        "> ",
        "- ",
        "* a\n",
        "1. ",
        "> - ",
        "- > ",
        "a\n> ",
        ">\t",
        "# ",
        "#\n",
        "a\n=\n",
        "a\n",
        "- - -\n",
    ),
    *("a\n\n", "a  \n", "\n", " ", "\t", "    a\n", "1) a\n  - b\n", "+ a\n\n"),
    # emphasis, code, escapes, entities
    *("*", "_", "~", "*a ", "**a ", "a**b", "_a ", "a_b", "~~a ", "*_a ", "***a* ", "*a_", "*a**b"),
    *("`", "` ", "`a``", "```\n", "```a\n", "~~~\n", "\\", "&", "&amp;", "&a", "&#", "\\`"),
    # HTML
    *("<", "<a", "<!--", "<![CDATA[", "<?", "<a b='", "</", "<a>", "<div>\n", "<!A"),
    # tables
    *("|a", "|", "|a|b|\n|-|-|\n", "-|", "|\n"),
    # long lines and odd characters
    *("a", "word ", "é", "\0", "\u202e", '"', "a: b\n", "\x1b[31m", "+a\n-b\n", '{"a":['),
)


def nested(unit: str, line: str) -> Callable[[int], str]:
    """Return a text whose lines are each indented a unit more than the one before, up to a length."""

    def lines(length: int) -> Iterator[str]:
        depth = 0
        while length > 0:
            yield f"{unit * depth}{line}\n"
            length -= depth * len(unit) + len(line) + 1
            depth += 1

    return lambda length: "".join(lines(length))


def _repeated(unit: str, length: int) -> str:
    return unit * (length // len(unit))


SHAPED: dict[str, Callable[[int], str]] = {
    "nested lists": nested("  ", "- a"),
    "nested quotes": nested(">", " a"),
    "longer and longer code": nested("`", " "),
    "longer and longer stars": nested("*", "a"),
    "a table": lambda length: "|a|b|\n|-|-|\n" + "|a|b|\n" * (length // 6),
    "a wide table": lambda length: "|a" * (length // 4) + "|\n" + "|-" * (length // 4) + "|",
    "stars around": lambda length: "*" * (length // 2) + "a" + "*" * (length // 2),
    "brackets around": lambda length: "[" * (length // 2) + "a" + "]" * (length // 2),
    "images around": lambda length: "![" * (length // 4) + "a" + "](b)" * (length // 8),
    "quotes around a list": lambda length: "> " * (length // 4) + "- " * (length // 4),
    "code in Python": lambda length: "```python\n" + "if a:\n" * (length // 6),
    "a diff": lambda length: "```diff\n" + "+a\n-b\n" * (length // 6),
    "JSON": lambda length: "```json\n" + '{"a": [' * (length // 7),
    "empty lines of C": lambda length: "```c\n" + "\n" * length,
    "a host": lambda length: "http://" + "é" * length,
}
TEXTS = {repr(each): partial(_repeated, each) for each in REPEATED} | SHAPED


def lines_run(work: Callable[[], object]) -> int:
    """Return how many lines of Python run in a call."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    gc.disable()  # Hypothesis has Python called at each collection
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
        gc.enable()
    return count


def check_growth(make: Callable[[int], Callable[[], object]], short: int = SHORT) -> None:
    """Check that work of `GROWTH` times the length takes at most in proportion more."""
    make(short)()  # what is made once: lexers, compiled expressions
    few, many = lines_run(make(short)), lines_run(make(GROWTH * short))
    grown = f"{few:,} lines for {short}, {many:,} for {GROWTH * short}"
    assert many <= max(MOST * few, LINES_A_CHARACTER * GROWTH * short), grown


@pytest.mark.slow  # all of them together
@pytest.mark.parametrize("name", TEXTS)
def test_rendering_grows_in_proportion(name: str) -> None:
    text = TEXTS[name]
    check_growth(lambda length: lambda: MarkdownRenderer(STEPS_A_PAGE).html(text(length)))


@pytest.mark.parametrize("name", ["markdown", "html"])
def test_exports_grow_in_proportion(sessions: SessionRepository, name: str) -> None:
    empty = sessions.get(started(sessions, 0))
    for unit in ("![a](data:image/png;base64,aa) ", "data:image/", "`", "```` ", "<", "~"):

        def exported(length: int, unit: str = unit) -> Callable[[], object]:
            texts = [message(_repeated(unit, length), role) for role in ("user", "tool")]
            return lambda: export_session(replace(empty, messages=texts), name, redact=False)

        check_growth(exported)


def test_many_results_out_of_order_grow_in_proportion() -> None:
    def shown(count: int) -> Callable[[], object]:
        ids = [f"c{number}" for number in range(count)]
        calls = [{"id": each, "function": {"name": "a", "arguments": "{}"}} for each in ids]
        asked = message("", "assistant", tool_calls=calls)
        answers = [{"type": "tool_result", "tool_use_id": each, "content": "b"} for each in reversed(ids)]
        both = [asked, message(answers, "user")]  # type: ignore[arg-type]  # any content is allowed
        return lambda: list(transcript.shown_messages(both, 0, VIEW))

    check_growth(shown, short=50)


def test_many_messages_that_answer_grow_in_proportion() -> None:
    def grouped(count: int) -> Callable[[], object]:
        ids = [f"c{number}" for number in range(count)]
        asked = message("", "assistant", tool_calls=[{"id": each} for each in ids])
        answers = [message("b", "tool", tool_call_id=each) for each in reversed(ids)]
        return lambda: list(group_answers(read_messages([asked, *answers])))

    check_growth(grouped, short=50)


def test_numbering_pictures_grows_in_proportion() -> None:
    check_growth(lambda length: lambda: number_pictures("data:image/png;base64,aa " * (length // 25)))


def test_finding_addresses_takes_few_lines_wherever_it_is_asked() -> None:
    text = "https://" * 200
    for at in range(len(text)):
        assert lines_run(partial(address_at, text, at)) < 100


def test_a_page_of_messages_full_of_markup_shows_some_as_plain_text() -> None:
    stars = message("*" * 19_000)
    messages = [stars, message("**b**"), stars, stars, message("b")]
    shown = list(transcript.shown_messages(messages, 0, VIEW))
    assert [each.is_plain for each in shown] == [False, False, False, True, False]
    assert shown[3].html == "*" * 19_000
    asked = list(transcript.shown_messages(messages, 0, VIEW, formatted=3))
    assert not any(each.is_plain for each in asked)


@pytest.mark.slow
def test_a_page_offers_to_format_what_it_shows_as_plain_text(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    messages = [message("*" * 19_000 + "<b>"), *[message("*" * 19_000)] * 3]
    write_document(sessions, KEY, messages=messages)
    page = client.get(f"/session/{KEY}").text
    assert page.count("Show with formatting") == 2
    [address] = re.findall(r'href="([^"]*formatted=2[^"]*)"', page)
    page = client.get(html.unescape(address)).text
    assert page.count("Show with formatting") == 1
    assert "formatted=2" not in page
