"""The conversation's page without a browser: how messages are shown, its parts, and find."""

import base64
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository
from hermes_sessions.messages.pictures import LARGEST_PICTURE, Picture
from hermes_sessions.messages.redact import mask_all
from webapp import create_app
from webapp.pages import find, transcript

from ..support.make import message, started, turns, write_document
from ..support.web import KEY, check_inert

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE = f"data:image/png;base64,{PNG}"
VIEW = transcript.View(mask_all, lambda index, number: f"/session/s/messages/{index}/pictures/{number}")


def shown(*messages: Any, beside: Sequence[Any] = ()) -> list[transcript.ShownMessage]:
    return list(transcript.shown_messages(messages, 0, VIEW, beside))


def call(name: str = "terminal", arguments: Any = '{"command": "ls"}', call_id: str = "c1") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def answer(text: str = "a file", call_id: str = "c1", **more: Any) -> dict[str, Any]:
    return message(text, "tool", tool_call_id=call_id, **more)


# ---- messages -------------------------------------------------------------------------------------------


def test_a_result_is_shown_under_its_call() -> None:
    asked = message("", "assistant", tool_calls=[call(), call("read", '{"path": "a", "limit": 2}', "c2")])
    found = shown(asked, answer("two", "c2"), answer("one", "c1"), message("done", "assistant"))
    assert [(each.index, each.last) for each in found] == [(0, 2), (3, 3)]
    first, second = found[0].calls
    assert (first.name, first.preview, first.result and first.result.text.text) == ("terminal", "ls", "one")
    assert second.preview == '{ "path": "a", "limit": 2 }'
    assert second.arguments.text == '{\n  "path": "a",\n  "limit": 2\n}'
    assert second.result is not None
    assert second.result.index == 1


def test_results_without_a_preceding_call_are_shown_alone() -> None:
    asked = message("", "assistant", tool_calls=[call()])
    found = shown(asked, answer("other", "c9", name="read"), answer("late"), answer("again"))
    assert [each.index for each in found] == [0, 1, 2, 3]
    assert [[result.name for result in each.results] for each in found] == [[], ["read"], [""], [""]]


def test_a_result_without_an_id_belongs_to_the_first_call() -> None:
    asked = message("", "assistant", tool_calls=[call(), call(call_id="c2")])
    (found,) = shown(asked, message("one", "tool"), message("two", "tool"))
    assert [each.result and each.result.text.text for each in found.calls] == ["one", "two"]


def test_calls_stored_only_in_the_session_are_shown() -> None:
    beside = [{"name": "read", "tid": "c1", "assistant_msg_idx": 0, "args": {"path": "a"}, "snippet": "text"}]
    first, last = shown(message("", "assistant"), answer(), beside=beside)
    assert first.calls[0].arguments.text == '{\n  "path": "a"\n}'
    assert first.calls[0].result == transcript.ShownResult(None, "", transcript.Excerpt("text"), None)
    assert [result.name for result in last.results] == ["read"]


NESTED: Any = []
for _ in range(900):
    NESTED = [NESTED]
