"""Markdown as HTML: what becomes of each element, and that nothing in it acts."""

import re

import pytest

from hermes_sessions.messages.markdown import LANGUAGES, MarkdownRenderer

from ..support.payloads import PAYLOADS
from ..support.web import check_inert

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
    assert wanted in re.sub(r"<br>\n", "<br>", MarkdownRenderer().html(text))


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_keeps_the_code(language: str) -> None:
    code = "if (x > 1) { return 'a'; } // b\n\t#include <c>\n\n"
    html = MarkdownRenderer().html(f"```{language}\n{code}```")
    text = re.sub(r"<[^>]*>", "", html).replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'")
    assert text.rstrip("\n") == code.rstrip("\n")


def test_colouring_ends_with_its_time_and_keeps_the_code() -> None:
    """The lexer of C takes 15 s over 9,000 empty lines."""
    renderer = MarkdownRenderer()
    html = renderer.html("```c\n" + "\n" * 9_000 + "int x;\n```")
    assert renderer.seconds == 0
    assert html.count("\n") > 9_000
    assert "int x;" in html
    assert "<span" not in renderer.html("```python\nif a: b\n```")


def test_a_long_block_is_not_coloured() -> None:
    code = "if a: b\n" * 3000
    assert "<span" not in MarkdownRenderer().html(f"```python\n{code}```")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_becomes_an_element_that_acts(payload: str) -> None:
    for text in (payload, f"*{payload}*", f"[{payload}](https://a.example)", f"```{payload}\n{payload}\n```"):
        html = MarkdownRenderer().html(text)
        if "<" in html:
            check_inert(re.sub(r'href="(https?|mailto):[^"]*"', 'href="#"', html))
