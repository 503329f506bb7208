"""The one reader of messages: every form that programs write, in whatever shows, finds or exports it."""

import json
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository, title_from
from hermes_sessions.messages import (
    Result,
    group_answers,
    landmarks,
    message_text,
    read_message,
    read_messages,
)
from hermes_sessions.messages.content import UNNAMED
from hermes_sessions.results import ExportFormat
from webapp import create_app

from ..cli.running import done
from ..support.agent_db import add_message, add_session, keep_full_text, new_state, writing
from ..support.make import message, write_document

# ---- every form of a text, thought, call, result and attachment, and what has to show it ------------------

PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"


class Form(NamedTuple):
    """A transcript in which a word stands once, in one form: its messages, and the session's own calls."""

    messages: list[Any]
    tool_calls: list[Any]
    is_title: bool = False


def said(*parts: Any, role: str = "user") -> Form:
    """Return a transcript of one message of these parts."""
    return Form([{"role": role, "content": list(parts)}], [], role == "user")


def with_keys(role: str = "assistant", **keys: Any) -> Form:
    """Return a transcript of one message with these keys beside its text."""
    return Form([message("", role, **keys)], [])


def listed(**card: Any) -> Form:
    """Return a transcript whose second message has a call in the session's own list."""
    card = {"name": "terminal", "tid": "c1", "assistant_msg_idx": 1, **card}
    return Form([message("go"), message("done", "assistant")], [card])


def function(arguments: Any, name: str = "terminal") -> dict[str, Any]:
    """Return a call as the web UI writes it."""
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}