CONTENTS: dict[str, tuple[Any, str]] = {
    "text": ("a", "<p>a</p>"),
    "nothing": (None, ""),
    "a number": (7, "<p>7</p>"),
    "parts": ([{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}], "<p>a</p>\n<p>b</p>"),
    "a list that is no parts": (["a"], "<p>[<br>"),
    "an object": ({"a": 1}, '"a": 1'),
    "a part without text": ([{"type": "text"}], ""),
    "a part whose text is none": ([{"type": "text", "text": ["x"]}], "x"),
    "half a surrogate pair": ("a\ud800", "<p>a\ufffd</p>"),
    "too deep": (NESTED, ""),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_any_content_is_shown(name: str) -> None:
    value, wanted = CONTENTS[name]
    (found,) = shown({"role": "assistant", "content": value})
    assert wanted in found.html


@pytest.mark.parametrize(
    "value", [None, 7, "text", ["a"], {}, {"role": ["x"], "tool_calls": 7}, {"role": "x"}]
)
def test_any_message_is_shown(value: Any) -> None:
    (found,) = shown(value)
    assert found.role == "other"
    assert found.author in ("Unknown", "x")


@pytest.mark.parametrize("arguments", [None, "", "no JSON", "[1", 7, NESTED, '{"a": ' * 5000, {"a": "b"}])
def test_any_arguments_are_shown(arguments: Any) -> None:
    (found,) = shown(message("", "assistant", tool_calls=[call(arguments=arguments), 7, {"function": 8}]))
    assert [each.name for each in found.calls] == ["terminal", "tool", "tool"]


ATTACHED: list[tuple[Any, list[str]]] = [
    (["a.png", "/home/x/b.txt", "c:\\d\\e.pdf"], ["a.png", "b.txt", "e.pdf"]),
    (
        [{"name": "a"}, {"path": "/b/c"}, {"filename": "d"}, {}, 7],
        ["a", "c", "d", "attachment", "attachment"],
    ),
    ("a.png", []),
]


@pytest.mark.parametrize(("attachments", "wanted"), ATTACHED)
def test_attachments_are_named(attachments: Any, wanted: list[str]) -> None:
    assert shown(message(attachments=attachments))[0].attachments == wanted


PARTS = [
    {"type": "image_url", "image_url": {"url": PICTURE}},
    {"type": "image_url", "image_url": PICTURE},
    {"type": "input_image", "image_url": PICTURE},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
]


def test_pictures_have_an_address() -> None:
    said = {"type": "text", "text": f"see ![it]({PICTURE})"}
    (found,) = shown({"role": "user", "content": [said, *PARTS]})
    assert (
        '<img class="picture" loading="lazy" src="/session/s/messages/0/pictures/0" alt="it">' in found.html
    )
    assert found.pictures == [f"/session/s/messages/0/pictures/{number}" for number in range(1, 5)]
    assert found.attachments == []


def test_remote_and_unsupported_pictures_are_only_named() -> None:
    urls = ["https://a.example/b.png", "data:image/svg+xml;base64,PHN2Zz4=", "javascript:x", ""]
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    (found,) = shown({"role": "user", "content": parts})
    assert found.pictures == []
    assert found.attachments == ["image_url"] * 4


def test_credentials_are_masked_everywhere_in_a_message() -> None:
    said = f"use {KEY}"
    arguments = json.dumps({"command": f"export X\n{KEY}"})
    found = shown(
        message(said, "assistant", reasoning=said, tool_calls=[call(arguments=arguments)], attachments=[KEY]),
        answer(said),
        message(said, KEY, _unsent=said),
        message("x" * (transcript.LONGEST_TEXT - 10) + f" {KEY}" + "y " * 5000),
    )
    assert KEY not in repr(found)
    assert repr(found).count("sk-abc...wxyz") == 9


# ---- long ones ------------------------------------------------------------------------------------------


def test_long_texts_are_shortened_and_their_length_is_shown() -> None:
    long = "*word* and\n" * 100_000
    asked = message(long, "assistant", reasoning=long, tool_calls=[call(arguments={"a": long})])
    (found,) = shown(asked, answer(long))
    assert found.total == len(long)
    assert len(found.html) < 3 * transcript.LONGEST_TEXT
    assert found.html.endswith("</p>\n")
    assert found.reasoning is not None
    assert found.calls[0].result is not None
    for cut in (found.reasoning, found.calls[0].arguments, found.calls[0].result.text):
        assert cut.total is not None
        assert len(cut.text) <= transcript.LONGEST_FOLDED
        assert cut.total >= len(long)
    assert shown("> " * 50_000 + "x")


def test_a_long_text_is_masked_before_it_is_cut() -> None:
    lines = "\n".join(f"MIIEowIBAAKCAQEA{number:048d}" for number in range(1_000))
    end_of_key = f"{lines}\n-----END RSA PRIVATE KEY-----\n" + "x " * 2_000
    (found,) = shown(
        message(end_of_key, "assistant", reasoning="x" * (transcript.LONGEST_FOLDED - 8) + f" {KEY * 60}")
    )
    assert "MIIEowIBAAKCAQEA" not in found.html
    assert found.reasoning is not None
    assert found.reasoning.text.endswith("x sk-abc.")


@pytest.mark.slow
def test_a_page_of_long_messages_is_limited() -> None:
    found = shown(*[message("*word* and\n" * 100_000)] * 50)
    lengths = [len(each.html) for each in found]
    assert lengths[0] > transcript.LONGEST_TEXT
    assert lengths[-1] < 4 * transcript.SHORTEST_CUT
    assert sum(lengths) < 4 * transcript.MOST_TEXT_A_PAGE
    assert all(each.total for each in found)


def test_pictures_do_not_count_as_text() -> None:
    large = f"data:image/png;base64,{PNG[:-2]}{'A' * 1_000_002}"
    (found,) = shown(message(f"a ![b]({large}) c"))
    assert found.total is None
    assert "<img" in found.html


# ---- parts of a transcript ------------------------------------------------------------------------------


def indexes(page: str) -> list[int]:
    return [int(index) for index in re.findall(r'id="m(\d+)"', page)]


@pytest.mark.slow
def test_the_page_shows_the_last_messages_and_links_to_the_others(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    path = f"/session/{started(sessions, 250)}"
    for query, first, last in [
        ("", 200, 249),
        ("?before=200", 150, 199),
        ("?before=30", 0, 29),
        ("?before=0", None, None),
        ("?before=999", 200, 249),
        ("?after=49", 50, 99),
        ("?after=240", 241, 249),
        ("?after=249", None, None),
        ("?after=9999", None, None),
        ("?at=100", 76, 125),
        ("?at=3", 0, 28),
        ("?at=249", 200, 249),
        ("?at=9999", 200, 249),
    ]:
        for page in (client.get(path + query).text, client.get(f"{path}/messages{query}").text):
            found = indexes(page)
            assert found == ([] if first is None or last is None else list(range(first, last + 1))), query
            assert ('class="paging older">' in page) == bool(first if found else query != "?before=0"), query
            newer = (bool(found) and last != 249) or query == "?before=0"
            assert ('class="paging newer">' in page) == newer, query
    for wrong in ("x", "-1", "9" * 30):
        assert client.get(f"{path}?before={wrong}").status_code == 400
        assert client.get(f"{path}/messages?at={wrong}").status_code == 400


def test_a_page_that_would_begin_with_a_result_begins_with_its_call(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    turn = [message("go"), message("", "assistant", tool_calls=[call()]), answer()]
    write_document(sessions, "s1", messages=turn * 50)
    for query in ("before=150", "before=149", "after=1", "after=100", "at=80", "at=81"):
        page = client.get(f"/session/s1/messages?{query}").text
        assert indexes(page)[0] % 3 != 2
        assert "Result of" not in page
    assert indexes(client.get("/session/s1/messages?after=1").text)[:3] == [1, 2, 3]


def test_the_requested_message_is_marked(sessions: SessionRepository, client: FlaskClient) -> None:
    write_document(
        sessions, "s1", messages=[message("", "assistant", tool_calls=[call()]), answer(), *turns(2)]
    )
    page = client.get("/session/s1?at=1").text
    assert '<details class="fold call" open>' in page
    assert 'class="result at" id="m1"' in page
    assert 'class="message user at" id="m2"' in client.get("/session/s1?at=2").text


@pytest.mark.slow
def test_every_session_of_the_samples_has_a_page(sample: Path) -> None:
    with SessionRepository.open(hermes_home=sample) as repository:
        client = create_app(repository).test_client()
        for summary in repository.list(hidden=True).items:
            page = client.get(f"/session/{summary.session_id}")
            assert page.status_code == 200
            check_inert(page.text)


def test_the_parts_of_a_message_on_the_page(sessions: SessionRepository, client: FlaskClient) -> None:
    session_id = started(sessions, 0, title="t")
    sessions.append(
        session_id,
        [
            message("**bold**", attachments=["a.png"]),
            message("", "assistant", reasoning="because", tool_calls=[call()]),
            answer(),
            message("**Failed.**", "assistant", _error=True, _unsent="what was typed"),
        ],
    )
    page = client.get(f"/session/{session_id}").text
    for markup in (
        "<bdi>a.png</bdi>",
        '<span class="kind">Reasoning</span>',
        '<code>terminal</code> <bdi class="preview">ls</bdi>',
        "&#34;command&#34;: &#34;ls&#34;",
        'class="result" id="m2"',
        'class="message assistant failed"',
        "what was typed",
        "<time datetime=",
        'dir="auto"',
    ):
        assert markup in page, markup


def test_a_pending_message_is_shown(reader: FlaskClient) -> None:
    page = reader.get("/session/6e9160d23644").text
    assert "not answered yet" in page
    assert "Rotate the staging keys, please." in page


def test_a_message_as_plain_text(sessions: SessionRepository, client: FlaskClient) -> None:
    long = "word " * 100_000
    asked = message(f"{long}{KEY}", "assistant", reasoning="because", tool_calls=[call()])
    session_id = started(sessions, 2)
    sessions.append(session_id, [asked])
    page = client.get(f"/session/{session_id}").text
    assert f"Show all {len(long) + len(KEY):,} characters" in page
    response = client.get(f"/session/{session_id}/messages/2")
    assert response.content_type == "text/plain; charset=utf-8"
    assert response.text == (
        f'{long}sk-abc...wxyz\n\n[reasoning]\nbecause\n\n[terminal]\n{{\n  "command": "ls"\n}}'
    )
    assert client.get(f"/session/{session_id}/messages/3").status_code == 404
    assert client.get(f"/session/{session_id}/messages/{'9' * 30}").status_code == 400


def test_only_real_pictures_are_served(sessions: SessionRepository, client: FlaskClient) -> None:
    lie = f"data:image/png;base64,{base64.b64encode(b'<script>').decode()}"
    session_id = started(sessions, 0)
    sessions.append(session_id, [message(f"![a]({PICTURE}) ![b]({lie}) ![c](data:image/png;base64,A)")])
    path = f"/session/{session_id}/messages/0/pictures"
    response = client.get(f"{path}/0")
    assert (response.mimetype, response.data) == ("image/png", base64.b64decode(PNG))
    unchanged = client.get(f"{path}/0", headers={"If-None-Match": response.headers["ETag"]})
    assert unchanged.status_code == 304
    for number in (1, 2, 3):
        assert client.get(f"{path}/{number}").status_code == 404


@pytest.mark.parametrize(
    ("kind", "file", "shown"),
    [
        ("gif", b"GIF89a..", True),
        ("webp", b"RIFF....WEBPVP8 ", True),
        ("webp", b"RIFF....WAVE", False),
        ("jpeg", b"\xff\xd8\xff\xe0", True),
        ("png", b"GIF89a..", False),
    ],
)
def test_the_kinds_of_pictures(kind: str, file: bytes, shown: bool) -> None:
    picture = Picture(kind, base64.b64encode(file).decode())
    assert picture.content() == (file if shown else None)
    assert Picture(kind, "A" * (LARGEST_PICTURE + 4)).content() is None


# ---- find -----------------------------------------------------------------------------------------------


def test_find_searches_the_whole_transcript(sessions: SessionRepository, client: FlaskClient) -> None:
    said = turns(1200)
    for index in (0, 499, 500, 1199):
        said[index]["content"] = f"before\nthe {'Needle' if index else 'NEEDLE'} in it <b>after</b>"
    write_document(sessions, "s1", messages=said)
    for path in ("find", "hits"):
        page = client.get(f"/session/s1/{path}", query_string={"words": " needle  in "}).text
        assert re.findall(r'data-index="(\d+)"', page) == ["0", "499", "500", "1199"]
        assert "before the <mark>NEEDLE in</mark> it &lt;b&gt;after" in page
        assert "/session/s1?at=499&amp;find=needle++in#m499" in page
    assert "No message contains these words." in client.get("/session/s1/find?words=zqx").text
    assert "data-index" not in client.get("/session/s1/find").text
    page = client.get("/session/s1/hits?words=message").text
    assert page.count("data-index") == 500
    assert "More than 500 messages" in page
    assert client.get(f"/session/s1/find?words={'x' * 201}").status_code == 400
    assert client.get("/session/none/find?words=x").status_code == 404


FOUND: list[tuple[Any, str, bool]] = [
    (message("straße"), "STRASSE", False),
    (message("数据库会话"), "据库", True),
    (message("a.c"), "a.c", True),
    (message("abc"), "a.c", False),
    (message("a\n  b"), "a b", True),
    (message("", reasoning="deep thought"), "thought", True),
    (message("", tool_calls=[call("search_web", {"query": "ünï"})]), "ÜNÏ", True),
    (message("", tool_calls=[call("search_web")]), "search_web", True),
    (message(f"![a]({PICTURE})"), PNG[20:30], False),
    (message(f"token {KEY}"), KEY, False),
    (message(f"token {KEY}"), "wxyz", True),
    ("no message", "message", True),
    ({"content": {"a": "b"}}, '"a"', True),
]  # fmt: skip


@pytest.mark.parametrize(("said", "words", "wanted"), FOUND)
def test_which_messages_find_matches(said: Any, words: str, wanted: bool) -> None:
    assert [hit.index for hit in find.hits([said], 7, words, mask_all)] == ([7] if wanted else [])


# ---- the head, the outline, copies ----------------------------------------------------------------------


def talk(sessions: SessionRepository) -> str:
    """Make a conversation of 1,202 messages in which two calls failed, and return its id."""
    said = turns(1_200)
    said[0]["content"] = f"the very first, with {KEY}"
    said += [message("", "assistant", tool_calls=[call(), call("read", "{}", "c2")])]
    said += [answer('{"error": "no such file"}', "c1"), answer("fine", "c2"), answer("Error: gone", "c9")]
    write_document(sessions, "talk", title="A talk", messages=said, workspace="/home/me/projects/kitchen")
    return "talk"


def test_the_head_has_the_facts_of_a_conversation(sessions: SessionRepository, client: FlaskClient) -> None:
    page = client.get(f"/session/{talk(sessions)}").text
    head = page[page.index('class="session-head"') : page.index('class="transcript"')]
    line = head[: head.index("Details")]
    assert "kitchen" in line
    assert "/home/me/projects/kitchen" not in line
    assert "/home/me/projects/kitchen" in head
    assert "1,204 messages" in line
    assert 'href="/session/talk?at=0#m0"' in head
    assert "Remove last turn" in head
    tail = page[page.index('class="tail"') :]
    assert "Remove last turn" not in tail


def test_the_outline_of_a_long_conversation_is_paged(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    talk(sessions)
    first = client.get("/session/talk/landmarks").text
    assert re.findall(r'data-index="(\d+)"', first) == [str(index) for index in range(0, 1_000, 2)]
    assert 'data-failures="1201,1203"' in first
    assert f'data-users="{",".join(map(str, range(0, 1_200, 2)))}"' in first
    assert "the very first, with sk-abc...wxyz" in first
    assert "at=1000" in first
    places = client.get("/session/talk/landmarks?places=").text
    assert 'data-failures="1201,1203"' in places
    assert "data-index" not in places
    last = client.get("/session/talk/outline?at=1150").text
    assert re.findall(r'data-index="(\d+)"', last) == [str(index) for index in range(1_000, 1_200, 2)]
    assert "at=998" in last
    assert "<code>terminal</code> in message 1,202" in last


def test_failed_calls_are_marked(sessions: SessionRepository, client: FlaskClient) -> None:
    talk(sessions)
    page = client.get("/session/talk").text
    marks = re.findall(r'<details class="(fold (?:call|answer)[^"]*)"', page)
    assert marks == ["fold call failed", "fold call", "fold answer failed"]
    assert page.count("</svg>Failed</span>") == 2


def test_a_message_is_copied_as_markdown(sessions: SessionRepository, client: FlaskClient) -> None:
    said = [
        message(f"**bold** and {KEY}\n\n- a", "assistant", reasoning="why", tool_calls=[call()]),
        message("", "assistant", tool_calls=[call()]),
    ]
    write_document(sessions, "s", messages=said)
    copied = client.get("/session/s/messages/0/markdown")
    assert copied.mimetype == "text/plain"
    assert copied.text == "**bold** and sk-abc...wxyz\n\n- a\n"
    assert "*Calls terminal*" in client.get("/session/s/messages/1/markdown").text
    assert client.get("/session/s/messages/2/markdown").status_code == 404
