"""Markdown as HTML: what becomes of each element, and that nothing in it acts."""

import re

import pytest
from markupsafe import Markup

from hermes_sessions.messages.markdown import LANGUAGES, MarkdownRenderer
from hermes_sessions.messages.rendered_texts import RenderedText, RenderedTexts
from hermes_sessions.messages.rendering import STEPS_A_PAGE

from ..support.payloads import PAYLOADS
from ..support.web import check_inert


def rendered(text: str, renderer: MarkdownRenderer | None = None) -> str:
    """Return a text as HTML; it must have few enough steps."""
    html = (renderer or MarkdownRenderer(STEPS_A_PAGE)).html(text)
    assert html is not None
    return html


REL = 'rel="noopener noreferrer nofollow"'
RENDERED = {
    "bold and a line break": ("**b**\nc", "<p><strong>b</strong><br>c</p>"),
    "a heading steps down": ("# a\n### b", "<h3>a</h3>\n<h4>b</h4>"),
    "the lowest heading": ("###### a", "<h3>a</h3>"),
    "struck": ("~~a~~", "<p><s>a</s></p>"),
    "a list that begins later": ("3. a", '<ol start="3">\n<li>a</li>\n</ol>'),
    "HTML is text": ("<b>a</b>", "<p>&lt;b&gt;a&lt;/b&gt;</p>"),
    "a link": ("[a](https://b.example/)", f'<p><a href="https://b.example/" {REL}>a</a></p>'),
    "an address": ("see https://b.example/?x=1&y", f'href="https://b.example/?x=1&amp;y" {REL}>https'),
    "an address in a sentence": ("(see https://b.example/x_(y)).", f'href="https://b.example/x_(y)" {REL}>'),
    "an address in bold": ("**https://b.example**!", f'<strong><a href="https://b.example" {REL}>'),
    "an address in Chinese": ("见 https://b.example/x。好", f'<a href="https://b.example/x" {REL}>'),
    "a scheme within a word": ("xhttp://b.example", "<p>xhttp://b.example</p>"),
    "an address without a host": ("http:// http://.", "<p>http:// http://.</p>"),
    "a mail address with its scheme": ("mailto:a@b.example.", f'<a href="mailto:a@b.example" {REL}>'),
    "another scheme": ("ftp://b.example x://y", "<p>ftp://b.example x://y</p>"),
    "an address inside a link": ("[http://b.example](https://c.example)", f'"https://c.example" {REL}>http'),
    "an address in code": ("`http://b.example`", "<p><code>http://b.example</code></p>"),
    "a mail address is written as one": ("[a](mailto:a@b.c)", f'<a href="mailto:a@b.c" {REL}>'),
    "a file's name is no address": ("main.py a@b.c", "<p>main.py a@b.c</p>"),
    "a link to this server leads nowhere": ("[a](/logout)", f"<p><a {REL}>a</a></p>"),
    "another site without a scheme": ("[a](//b.example)", f"<p><a {REL}>a</a></p>"),
    "a script is no link": ("[a](javascript:b)", "<p>[a](javascript:b)</p>"),
    "a remote image is a link": ("![a](https://b.example/c.png)", 'href="https://b.example/c.png"'),
    "SVG is no image": ("![a](data:image/svg+xml;base64,PHN2)", "![a](data:image/svg+xml;base64,PHN2)"),
    "an image that is none of ours": ("![a](data:image/png;base64,~7)", f"<p><a {REL}>a</a></p>"),
    "a table in its box": ("|a|\n|-|", '<div class="table" tabindex="0"><table>\n<thead>\n<tr>\n<th>a</th>'),
    "a table's columns": ("|a|b|\n|-|-:|\n|1|2|", '<td>1</td>\n<td class="right">2</td>'),
    "code": ("```\na<b\n```", '<div class="code"><pre tabindex="0"><code>a&lt;b\n</code></pre></div>'),
    "indented code": ("    a", '<div class="code"><pre tabindex="0"><code>a\n</code></pre></div>'),
    "coloured code": (
        "```python\nif a:\n```",
        '<div class="code" data-language="python"><pre tabindex="0"><code><span class="k">if</span>',
    ),
    "a language that nobody knows": ('```x"<y\na\n```', 'data-language="x&quot;&lt;y"'),
    "CJK": ("数据库\n✅", "<p>数据库<br>✅</p>"),
}  # fmt: skip