FORMS: dict[str, Callable[[str], Form]] = {
    "a text": lambda word: Form([message(word)], [], True),
    "a text part": lambda word: said({"type": "text", "text": word}),
    "a part input_text": lambda word: said({"type": "input_text", "text": word}),
    "a part output_text": lambda word: said({"type": "output_text", "text": word}),
    "a text beside a picture": lambda word: said(
        {"type": "image_url", "image_url": {"url": PNG}}, {"type": "text", "text": word}
    ),
    "a text among parts": lambda word: said(word, {"type": "text", "text": "more"}),
    "an answer of output_text": lambda word: said({"type": "output_text", "text": word}, role="assistant"),
    "an object as content": lambda word: Form([{"role": "user", "content": {"word": word}}], [], True),
    "no object": lambda word: Form([word], []),
    "reasoning": lambda word: with_keys(reasoning=word),
    "reasoning_content": lambda word: with_keys(reasoning="first", reasoning_content=word),
    "thinking": lambda word: with_keys(thinking=word),
    "a part thinking": lambda word: said({"type": "thinking", "thinking": word}, role="assistant"),
    "a part reasoning": lambda word: said({"type": "reasoning", "reasoning": word}, role="assistant"),
    "a part reasoning with a text": lambda word: said({"type": "reasoning", "text": word}, role="assistant"),
    "a part reasoning with a summary": lambda word: said(
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": word}]}, role="assistant"
    ),
    "a call's arguments as JSON": lambda word: with_keys(
        tool_calls=[function(json.dumps({"command": word}))]
    ),
    "a call's arguments as an object": lambda word: with_keys(tool_calls=[function({"command": [word]})]),
    "a call's arguments that are no JSON": lambda word: with_keys(tool_calls=[function(f"run {word}")]),
    "a call's name": lambda word: with_keys(tool_calls=[function("{}", word)]),
    "a call's input": lambda word: with_keys(tool_calls=[{"name": "terminal", "input": {"command": word}}]),
    "a call's args": lambda word: with_keys(tool_calls=[{"name": "terminal", "args": {"command": word}}]),
    "a call's input beside its function": lambda word: with_keys(
        tool_calls=[{"function": {"name": "terminal"}, "input": word}]
    ),
    "a part tool_use": lambda word: said(
        {"type": "tool_use", "id": "c1", "name": "terminal", "input": {"command": word}}, role="assistant"
    ),
    "the name of a part tool_use": lambda word: said(
        {"type": "tool_use", "id": "c1", "name": word, "input": {}}, role="assistant"
    ),
    "a tool's message": lambda word: Form([message(word, "tool", tool_call_id="c1", name="terminal")], []),
    "a tool's message of parts": lambda word: said({"type": "text", "text": word}, role="tool"),
    "a tool's object": lambda word: Form([{"role": "tool", "content": {"word": word}}], []),
    "a part tool_result": lambda word: Form(
        [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": word}]}], []
    ),
    "a part tool_result of parts": lambda word: Form(
        [
            {
                "role": "user",
                "content": [{"type": "tool_result", "content": [{"type": "text", "text": word}]}],
            }
        ],
        [],
    ),
    "a part tool_result beside a text": lambda word: Form(
        [
            {
                "role": "user",
                "content": [{"type": "tool_result", "content": word}, {"type": "text", "text": "a"}],
            }
        ],
        [],
    ),
    "the arguments of a listed call": lambda word: listed(args={"command": word}),
    "the input of a listed call": lambda word: listed(input={"command": word}),
    "the name of a listed call": lambda word: listed(name=word),
    "the answer to a listed call": lambda word: listed(snippet=word),
    "a listed call of no message": lambda word: listed(args={"command": word}, assistant_msg_idx=None),
    "an attachment": lambda word: with_keys("user", attachments=[f"{word}.pdf"]),
    "an attachment's name": lambda word: with_keys("user", attachments=[{"name": f"{word}.pdf"}]),
    "an attachment's filename": lambda word: with_keys("user", attachments=[{"filename": f"{word}.pdf"}]),
    "an attachment's path": lambda word: with_keys("user", attachments=[{"path": f"/home/me/{word}.pdf"}]),
    "a part's file name": lambda word: said({"type": "input_file", "filename": f"{word}.pdf"})._replace(
        is_title=False
    ),
    "what was typed and not answered": lambda word: with_keys(_unsent=word),
}
# One word each, so that all forms are in one home; of letters alone, so that it is one word to every index.
WORDS = {
    name: "quagga" + string.ascii_lowercase[at // 26] + string.ascii_lowercase[at % 26]
    for at, name in enumerate(FORMS)
}
each_form = pytest.mark.parametrize("name", FORMS)


def form_of(name: str) -> Form:
    return FORMS[name](WORDS[name])


def id_of(name: str) -> str:
    return f"form{list(FORMS).index(name)}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a session for each form."""
    home = tmp_path_factory.mktemp("forms")
    with SessionRepository.open(hermes_home=home) as sessions:
        for name in FORMS:
            form = form_of(name)
            write_document(
                sessions, id_of(name), title="T", messages=form.messages, tool_calls=form.tool_calls
            )
        assert sessions.complete_search() == 0
    return home


@pytest.fixture(scope="module")
def forms(home: Path) -> Iterator[SessionRepository]:
    with SessionRepository.open(hermes_home=home) as sessions:
        yield sessions


@pytest.fixture(scope="module")
def browser(forms: SessionRepository) -> FlaskClient:
    return create_app(forms).test_client()


@each_form
def test_search_finds(name: str, forms: SessionRepository) -> None:
    (hit,) = forms.search(f'"{WORDS[name]}"')  # in quotation marks: some have the same stem
    assert hit.session_id == id_of(name)
    assert f"\x02{WORDS[name]}\x03" in hit.snippet


@each_form
def test_the_page_shows(name: str, browser: FlaskClient) -> None:
    assert WORDS[name] in browser.get(f"/session/{id_of(name)}/messages").text


@each_form
def test_the_message_on_the_page_shows(name: str, forms: SessionRepository, browser: FlaskClient) -> None:
    (hit,) = forms.search(f'"{WORDS[name]}"')  # in quotation marks: some have the same stem
    assert WORDS[name] in browser.get(f"/session/{id_of(name)}/messages/{hit.message_index}").text


@each_form
def test_find_on_the_page_finds(name: str, forms: SessionRepository, browser: FlaskClient) -> None:
    (hit,) = forms.search(f'"{WORDS[name]}"')  # in quotation marks: some have the same stem
    page = browser.get(f"/session/{id_of(name)}/hits?words={WORDS[name]}").text
    assert f'data-index="{hit.message_index}"' in page


@each_form
def test_show_prints(name: str, home: Path) -> None:
    assert WORDS[name] in done(home, "show", id_of(name))


@each_form
@pytest.mark.parametrize("format", ["markdown", "html"])
def test_an_export_has(name: str, format: ExportFormat, forms: SessionRepository) -> None:
    assert WORDS[name] in forms.export(id_of(name), format)


@each_form
def test_a_title_is_made_of_what_the_user_said(name: str) -> None:
    form = form_of(name)
    assert (WORDS[name] in title_from(form.messages)) == form.is_title


# ---- what a form becomes ----------------------------------------------------------------------------------


def test_the_parts_of_one_message_are_told_apart() -> None:
    found = read_message(
        {
            "role": "assistant",
            "timestamp": 5,
            "reasoning": "first",
            "content": [
                {"type": "thinking", "thinking": "second", "signature": "xyz"},
                {"type": "text", "text": "one"},
                {"type": "tool_use", "id": "c1", "name": "read", "input": {"path": "a"}},
                {"type": "image_url", "image_url": {"url": PNG}},
                {"type": "output_text", "text": "two"},
                {"type": "redacted_thinking", "data": "xyz"},
            ],
        }
    )
    assert (found.role, found.author, found.sent_at) == ("assistant", "Hermes", 5)
    assert (found.texts, found.reasoning) == (("one", "two"), ("first", "second"))
    assert [(call.call_id, call.name, call.arguments) for call in found.calls] == [
        ("c1", "read", {"path": "a"})
    ]
    assert [picture.kind for picture in found.pictures] == ["png"]
    assert found.attachments == ["redacted_thinking"]
    assert not found.is_answer


def test_what_a_tool_says_is_a_result_and_no_text() -> None:
    found = read_message({"role": "tool", "content": "a", "tool_call_id": "c1", "tool_name": "read"})
    assert (found.texts, found.results, found.is_answer) == ((), (Result("c1", "read", "a"),), True)
    part = {"type": "tool_result", "tool_use_id": "c2", "content": "b"}
    assert read_message({"role": "tool", "content": [part]}).results == (Result("c2", "", "b"),)
    assert read_message({"role": "user", "content": [part]}).is_answer
    assert not read_message({"role": "user", "content": [part, {"type": "text", "text": "and"}]}).is_answer
    assert read_message({"role": "tool"}).results == (Result("", "", ""),)


def test_the_same_thought_under_two_keys_is_one() -> None:
    assert read_message({"reasoning": "a", "reasoning_content": "a", "thinking": "b"}).reasoning == ("a", "b")


def test_a_picture_in_a_result_is_a_picture() -> None:
    inner = [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG[22:]}}]
    found = read_message({"role": "user", "content": [{"type": "tool_result", "content": inner}]})
    assert [picture.kind for picture in found.pictures] == ["png"]
    assert found.attachments == []


