"""Files that nobody should have written: each is read without loss, or refused and left exactly as it is."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import NotFound, SessionRepository, Unreadable
from hermes_sessions.fields import READ_AS
from hermes_sessions.sidecars.document import BOM

from ..support.make import folder_of, message, turns, write, write_document

GOOD = {"session_id": "one", "title": "One", "messages": turns(2), "tool_calls": []}
TEXT = json.dumps(GOOD, indent=2).encode()


def with_message(text: str) -> bytes:
    return b'{\n  "title": "One",\n  "messages": [\n    ' + text.encode() + b'\n  ],\n  "tool_calls": []\n}'


HANDLED: dict[str, bytes] = {
    "one line": json.dumps(GOOD).encode(),
    "one line without spaces": json.dumps(GOOD, separators=(",", ":")).encode(),
    "tabs": json.dumps(GOOD, indent="\t").encode(),
    "CRLF": TEXT.replace(b"\n", b"\r\n"),
    "BOM": BOM + TEXT,
    "BOM and CRLF": BOM + TEXT.replace(b"\n", b"\r\n"),
    "space around": b" \n\t" + TEXT + b"\n\n ",
    "messages first": json.dumps({"messages": turns(2), **GOOD}).encode(),
    "messages last": json.dumps({"title": "One", "tool_calls": [], "messages": turns(2)}, indent=2).encode(),
    "no messages": b'{"title": "One"}',
    "empty object": b"{}",
    "empty object with space": b" { \n } ",
    "messages null": b'{"title": "One", "messages": null, "tool_calls": null}',
    "space in an empty list": b'{"title": "One", "messages": [ \n ' + b" " * 200 + b'], "tool_calls": [ ]}',
    "NaN": with_message('{"role": "user", "content": "x", "score": NaN, "more": [Infinity, -Infinity]}'),
    "lone surrogate": with_message('{"role": "user", "content": "cut \\ud83d"}'),
    "lone surrogate in the title": b'{"title": "cut \\ud83d", "messages": [{"content": "x"}]}',
    "lone surrogate in a key": b'{"title": "One", "\\udc00": 1, "messages": []}',
    "NUL": with_message('{"role": "user", "content": "a\\u0000b"}'),
    "huge integers": with_message(
        '{"role": "user", "n": 123456789012345678901234567890, "m": -' + "9" * 4000 + "}"
    ),
    "huge floats": with_message('{"role": "user", "n": 1e400, "m": 1.10, "k": 1E5}'),
    "escapes": b'{"t\\u0069tle": "\\u00e9\\/", "messages": [{"content": "\\u4f1a"}]}',
    "repeated key in a message": with_message('{"role": "user", "role": "tool", "content": "x"}'),
    "messages that are none": with_message('"text", null, 5, [], {}'),
    "messages elsewhere": b'{"title": "\\"messages\\": [", "x": {"messages": [1]}, "messages": [{}]}',
    "another id inside": json.dumps({**GOOD, "session_id": "../../etc"}).encode(),
    "deep but readable": with_message('{"role": "user", "content": ' + "[" * 200 + "]" * 200 + "}"),
    "many keys": json.dumps({**{f"k{n}": n for n in range(5000)}, "messages": turns(1)}).encode(),
    "a long key and value": json.dumps({"k" * 100_000: "v" * 100_000, "messages": turns(1)}).encode(),
    "all kinds of space": b'{"title"\t:\r\n"One" ,\n"messages"  :  [ {"a" : 1} , {"b":2} ] }',
}

REFUSED: dict[str, bytes] = {
    "empty": b"",
    "only space": b" \n",
    "an array": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "binary": bytes(range(256)),
    "UTF-16": TEXT.decode().encode("utf-16"),
    "invalid UTF-8 in a message": TEXT.replace(b"message 0", b"message \xff"),
    "invalid UTF-8 in the title": TEXT.replace(b"One", b"\xc3"),
    "raw surrogate": TEXT.replace(b"One", b"\xed\xa0\x80"),
    "control character": TEXT.replace(b"One", b"O\x01e"),
    "repeated key": b'{"title": "a", "title": "b", "messages": []}',
    "repeated messages": b'{"title": "a", "messages": [{"a": 1}], "x": 1, "messages": [{"b": 2}]}',
    "repeated messages of one length": b'{"title": "a", "messages": [1], "messages": [2]}',
    "trailing comma": b'{"title": "a",}',
    "more after the end": TEXT + b"{}",
    "a comment": b'{"title": "a" /* x */}',
    "too deep": b'{"title": "a", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "too deep with NaN": b'{"title": NaN, "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "NaN in a message": b'{"title": "a", "messages": [{"x": NaNa}]}',
    **{f"cut at {at}": TEXT[:at] for at in (1, 5, 20, len(TEXT) // 2, len(TEXT) - 3, len(TEXT) - 1)},
}


@pytest.mark.parametrize("name", HANDLED)
def test_what_is_handled_is_handled_without_loss(sessions: SessionRepository, name: str) -> None:
    write_document(sessions, "kept", title="kept")
    path = write(sessions, "one", HANDLED[name])
    before = json.loads(HANDLED[name])
    read = sessions.get("one")
    assert same(read.messages, before.get("messages") or [])
    assert sessions.list(hidden=True).total == 2
    assert sessions.messages("one").total == len(read.messages)

    sessions.update("one", touch=False, pinned=True, extra={"unknown": {"new": [1]}})
    sessions.append("one", [message("appended")], tool_calls=[{"name": "x"}])
    wanted = {
        **before,
        "pinned": True,
        "unknown": {"new": [1]},
        "messages": [*(before.get("messages") or []), message("appended")],
        "tool_calls": [*(before.get("tool_calls") or []), {"name": "x"}],
    }
    agrees(path, wanted)
    sessions.truncate("one", len(read.messages))
    agrees(path, {**wanted, "messages": before.get("messages") or []})
    assert same(sessions.get("one").messages, read.messages)
    summary = sessions.summary("one")
    sessions.rebuild()
    assert sessions.summary("one") == summary
    assert len(sessions.list(hidden=True).items) == 2
    assert sessions.export("one")


# What a shortened file says, so that the web UI does not bring the longer version back.
SHORTENED = ("intentional_shrink_generation", "truncation_watermark", "truncation_boundary")


def agrees(path: Path, wanted: dict[str, Any]) -> None:
    """Check a file against what it should say, as plain `json` reads it, key by key and in order."""
    after = json.loads(path.read_text("utf-8"))
    assert [key for key in after if key in wanted] == [
        key for key in wanted if key in after
    ] or "unknown" in after
    assert not wanted.keys() - after.keys()
    assert after.keys() - wanted.keys() <= {"message_count", *READ_AS, *READ_AS.values(), *SHORTENED}
    assert same(
        {key: after[key] for key in wanted if key != "updated_at"},
        {k: v for k, v in wanted.items() if k != "updated_at"},
    )


def same(one: Any, other: Any) -> bool:
    return json.dumps(one) == json.dumps(other)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_reported_and_left_as_it_is(sessions: SessionRepository, name: str) -> None:
    write_document(sessions, "kept", title="kept")
    path = write(sessions, "one", REFUSED[name])
    page = sessions.list(hidden=True)
    assert [summary.session_id for summary in page.items] == ["kept"]
    assert len(page.warnings) == 1
    assert page.warnings[0].startswith("one.json cannot be read: ")
    for call in (
        lambda: sessions.get("one"),
        lambda: sessions.summary("one"),
        lambda: sessions.messages("one"),
        lambda: sessions.export("one"),
        lambda: sessions.update("one", title="x"),
        lambda: sessions.append("one", [message()]),
        lambda: sessions.truncate("one", 0),
        lambda: sessions.clear("one"),
        lambda: sessions.undo("one"),
        lambda: sessions.fork("one"),
        lambda: sessions.duplicate("one"),
    ):
        with pytest.raises(Unreadable) as refused:
            call()
        assert refused.value.path == path
        assert str(path.parent) not in str(refused.value)
    assert path.read_bytes() == REFUSED[name]
    assert {entry.name for entry in folder_of(sessions).iterdir()} == {"kept.json", "one.json"}


@pytest.mark.parametrize("cut", range(1, len(TEXT), 37))
def test_a_file_cut_anywhere_stops_no_list_and_stays(sessions: SessionRepository, cut: int) -> None:
    path = write(sessions, "one", TEXT[:cut])
    assert len(sessions.list().warnings) == 1
    with pytest.raises(Unreadable):
        sessions.update("one", title="x")
    assert path.read_bytes() == TEXT[:cut]


def test_an_integer_too_long_for_python_is_copied_but_not_decoded(sessions: SessionRepository) -> None:
    path = write(sessions, "one", with_message('{"role": "user", "n": ' + "9" * 5000 + "}"))
    assert len(sessions.list().warnings) == 1
    with pytest.raises(Unreadable, match="4300"):
        sessions.get("one")
    with pytest.raises(Unreadable, match="4300"):
        sessions.update("one", title="x")
    assert b"9" * 5000 in path.read_bytes()


@pytest.mark.parametrize("value", ["{}", '"text"', "5", "true"])
@pytest.mark.parametrize("key", ["messages", "tool_calls"])
def test_a_transcript_that_is_no_list_is_never_overwritten(
    sessions: SessionRepository, key: str, value: str
) -> None:
    path = write(sessions, "one", f'{{"title": "One", "{key}": {value}}}')
    assert getattr(sessions.get("one"), key) == []
    with pytest.raises(Unreadable, match=f"{key} is not a list"):
        sessions.append("one", [message()], tool_calls=[{"name": "x"}])
    sessions.update("one", title="Two")
    assert f'"{key}": {value}' in path.read_text()
    assert sessions.get("one").title == "Two"


def test_names_that_are_no_sessions(sessions: SessionRepository) -> None:
    folder = folder_of(sessions)
    for name in ("_index.json", "_other.json", ".hidden.json", "one.json.bak", "one.tmp.1.2", "notes.txt"):
        (folder / name).write_text("{}")
    (folder / "sub").mkdir()
    assert sessions.list(hidden=True).items == []
    assert sessions.list(hidden=True).warnings == ()
    (folder / "a name.json").write_text("{}")
    (folder / "folder.json").mkdir()
    (folder / ("ü" + "x" * 100 + ".json")).write_text("{}")
    warnings = sessions.list(hidden=True).warnings
    assert len(warnings) == 3
    assert all("cannot be read" in warning for warning in warnings)
    assert sessions.sync().unreadable == 3


def test_links_are_followed_or_said(sessions: SessionRepository, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_bytes(TEXT)
    (folder_of(sessions) / "linked.json").symlink_to(tmp_path / "elsewhere.json")
    (folder_of(sessions) / "nowhere.json").symlink_to(tmp_path / "nothing.json")
    loop = folder_of(sessions) / "loop.json"
    loop.symlink_to(loop)
    page = sessions.list()
    assert [summary.session_id for summary in page.items] == ["linked"]
    assert len(page.warnings) == 1
    with pytest.raises(NotFound):
        sessions.get("nowhere")


def test_a_pipe_in_the_folder_does_not_hang(sessions: SessionRepository) -> None:
    os.mkfifo(folder_of(sessions) / "pipe.json")
    assert len(sessions.list().warnings) == 1
    with pytest.raises(Unreadable):
        sessions.get("pipe")