@pytest.mark.parametrize("name", RENDERED)
def test_markdown_becomes(name: str) -> None:
    text, wanted = RENDERED[name]
    assert wanted in re.sub(r"<br>\n", "<br>", rendered(text))


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_keeps_the_code(language: str) -> None:
    code = "if (x > 1) { return 'a'; } // b\n\t#include <c>\n\n"
    html = rendered(f"```{language}\n{code}```")
    text = re.sub(r"<[^>]*>", "", html).replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'")
    assert text.rstrip("\n") == code.rstrip("\n")


@pytest.mark.slow
def test_colouring_ends_with_its_time_and_keeps_the_code() -> None:
    """The lexer of C takes 15 s over 9,000 empty lines."""
    renderer = MarkdownRenderer(STEPS_A_PAGE)
    html = rendered("```c\n" + "\n" * 9_000 + "int x;\n```", renderer)
    assert renderer.seconds == 0
    assert html.count("\n") > 9_000
    assert "int x;" in html
    assert "<span" not in rendered("```python\nif a: b\n```", renderer)


def test_a_long_block_is_not_coloured() -> None:
    code = "if a: b\n" * 3000
    assert "<span" not in rendered(f"```python\n{code}```")


def test_a_block_with_a_long_line_is_not_coloured() -> None:
    for count, coloured in ((250, True), (251, False)):  # a line of 2,000 characters, and a longer one
        html = rendered(f"```python\nif a: b\n{'if a: b;' * count}\n```")
        assert ("<span" in html) == coloured


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_becomes_an_element_that_acts(payload: str) -> None:
    for text in (payload, f"*{payload}*", f"[{payload}](https://a.example)", f"```{payload}\n{payload}\n```"):
        html = rendered(text)
        if "<" in html:
            check_inert(re.sub(r'href="(https?|mailto):[^"]*"', 'href="#"', html))


def test_texts_of_a_page_are_rendered_while_there_are_steps_left() -> None:
    renderer = MarkdownRenderer(steps=100)
    assert renderer.html("*" * 101) is None
    assert renderer.html("*a*") == "<p><em>a</em></p>\n"
    assert renderer.steps == 98
    assert renderer.html("a" * 1000) is not None, "prose takes no steps"
    assert renderer.html("|a|b|\n|-|-|\n" + "|\n" * 20) is None, (
        "the cells that are added to short rows count"
    )


def test_a_table_of_many_short_rows_is_not_filled_up() -> None:
    columns = 300
    text = "|a" * columns + "|\n" + "|-" * columns + "|\n" + "|\n" * 1000
    assert columns * 1000 > STEPS_A_PAGE
    assert MarkdownRenderer(STEPS_A_PAGE).html(text) is None


def test_a_very_long_address_is_no_link() -> None:
    """To encode a host name of 20,000 letters takes minutes."""
    host = "\u00e9" * 20_000
    for text in (f"http://{host}", f"[a](http://{host})", f"<http://{host}>", f"![a](http://{host})"):
        assert "<a " not in rendered(text)


def test_a_text_that_was_rendered_before_gives_the_same_and_takes_the_same_steps() -> None:
    kept = RenderedTexts()
    for text, pictures in (
        ("*a*\n\n|a|b|\n|-|-|\n|1|2|\n\n```python\nif a: b\n```", ()),
        ("![a](data:image/png;base64,~0)", ("/p/0",)),
        ("![a](data:image/png;base64,~0)", ("/p/1",)),
    ):
        plain, first, again = (MarkdownRenderer(100, kept=each) for each in (None, kept, kept))
        assert plain.html(text, pictures) == first.html(text, pictures) == again.html(text, pictures)
        assert plain.steps == first.steps == again.steps < 100
        assert MarkdownRenderer(99 - plain.steps, kept=kept).html(text, pictures) is None


def test_a_text_in_which_code_was_not_coloured_in_time_is_not_kept() -> None:
    kept, text = RenderedTexts(), "```python\nif a: b\n```"
    assert "<span" not in rendered(text, MarkdownRenderer(100, seconds=0, kept=kept))
    assert "<span" in rendered(text, MarkdownRenderer(100, kept=kept))


def test_the_texts_that_were_used_longest_ago_are_dropped() -> None:
    kept = RenderedTexts(most=20)
    for key, length in ((b"a", 10), (b"b", 10), (b"a", 9), (b"c", 5)):
        kept.keep(key, RenderedText(Markup("-" * length), ()))
    assert [kept.get(key) is not None for key in (b"a", b"b", b"c")] == [True, False, True]
    kept.keep(b"d", RenderedText(Markup("-" * 21), ()))
    assert not any(map(kept.get, (b"a", b"b", b"c", b"d")))