def test_the_sessions_own_calls_count_where_a_message_has_none() -> None:
    cards = [
        {"name": "first", "assistant_msg_idx": 1},
        {"name": "second", "assistant_msg_idx": 2},
        {"name": "third"},
        {"name": "fourth", "assistant_msg_idx": -1},
        {"name": "fifth", "assistant_msg_idx": 9},
        7,
    ]
    own = [{"name": "own"}]
    messages = [message("a"), message("b", "assistant", tool_calls=own), message("c", "assistant")]
    names = [[call.name for call in found.calls] for _, found in read_messages(messages, cards)]
    assert names == [["third", "fourth"], ["own"], ["second"]]
    assert [index for index, _ in read_messages(messages[2:], cards, 2)] == [2]


CALLS = [
    {"type": "tool_use", "id": "c1", "name": "read", "input": {}},
    {"type": "tool_use", "id": "c2", "name": "write", "input": {}},
]
ONE, TWO = ({"type": "tool_result", "tool_use_id": f"c{at}", "content": f"answer {at}"} for at in (1, 2))
GROUPS: dict[str, tuple[list[Any], list[list[int]]]] = {
    "messages of a tool": (
        [
            {"role": "assistant", "content": CALLS},
            message("a", "tool", tool_call_id="c2"),
            message("b", "tool"),
        ],
        [[0, 1, 2]],
    ),
    "parts of one message": (
        [{"role": "assistant", "content": CALLS}, {"role": "user", "content": [TWO, ONE]}, message("more")],
        [[0, 1], [2]],
    ),
    "parts of two messages": (
        [
            {"role": "assistant", "content": CALLS},
            {"role": "user", "content": [ONE]},
            {"role": "user", "content": [TWO]},
        ],
        [[0, 1, 2]],
    ),
    "a text beside the result": (
        [
            {"role": "assistant", "content": CALLS},
            {"role": "user", "content": [ONE, {"type": "text", "text": "a"}]},
        ],
        [[0], [1]],
    ),
    "the same result twice": (
        [{"role": "assistant", "content": CALLS}, {"role": "user", "content": [ONE, ONE]}],
        [[0], [1]],
    ),
    "no call": ([{"role": "user", "content": [ONE]}, message("a", "tool")], [[0], [1]]),
    "no message": ([], []),
}


