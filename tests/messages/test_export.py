"""Exports: JSON that comes back as it was, Markdown, and one HTML file that fetches and runs nothing."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from hermes_sessions import InvalidValue, SessionRepository
from hermes_sessions.cli.main import main
from hermes_sessions.results import ExportFormat

from ..support.make import message, started, write_document
from ..support.payloads import PAYLOADS
from ..support.web import KEY, error

FORMATS = ("json", "markdown", "html", "text", "jsonl")
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE = f"data:image/png;base64,{PNG}"


class Elements(HTMLParser):
    """The elements of a file and their attributes, as a browser sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def check_alone(text: str) -> None:
    """Hold that a file has nothing that acts, and takes nothing from elsewhere by itself."""
    for tag, attributes in Elements(text).found:
        assert tag not in {
            "script",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
            "link",
            "svg",
            "math",
            "video",
        }
        assert not [name for name in attributes if name.startswith("on") or name == "style"], attributes
        assert "src" not in attributes or str(attributes["src"]).startswith("data:image/"), attributes
        address = attributes.get("href") or "https:"
        assert re.match(r"https?:|mailto:", address), address
    assert text.count("<style>") == 1
    assert "Content-Security-Policy" in text


def conversation(sessions: SessionRepository) -> str:
    """Store a session that has one of everything, and return its id."""
    session_id = started(sessions, 0, title=f"Rent & *more* {KEY}", model="hermes-4")
    calls = [{"id": "1", "function": {"name": "read", "arguments": json.dumps({"path": f"a\n{KEY}"})}}]
    sessions.append(
        session_id,
        [
            message(f"**Look** at {KEY} ![it]({PICTURE})", attachments=["/home/me/plan.pdf"]),
            message("", "assistant", reasoning="I think", tool_calls=calls),
            message(f"```\nfenced {KEY}\n```", "tool", tool_call_id="1", name="read"),
            message("```python\nprint('hi')\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |", "assistant"),
            message([{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": PICTURE}}]),  # type: ignore[arg-type]  # content is a list too
        ],
    )
    return session_id


@pytest.mark.parametrize("format", FORMATS)
def test_credentials_are_masked_unless_said_otherwise(
    format: ExportFormat, sessions: SessionRepository
) -> None:
    session_id = conversation(sessions)
    assert KEY not in sessions.export(session_id, format)
    assert "sk-abc...wxyz" in sessions.export(session_id, format)
    in_title = format != "jsonl"  # which has the messages alone
    assert sessions.export(session_id, format, redact=False).count(KEY) >= 3 + in_title


def test_markdown_has_all_that_was_said(sessions: SessionRepository) -> None:
    text = sessions.export(conversation(sessions), "markdown")
    assert text.startswith("# Rent \\& \\*more\\* sk-abc...wxyz\n")
    for part in (
        "**You** · ",
        "**Look** at",
        f"![it]({PICTURE})",
        f"![picture]({PICTURE})",
        "Attached: plan.pdf",
        "*Reasoning*\n\n```\nI think\n```",
        "*Calls read*",
        "*Result read*\n\n````\n```\nfenced",
        "print('hi')",
        "| 1 | 2 |",
    ):
        assert part in text, part


def test_html_is_one_file_by_itself(sessions: SessionRepository) -> None:
    text = sessions.export(conversation(sessions), "html")
    check_alone(text)
    images = [attributes["src"] for tag, attributes in Elements(text).found if tag == "img"]
    assert images == [PICTURE, PICTURE]
    for part in ("<strong>Look</strong>", "<td>1</td>", "plan.pdf", "<summary>Calls read</summary>"):
        assert part in text, part
    assert "<title>Rent &amp; *more* sk-abc...wxyz</title>" in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_in_a_conversation_acts_in_its_html(payload: str, sessions: SessionRepository) -> None:
    calls = [{"function": {"name": payload, "arguments": payload}}]
    write_document(
        sessions,
        "s",
        title=payload,
        model=payload,
        workspace=payload,
        messages=[
            message(payload, attachments=[payload], reasoning=payload, tool_calls=calls),
            message(f"{payload}\n![x]({PICTURE})\n{payload}"),
            message(payload, "tool", name=payload),
            message(payload, payload),
            {"content": [{"type": "image_url", "image_url": {"url": payload}}]},
        ],
    )
    check_alone(sessions.export("s", "html"))


def test_a_picture_that_is_none_is_no_picture(sessions: SessionRepository) -> None:
    wrong = "data:image/png;base64,PHN2ZyBvbmxvYWQ9cHduZWQoKT4="
    write_document(
        sessions,
        "s",
        messages=[
            message(f"![x]({wrong})"),
            {"content": [{"type": "image_url", "image_url": {"url": wrong}}]},
            message("![x](https://evil.example/pixel.png) ![y](data:image/svg+xml;base64,PHN2Zz4=)"),
        ],
    )
    text = sessions.export("s", "html")
    check_alone(text)
    images = [attributes["src"] for tag, attributes in Elements(text).found if tag == "img"]
    assert images == ["data:image/png;base64,"] * 2
    assert "PHN2ZyBvbmxvYWQ9cHduZWQoKT4=" not in text


ODD: list[Any] = [
    None,
    1,
    "text",
    [],
    {},
    {"role": 5, "content": {"a": 1}},
    {"content": [1]},
    {"timestamp": 1e300},
]


@pytest.mark.parametrize("format", FORMATS)
def test_whatever_a_file_holds_can_be_exported(format: ExportFormat, sessions: SessionRepository) -> None:
    write_document(sessions, "odd", title="\ud83d", messages=ODD, tool_calls=[5, {"assistant_msg_idx": 3}])
    assert sessions.export("odd", format).encode("utf-8", "surrogatepass")
    write_document(sessions, "long", messages=[message("*a* " * 60_000), message("x" * 300_000, "tool")])
    assert len(sessions.export("long", format)) > 500_000
    empty = sessions.new().session_id
    assert bool(sessions.export(empty, format)) == (format != "jsonl")


def test_text_is_for_reading(sessions: SessionRepository) -> None:
    calls = [{"id": "c", "function": {"name": "terminal", "arguments": '{"command": "ls"}'}}]
    said = [
        message(f"look\n![it]({PICTURE})", timestamp=0),
        message("", "assistant", tool_calls=calls),
        {"role": "tool", "tool_call_id": "c", "content": f"a.txt {KEY}"},
        message("There is a.txt.", "assistant"),
    ]
    write_document(sessions, "s", title=" A\ntitle ", messages=said)
    text = sessions.export("s", "text")
    assert text.startswith("A title\n\n")
    text = re.sub(r" \(\d{4}-\d\d-\d\d \d\d:\d\d\)", "", text)
    assert "\n\n---- You\n\nlook\n![it](picture)\n\n---- Hermes\n\n[Calls terminal]\n\n" in text
    assert "---- Tool\n\n[Result]\n\na.txt sk-abc...wxyz\n" in text
    assert text.endswith("\n\n---- Hermes\n\nThere is a.txt.\n")
    assert KEY not in text
    assert KEY in sessions.export("s", "text", redact=False)


def test_json_lines_are_the_messages(sessions: SessionRepository) -> None:
    said = [message("one\ntwo"), {"role": "tool", "unknown": [1, {"key": KEY}]}]
    write_document(sessions, "s", messages=said)
    assert [json.loads(line) for line in sessions.export("s", "jsonl", redact=False).splitlines()] == said
    assert KEY not in sessions.export("s", "jsonl")


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_the_samples_conversations_of_web_ui_and_agents_are_exported(
    format: ExportFormat, sample: Path
) -> None:
    with SessionRepository.open(hermes_home=sample) as sessions:
        for summary in sessions.list(agent=True, hidden=True).items:
            text = sessions.export(summary.session_id, format)
            if format == "html":
                check_alone(text)


@pytest.mark.parametrize("format", ["yaml", "", None, ["json"], "JSON"])
def test_another_format_is_refused(format: Any, sessions: SessionRepository) -> None:
    with pytest.raises(InvalidValue, match="format must be one of json, markdown, html, text, jsonl"):
        sessions.export(started(sessions), format)


@pytest.mark.slow
def test_html_without_its_libraries_says_what_is_missing(sessions: SessionRepository) -> None:
    session_id = started(sessions)
    program = f"""
import sys
sys.modules["nh3"] = None
from hermes_sessions import SessionRepository, SessionsError
with SessionRepository.open({str(sessions.config.state_dir)!r}) as sessions:
    assert sessions.export({session_id!r}, "markdown")
    assert not [name for name in sys.modules if name.startswith(("flask", "webapp", "markdown_it"))]
    try:
        sessions.export({session_id!r}, "html")
    except SessionsError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "nh3 is not installed. Install it with: pip install 'hermes-sessions[web]'\n"


# ---- the faces ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "ending", "media"),
    [
        ("json", "json", "application/json"),
        ("markdown", "md", "text/markdown"),
        ("html", "html", "text/html"),
        ("text", "txt", "text/plain"),
        ("jsonl", "jsonl", "application/x-ndjson"),
    ],
)
def test_the_api_sends_an_attachment(
    format: ExportFormat, ending: str, media: str, filled: FlaskClient
) -> None:
    answer = filled.get(f"/api/session/export?session_id=51f22612416e&format={format}")
    assert answer.status_code == 200
    assert answer.mimetype == media
    assert answer.headers["Content-Disposition"] == f"attachment; filename=hermes-51f22612416e.{ending}"
    assert "format must be one of" in error(
        filled.get("/api/session/export?session_id=51f22612416e&format=pdf"), 400
    )


@pytest.mark.parametrize("format", FORMATS)
def test_the_command_line_writes_a_file(format: ExportFormat, may: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    words = ["--hermes-home", str(may), "export", "51f22612416e", "--format", format]
    result = CliRunner().invoke(main, [*words, "-o", str(target)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    printed = CliRunner().invoke(main, words, catch_exceptions=False)
    assert len(printed.output) >= len(target.read_text()) > 1000