@pytest.mark.parametrize("name", GROUPS)
def test_answers_are_grouped_with_their_calls(name: str) -> None:
    messages, groups = GROUPS[name]
    found = group_answers(read_messages(messages))
    assert [[index for index, _ in group] for group in found] == groups


def test_the_page_shows_results_among_parts_under_their_calls(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    messages = [{"role": "assistant", "content": CALLS}, {"role": "user", "content": [TWO, ONE]}]
    write_document(sessions, "s1", title="T", messages=messages)
    page = client.get("/session/s1/messages").text
    assert page.count("<article") == 1
    places = [page.index(text) for text in ("<code>read", "answer 1", "<code>write", "answer 2")]
    assert places == sorted(places)
    write_document(sessions, "s2", title="T", messages=messages[1:])
    page = client.get("/session/s2/messages").text
    assert (page.count("<article"), page.count('class="fold answer"')) == (1, 2)


JOINED: list[tuple[Any, str]] = [
    ({"content": [{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}]}, "a b"),
    ({"content": [{"type": "text"}, {"type": "image_url"}]}, ""),
    ({"content": None}, ""),
    ({"content": []}, ""),
    ({"content": 7}, "7"),
    ("a", "a"),
]


@pytest.mark.parametrize(("raw", "text"), JOINED)
def test_a_messages_parts_are_joined_by_spaces(raw: Any, text: str) -> None:
    assert message_text(raw) == text


TITLES: list[tuple[list[Any], str]] = [
    ([], "Untitled"),
    ([message("  a \n"), message("b")], "a"),
    ([message("answer", "assistant"), message("  "), message("second")], "second"),
    ([message("x" * 100)], "x" * 64),
    ([{"role": "user", "content": [{"type": "tool_result", "content": "a"}]}, message("b")], "b"),
    (["a", 7, {"role": "user"}], "Untitled"),
]


@pytest.mark.parametrize(("messages", "title"), TITLES)
def test_a_title_is_the_beginning_of_the_first_thing_that_the_user_said(
    messages: list[Any], title: str
) -> None:
    assert title_from(messages) == title


NAMED: list[tuple[Any, str]] = [
    ("c:\\d\\e.pdf", "e.pdf"),
    ({"name": "", "path": "/b/c/"}, "c"),
    ({"name": ["x"]}, UNNAMED),
    ({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:..."}}, "a.pdf"),
    (None, UNNAMED),
    ("x" * 500, "x" * 200),
]


@pytest.mark.parametrize(("attachment", "name"), NAMED)
def test_an_attachment_has_a_name(attachment: Any, name: str) -> None:
    assert read_message({"attachments": [attachment]}).attachments == [name]


# ---- the agent's ------------------------------------------------------------------------------------------


def test_an_agents_messages_are_read_in_the_same_way(tmp_path: Path) -> None:
    content = "\0json:" + json.dumps([{"type": "input_text", "text": "quagga"}])
    call = json.dumps([{"name": "terminal", "input": {"command": "zebra"}}])
    with writing(new_state(tmp_path / "state.db")) as db:
        keep_full_text(db)
        add_session(db, "a1", "hello")
        add_message(db, "a1", content, "user", 1_777_000_100.0)
        add_message(db, "a1", "", "assistant", 1_777_000_200.0, tool_calls=call, reasoning="giraffe")
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        page = create_app(sessions).test_client().get("/session/a1/messages").text
        texts = [page, sessions.export("a1", "markdown"), done(tmp_path, "show", "a1")]
        (hit,) = sessions.search("zebra")
        assert "\x02zebra\x03" in hit.snippet
    for text in texts:
        for word in ("quagga", "zebra", "giraffe"):
            assert word in text


# ---- search, while calls are added ------------------------------------------------------------------------


def found(sessions: SessionRepository, word: str) -> list[int | None]:
    """Return the indexes of the messages that a search finds."""
    assert sessions.complete_search() == 0
    return [hit.message_index for hit in sessions.search(word)]


def test_a_call_that_is_appended_is_found_with_its_message(sessions: SessionRepository) -> None:
    session_id = sessions.new().session_id
    new = [message("go"), message("done", "assistant")]
    card = {"name": "terminal", "args": {"command": "quagga"}, "assistant_msg_idx": 1}
    sessions.append(session_id, new, tool_calls=[card])
    assert found(sessions, "quagga") == [1]
    later = {"name": "terminal", "args": {"command": "zebra"}, "assistant_msg_idx": 3}
    sessions.append(session_id, new, tool_calls=[later])
    assert (found(sessions, "quagga"), found(sessions, "zebra")) == ([1], [3])
    earlier = {"name": "terminal", "input": {"command": "giraffe"}, "assistant_msg_idx": 1}
    sessions.append(session_id, [message("more")], tool_calls=[earlier])
    assert (found(sessions, "giraffe"), found(sessions, "zebra")) == ([1], [3])
    sessions.append(session_id, [], tool_calls=[{"name": "of_no_message"}])
    assert found(sessions, "of_no_message") == [0]
    sessions.truncate(session_id, 2)
    assert (found(sessions, "quagga"), found(sessions, "zebra")) == ([1], [])


def test_calls_that_cannot_be_read_leave_the_messages_searchable(sessions: SessionRepository) -> None:
    write_document(sessions, "s1", title="T", messages=[message("quagga")], tool_calls={"a": 1})
    assert found(sessions, "quagga") == [0]


IN_ARGUMENTS: dict[str, Any] = {
    "a line of its own": {"command": "first\nquagga\nlast"},
    "JSON in a text": json.dumps({"command": "first\nquagga\tlast"}),
    "quoted": json.dumps({"command": 'echo "quagga"'}),
    "escaped to ASCII": json.dumps({"command": "quagga 数据库"}),
    "a folder": json.dumps({"path": "c:\\new\\quagga"}),
}


@pytest.mark.parametrize("name", IN_ARGUMENTS)
def test_words_in_arguments_are_whole_words(name: str, sessions: SessionRepository) -> None:
    calls = [{"function": {"name": "terminal", "arguments": IN_ARGUMENTS[name]}}]
    write_document(
        sessions, "s1", title="T", messages=[message("", "assistant", tool_calls=calls)], tool_calls=[]
    )
    assert sessions.complete_search() == 0
    for word in ['"quagga"', *(['"new"'] if name == "a folder" else ["数据"] if "数" in str(calls) else [])]:
        assert [hit.message_index for hit in sessions.search(word)] == [0], word


# ---- calls that failed, and where to jump ---------------------------------------------------------------

FAILURES: dict[str, tuple[Any, bool]] = {
    "an error": ('{"error": "no such file"}', True),
    "no error": ('{"output": "", "exit_code": 0, "error": null}', False),
    "an exit code": ('{"output": "x", "exit_code": 2, "error": null}', True),
    "an exit code behind a long output": (json.dumps({"output": "x" * 20_000, "exit_code": 127}), True),
    "no success": ('{"success": false, "content": ""}', True),
    "an error in words": ("Error: permission denied", True),
    "a traceback": ("output\nTraceback (most recent call last):\n  File", True),
    "words about errors": ("The error rate is low, and exit_code is documented.", False),
    "a file that was read": (json.dumps({"content": 'print("error: x")'}), False),
}


@pytest.mark.parametrize("name", FAILURES)
def test_which_calls_failed(name: str) -> None:
    text, failed = FAILURES[name]
    assert [each.failed for each in read_message({"role": "tool", "content": text}).results] == [failed]
    card = {"name": "read", "snippet": text[:100], "assistant_msg_idx": 0}
    if len(text) < 100:
        ((_, found),) = read_messages([message("", "assistant")], [card])
        assert [each.failed for each in found.calls] == [failed]


def test_a_result_that_is_marked_as_an_error_failed() -> None:
    part = {"type": "tool_result", "content": "no match", "is_error": True}
    assert read_message({"role": "user", "content": [part]}).results[0].failed


def test_the_landmarks_of_a_conversation() -> None:
    call = {"id": "c1", "function": {"name": "terminal", "arguments": "{}"}}
    said = [
        message("\n  the first\nwords " + "and more " * 40, at=1.0),
        message("", "assistant", tool_calls=[call]),
        {"role": "tool", "tool_call_id": "c1", "content": '{"exit_code": 1}', "timestamp": 3.0},
        {"role": "user", "content": "", "attachments": ["plan.pdf"]},
    ]
    first, failed, last = landmarks(said, offset=10)
    assert (first.kind, first.index, first.sent_at) == ("user", 10, 1.0)
    assert first.words.startswith("the first words and more")
    assert len(first.words) <= 120
    assert (failed.kind, failed.index, failed.words) == ("failure", 12, "terminal")
    assert (last.kind, last.index, last.words) == ("user", 13, "plan.pdf")
