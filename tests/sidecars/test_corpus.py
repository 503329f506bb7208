"""Hundreds of hostile files beside a few good sessions: none stops a list, none is changed by reading.

The corpus is made, not stored: generators of names and bytes, and `PLACED`, a table of what is no file.
"""

import hashlib
import json
import os
import socket
import stat
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hermes_sessions import Page, SessionRepository, SessionsError, Summary
from hermes_sessions.fields import FIELDS, UNTITLED, is_id
from hermes_sessions.json_text import Malformed
from hermes_sessions.search.worker import BackgroundIndexer
from hermes_sessions.sidecars import document
from hermes_sessions.sidecars.document import BOM
from webapp import create_app

from ..support.make import folder_of, message, turns, write_document

pytestmark = pytest.mark.slow

Files = Iterator[tuple[str, bytes]]

MEGABYTE = 1_000_000
GOOD = ("good-1", "good-2", "good-3")
ITEM = '{"role": "user", "content": "hello", "timestamp": 1777000000}'


def sidecar(messages: str = ITEM, before: str = "", after: str = "") -> bytes:
    """Return a sidecar with these messages, and members before and after them (lone surrogates escaped)."""
    text = f'{{\n  "title": "One", {before}\n  "messages": [{messages}],\n  "tool_calls": []{after}\n}}'
    return text.encode("utf-8", "backslashreplace")


# ---- files cut short ------------------------------------------------------------------------------------

# Cut at each bar; the names say where that is.
CUTS = """{|
  "ti|tle|"|:| "On|e \\|n \\u00|e9 \\ud83d|\\u|de00 ü"|,|
  "pin|ned": fal|se,| "cost": -|1|.|5e|+|3, "none": nu|ll, "more": {|"a": [|1,| {|}|]|},
  "mess|ages"|:| [|{|"role": "us|er", "content": "he|llo"}|,| {"role": "assistant"|}|]|,
  "tool_calls": [|]|
"""


def cut() -> Files:
    """Cut a file at every kind of place: for msgspec, for `json` alone (a NaN), and behind a BOM."""
    pieces = CUTS.split("|")
    for at in range(len(pieces)):
        head = "".join(pieces[: at + 1]).rstrip("\n").encode()
        yield f"cut-{at}", head
        yield f"cut-nan-{at}", head.replace(b"{", b'{"score": NaN, ', 1)
        yield f"cut-bom-{at}", BOM + head
    whole = "".join(pieces).encode() + b"}"
    at = whole.index("ü".encode())
    yield "cut-in-a-character", whole[: at + 1]
    yield "cut-in-a-character-nan", b'{"score": NaN, ' + whole[1 : at + 1]
    yield "cut-before-the-end", whole.rstrip(b"}\n")
    yield "whole", whole


# ---- values of the wrong type ---------------------------------------------------------------------------

WRONG = {
    "null": "null",
    "true": "true",
    "negative": "-1",
    "fraction": "1.5",
    "text": '"text"',
    "empty": '""',
    "half-a-pair": '"\\ud83d"',
    "list": "[]",
    "object": "{}",
    "nested": '[null, {"a": [1.5, "x"]}]',
    "infinite": "1e400",
    "nan": "NaN",
    "huge": "9223372036854775808",
    "digits": "9" * 4300,
    "too-many-digits": "9" * 4301,
}
KEYS = (
    *("session_id", *FIELDS, "message_count", "last_message_at", "is_streaming"),
    *("extra", "source", "raw_source", "read_only", "manual_title", "gateway_routing", "context_messages"),
)


def wrong_types() -> Files:
    """Give every key, every list and every part of a message each wrong value."""
    for kind, value in WRONG.items():
        for key in KEYS:
            known = {"title": '"One"', key: value}
            head = ", ".join(f'"{name}": {text}' for name, text in known.items())
            yield f"{key}-{kind}", f'{{{head}, "messages": [{ITEM}]}}'.encode()
        for key in ("messages", "tool_calls"):
            yield f"{key}-{kind}", f'{{"title": "One", "{key}": {value}}}'.encode()
            yield f"{key}-of-{kind}", f'{{"title": "One", "{key}": [{value}, {{}}, {value}]}}'.encode()
        for key in ("role", "content", "timestamp", "_ts", "tool_calls", "attachments", "reasoning"):
            yield f"message-{key}-{kind}", sidecar(f'{{"role": "user", "{key}": {value}}}')
        yield f"part-{kind}", sidecar(f'{{"role": "user", "content": [{{"type": "text", "text": {value}}}]}}')
        card = f'[{{"assistant_msg_idx": {value}, "name": {value}}}]'
        yield f"card-{kind}", f'{{"title": "One", "messages": [{ITEM}], "tool_calls": {card}}}'.encode()


# ---- too much -------------------------------------------------------------------------------------------


def deep() -> Files:
    """Nest values: beyond every limit, and around the depth where Python's own stops."""
    for kind, opening, closing in (("lists", "[", "]"), ("objects", '{"a":', "}")):
        for key in ("title", "extra", "pending_attachments", "messages", "tool_calls", "enabled_toolsets"):
            nested = opening * 100_000 + "1" + closing * 100_000
            yield f"deep-{kind}-{key}", f'{{"title": "One", "{key}": {nested}}}'.encode()
            yield f"deep-open-{kind}-{key}", f'{{"title": "One", "{key}": {opening * 100_000}'.encode()
        yield from nested_by((90, 150, 400, 700, 1100, 2000), kind, opening, closing)
    yield "brackets", b"[" * 100_000
    yield "braces", b"{" * 100_000
    yield "deep-lists-nan", b'{"title": NaN, "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def nested_by(depths: Iterable[int], kind: str, opening: str, closing: str) -> Files:
    for depth in depths:
        nested = opening * depth + "1" + closing * depth
        for key in ("extra", "pending_attachments"):
            yield f"depth-{depth}-{kind}-{key}", sidecar(before=f'"{key}": {nested},')
        yield f"depth-{depth}-{kind}-message", sidecar(f'{{"role": "user", "content": {nested}}}')


def borderline() -> Files:
    """Nest values about as deep as Python goes, which depends on how deep its caller stands."""
    yield from nested_by(range(780, 1000, 4), "lists", "[", "]")
    yield from nested_by(range(780, 1000, 4), "objects", '{"a":', "}")


def large() -> Files:
    """Make one value huge, or very many of them."""
    text = "x" * (50 * MEGABYTE)
    yield "50-mb-message", sidecar(f'{{"role": "user", "content": "{text}"}}')
    yield "50-mb-cut", f'{{"title": "One", "messages": [{{"content": "{text}'.encode()
    yield "50-mb-of-nul", bytes(50 * MEGABYTE)
    del text
    text = "ü" * (5 * MEGABYTE)
    yield "10-mb-title", f'{{"title": "{text}", "messages": [{ITEM}]}}'.encode()
    yield "10-mb-extra", sidecar(before=f'"extra": "{text}",')
    yield "10-mb-key", sidecar(before=f'"{"k" * (10 * MEGABYTE)}": 1,')
    yield "10-mb-of-space", sidecar(after=" " * (10 * MEGABYTE))
    yield "10-mb-number", sidecar(before=f'"extra": {"9" * (10 * MEGABYTE)},')
    yield "100000-messages", sidecar(",".join([ITEM] * 100_000))
    yield "100000-messages-without-time", sidecar(",".join(['{"role": "user"}'] * 100_000))
    yield "100000-messages-with-nan", sidecar(",".join(['{"role": NaN}'] * 100_000))
    yield "100000-messages-cut", sidecar(",".join([ITEM] * 100_000))[:-40]
    yield "100000-cards", sidecar(after=', "cards": [' + ",".join(['{"name": "x"}'] * 100_000) + "]")
    yield "100000-keys", sidecar(before="".join(f'"k{at}": {at},' for at in range(100_000)))


# ---- bytes that are no text, text that is no JSON ---------------------------------------------------------

PLACES = {
    "key": b'{"ti@tle": "One", "messages": []}',
    "title": b'{"title": "O@ne", "messages": []}',
    "extra": b'{"title": "One", "extra": ["a@b"], "messages": []}',
    "message": b'{"title": "One", "messages": [{"role": "user", "content": "he@llo"}]}',
    "role": b'{"title": "One", "messages": [{"ro@le": "user"}]}',
    "tail": b'{"title": "One", "messages": [], "extra": "a@b"}',
    "space": b'{"title": "One",@ "messages": []}',
    "start": b'@{"title": "One", "messages": []}',
    "end": b'{"title": "One", "messages": []}@',
}
BYTES = {
    "no-utf-8": b"\xff",
    "half-a-character": b"\xe4\xbc",
    "raw-surrogate": b"\xed\xa0\x80",
    "overlong": b"\xc0\xaf",
    "beyond-unicode": b"\xf4\x90\x80\x80",
    "nul": b"\0",
    "escaped-nul": b"\\u0000",
    "nuls": bytes(4096),
    "control": b"\x1b[31m",
    "newline": b"\n",
    "bom": BOM,
    "half-a-pair": b"\\ud83d",
    "wrong-pair": b"\\ude00\\ud83d",
    "no-escape": b"\\x41",
    "short-escape": b"\\u00",
    "separator": "\u2028".encode(),
    "right-to-left": "\u202e".encode(),
}


def placed() -> Files:
    """Put bytes that do not belong there into every place."""
    for place, text in PLACES.items():
        for kind, odd in BYTES.items():
            yield f"{kind}-in-{place}", text.replace(b"@", odd)


WHOLE = sidecar()
NUMBERS = """-0 01 .5 5. +5 0x10 1e 1e+ 1E400 -1e400 1e-400 1_000 Infinity -Infinity +Infinity NaN nan -NaN
    9223372036854775807 -9223372036854775809 1.7976931348623159e308 0.1e1""".split()


def no_json() -> Files:
    """Write what other programs leave behind, and what is nearly JSON."""
    for at, number in enumerate(NUMBERS):
        for key in ("extra", "created_at", "estimated_cost"):
            yield f"number-{at}-{key}", sidecar(before=f'"{key}": {number},')
        yield f"number-{at}-message", sidecar(f'{{"role": "user", "timestamp": {number}}}')
    for key in ("title", "messages", "session_id", "extra", ""):
        pair = f'"{key}": [], "x": 1, "{key}": []'
        yield f"twice-{key}", f"{{{pair}}}".encode()
        yield f"twice-nan-{key}", f'{{"y": NaN, {pair}}}'.encode()
    yield "twice-escaped", b'{"title": "a", "t\\u0069tle": "b"}'
    yield "twice-within", sidecar('{"role": "user", "role": "tool"}', before='"extra": {"a": 1, "a": 2},')
    texts: dict[str, str | bytes] = {
        "nothing": "",
        "space": " \r\n\t ",
        "bom-alone": BOM,
        "bom-twice": BOM + BOM + WHOLE,
        "array": f"[{WHOLE.decode()}]",
        "number": "5",
        "string": json.dumps(WHOLE.decode()),
        "true": "true",
        "null": "null",
        "nan": "NaN",
        "utf-16": WHOLE.decode().encode("utf-16"),
        "utf-16-le": WHOLE.decode().encode("utf-16-le"),
        "utf-32": WHOLE.decode().encode("utf-32"),
        "latin-1": WHOLE.replace(b"One", b"\xfcber"),
        "every-byte": bytes(range(256)) * 16,
        "gzip": bytes.fromhex("1f8b0800000000000003") + bytes(90),
        "database": b"SQLite format 3\0" + bytes(4080),
        "pickle": b"\x80\x04\x95\x10\0\0\0}\x94.",
        "html": "<!DOCTYPE html><title>502 Bad Gateway</title>",
        "single-quotes": "{'title': 'One'}",
        "no-quotes": '{title: "One"}',
        "comment": WHOLE.replace(b"{", b"{ // One\n", 1),
        "comma-last": WHOLE.replace(b"[]", b"[],"),
        "comma-first": WHOLE.replace(b"{", b"{,", 1),
        "comma-twice": WHOLE.replace(b",", b",,", 1),
        "no-comma": WHOLE.replace(b",", b" ", 1),
        "no-colon": WHOLE.replace(b":", b" ", 1),
        "semicolon": WHOLE.replace(b",", b";", 1),
        "wrong-bracket": WHOLE.replace(b"[]", b"[}"),
        "more-behind": WHOLE + b"}",
        "two-documents": WHOLE + b"\n" + WHOLE,
        "a-conflict": b"<<<<<<< HEAD\n" + WHOLE + b"=======\n" + WHOLE + b">>>>>>> other\n",
        "overwritten": WHOLE + WHOLE[-30:],
        "half-of-nul": WHOLE[:60] + bytes(len(WHOLE) - 60),
        "nul-behind": WHOLE + bytes(512),
        "key-that-is-none": '{5: "x", "messages": []}',
        "null-key": '{null: "x"}',
        "undefined": '{"title": undefined}',
        "no-members": "{}",
    }
    for name, text in texts.items():
        yield name, text if isinstance(text, bytes) else text.encode()


SMALL: tuple[Callable[[], Files], ...] = (cut, wrong_types, placed, no_json)
ALL = (*SMALL, deep, large)


def slug(name: str) -> str:
    """Return a name as an id, apart from those of the good sessions."""
    return "h-" + "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)


# ---- what is no file, and names that are no ids -----------------------------------------------------------


def _socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as made:  # whose own paths may have 107 bytes
            made.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def _link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


PLACED: dict[str, Callable[[Path], None]] = {
    "a-folder": Path.mkdir,
    "a-pipe": os.mkfifo,
    "a-socket": _socket,
    "a-link-to-itself": _link("a-link-to-itself.json"),
    "a-link-there": _link("and-back.json"),
    "and-back": _link("a-link-there.json"),
    "a-link-to-a-folder": _link("."),
    "a-link-to-a-pipe": _link("a-pipe.json"),
    "a-link-without-end": _link("/dev/zero"),
    "a-link-to-nothing-ever": _link("/dev/null"),
    "a-link-into-a-file": _link("good-1.json/x"),
    "a-link-too-long": _link("x" * 300),
}
NAMES = [
    *(name.encode() for name in "%s%n|a.b|a..|{}|a:b|*|~|<script>|ü|会話|e\u0301|a\\xff|good-1 ".split("|")),
    *(b"a b", b"a\tb", b"a\nb", b"a\x1b[31m", b"\xff\xfe", b"a\xffb", b"'; DROP TABLE sessions; --"),
    *(b"x" * 129, b"x" * 250, b"-" * 129, b"\xff" * 250, "会".encode() * 83),
]


# ---- the home -------------------------------------------------------------------------------------------


class Entry(NamedTuple):
    """What a name in the folder stands for: everything that a change would change."""

    mode: int
    inode: int
    size: int
    mtime_ns: int
    text: str


def entries(folder: Path) -> dict[bytes, Entry]:
    """Look at everything in a folder, following no link."""
    found = {}
    for path in folder.iterdir():
        seen = path.lstat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(seen.st_mode) else ""
        found[os.fsencode(path.name)] = Entry(
            seen.st_mode, seen.st_ino, seen.st_size, seen.st_mtime_ns, digest
        )
    return found


class Home(NamedTuple):
    """A repository over a corpus, the names of what was put there, and what it was before any look."""

    sessions: SessionRepository
    hostile: frozenset[str]
    untouched: dict[bytes, Entry]

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return folder_of(self.sessions)

    def unreadable(self) -> set[str]:
        """Return the names of the files that a list cannot show."""
        return {warning.partition(".json cannot be read: ")[0] for warning in self.page().warnings}

    def page(self) -> Page[Summary]:
        """Return everything that can be listed."""
        return self.sessions.list(hidden=True)


def fill(sessions: SessionRepository, generators: tuple[Callable[[], Files], ...]) -> Home:
    """Write good sessions and, while nothing is looked at, hostile files beside them."""
    folder = folder_of(sessions)
    for name in GOOD:
        write_document(sessions, name, title=name, messages=turns(4), tool_calls=[])
    names = set()
    for generator in generators:
        for name, data in generator():
            names.add(slug(name))
            path = folder / f"{slug(name)}.json"
            assert not path.exists(), f"two files are named {name}"
            path.write_bytes(data)
    return Home(sessions, frozenset(names), entries(folder))


def readable_name(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with the whole corpus, which no test may change."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        # What is left open is counted: the thread has files open at any moment. A search reads them itself.
        patch.setattr(BackgroundIndexer, "start", lambda _: None)
        folder = tmp_path_factory.mktemp("corpus")
        sessions = stack.enter_context(SessionRepository.open(hermes_home=folder))
        home = fill(sessions, ALL)
        for name, place in PLACED.items():
            place(home.folder / f"{name}.json")
        for odd in NAMES:
            Path(os.fsdecode(os.fsencode(home.folder) + b"/" + odd + b".json")).write_bytes(WHOLE)
        names = {*home.hostile, *PLACED, *map(readable_name, NAMES)}
        yield Home(sessions, frozenset(names), entries(home.folder))


def led_to(descriptor: Path) -> Path | None:
    """Return what a descriptor leads to, None if it is closed since."""
    with suppress(FileNotFoundError):
        return descriptor.readlink()
    return None


def descriptors() -> list[str]:
    """Return which files this process has open, less those of the indexes, which come and go."""
    opened = [path.name for each in Path("/proc/self/fd").iterdir() if (path := led_to(each)) is not None]
    return sorted(name for name in opened if not name.startswith(("sessions.db", "search.")))


@pytest.fixture
def unchanged(corpus: Home) -> Iterator[Home]:
    """The corpus, for a test after which every file is as it was, and none was left open."""
    opened = descriptors()
    yield corpus
    assert entries(corpus.folder) == corpus.untouched
    assert descriptors() == opened


# ---- what must hold -------------------------------------------------------------------------------------


def check_words(home: Home, words: str) -> None:
    """Check what is said to people: no path, no traceback, no file's whole text."""
    assert str(home.sessions.config.hermes_home) not in words
    assert "Traceback" not in words
    assert 'File "' not in words
    assert len(words) < 2000


def check_sane(summary: Summary) -> None:
    """Check that a list entry holds what its types say, and nothing that breaks whoever shows it."""
    for name, rule in FIELDS.items():
        value = getattr(summary, name)
        rounded = value == 2.0**63  # what a column of floats makes of the largest whole number
        assert (value is None and not rule.required) or rule.accepts(value) or rounded, (name, value)
        if isinstance(value, str):
            value.encode()  # or no database and no response could take it
            assert len(value) <= (rule.longest or len(value))
    assert is_id(summary.session_id)
    assert summary.message_count >= 0
    assert isinstance(summary.last_message_at, float)
    json.dumps(summary.as_dict())


def outcome(home: Home, call: Callable[[], Any]) -> Any:
    """Return what a call returns, or the error that it may raise."""
    try:
        return call()
    except SessionsError as error:
        check_words(home, str(error))
        return error


def reads(sessions: SessionRepository, name: str) -> list[Callable[[], Any]]:
    return [
        lambda: sessions.get(name),
        lambda: sessions.summary(name),
        lambda: sessions.messages(name),
        lambda: sessions.messages(name, before=2, limit=1),
        lambda: sessions.export(name),
    ]


def changes(sessions: SessionRepository, name: str) -> list[Callable[[], Any]]:
    return [
        lambda: sessions.update(name, title="x"),
        lambda: sessions.append(name, [message()], tool_calls=[{"name": "x"}]),
        lambda: sessions.truncate(name, 0),
        lambda: sessions.clear(name),
        lambda: sessions.undo(name),
        lambda: sessions.fork(name, keep=1),
        lambda: sessions.duplicate(name),
        lambda: sessions.save(replace(sessions.get("good-1"), session_id=name)),
        lambda: sessions.save(replace(sessions.get(name), title="y", messages=[message("again")])),
    ]


def test_there_are_hundreds_of_hostile_files(corpus: Home, capsys: pytest.CaptureFixture[str]) -> None:
    listed = {summary.session_id for summary in corpus.page().items}
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(corpus.hostile)} hostile files: {len(listed & corpus.hostile)} are listed, "
            f"{len(corpus.unreadable())} are named in warnings\n"
        )
    assert len(corpus.hostile) >= 200


def test_none_stops_a_list_a_sync_or_a_rebuild(unchanged: Home) -> None:
    sessions = unchanged.sessions
    before = unchanged.page()
    assert {summary.session_id for summary in before.items} >= {*GOOD}
    for again in (sessions.sync, sessions.rebuild):
        assert again().unreadable == len(before.warnings)
        assert repr(unchanged.page()) == repr(before)  # NaN is no more than itself
    with SessionRepository.open(sessions.config.state_dir) as other:
        assert repr(other.list(hidden=True)) == repr(before)


def test_none_stops_a_search(unchanged: Home) -> None:
    sessions = unchanged.sessions
    assert sessions.complete_search() == 0
    listed = {summary.session_id for summary in unchanged.page().items}
    assert {hit.session_id for hit in sessions.search("hello", limit=10_000, hidden=True)} <= listed
    for good in GOOD:
        text = str(sessions.get(good).messages[0]["content"])
        assert good in {hit.session_id for hit in sessions.search(text, limit=10_000, hidden=True)}


def test_each_is_listed_sanely_or_named(unchanged: Home) -> None:
    page = unchanged.page()
    for summary in page.items:
        check_sane(summary)
    for warning in page.warnings:
        check_words(unchanged, warning)
    listed = {summary.session_id for summary in page.items} - {*GOOD}
    assert listed.isdisjoint(unchanged.unreadable())
    assert listed | unchanged.unreadable() == unchanged.hostile
    assert len(page.items) == page.total == len(listed) + len(GOOD)
    assert len(page.warnings) == len(unchanged.unreadable())


def test_the_good_sessions_are_read_beside_them(unchanged: Home) -> None:
    for name in GOOD:
        assert unchanged.sessions.get(name).messages == turns(4)
        assert unchanged.sessions.messages(name, limit=1).messages == turns(4)[3:]


def test_reading_one_returns_it_or_says_why_not(unchanged: Home) -> None:
    for name in sorted(unchanged.hostile):
        for read in reads(unchanged.sessions, name):
            outcome(unchanged, read)


def test_what_cannot_be_read_is_never_changed(unchanged: Home) -> None:
    for name in sorted(unchanged.unreadable()):
        for change in changes(unchanged.sessions, name):
            assert isinstance(outcome(unchanged, change), SessionsError), name


def test_a_web_page_lists_the_good_ones_in_json_that_a_browser_reads(unchanged: Home) -> None:
    answer = create_app(unchanged.sessions).test_client().get("/api/sessions")
    assert answer.status_code == 200

    def refuse(constant: str) -> None:
        raise AssertionError(f"no JSON: {constant}")

    listed = json.loads(answer.data, parse_constant=refuse)["sessions"]
    assert {entry["session_id"] for entry in listed} >= {*GOOD}


@pytest.mark.parametrize("frames", [0, 150])
def test_what_is_nested_as_deep_as_python_goes_stops_nothing(
    sessions: SessionRepository, frames: int
) -> None:
    home = fill(sessions, (borderline,))

    def below(depth: int, call: Callable[[], Any]) -> Any:
        return below(depth - 1, call) if depth else outcome(home, call)

    for look in (home.page, sessions.sync, sessions.rebuild, home.page):
        assert not isinstance(below(frames, look), SessionsError)
    for at, name in enumerate(sorted(home.hostile)):
        *quick, export = reads(sessions, name)
        for call in (*quick, *changes(sessions, name), *([export] if at % 8 == 0 else [])):
            below(frames, call)
    assert {summary.session_id for summary in home.page().items} >= {*GOOD}


def some(calls: list[Callable[[], Any]], at: int) -> list[Callable[[], Any]]:
    """Return three of the calls, others for each file: every call meets every kind of file."""
    return [calls[(at + step) % len(calls)] for step in (0, 2, 5)]


def test_what_is_listed_can_be_changed_and_keeps_everything_else(sessions: SessionRepository) -> None:
    home = fill(sessions, SMALL)
    for at, name in enumerate(sorted(home.hostile - home.unreadable())):
        path = home.folder / f"{name}.json"
        for change in some(changes(sessions, name), at):
            data = path.read_bytes()
            if isinstance(outcome(home, change), SessionsError):
                assert path.read_bytes() == data
            else:
                check_kept(data, path.read_bytes())
    before = comparable(home.page())
    sessions.rebuild()
    assert comparable(home.page()) == before


def check_kept(before: bytes, after: bytes) -> None:
    """Check that keys keep their order, and all but those that were set their values."""
    old, new = parsed(before), parsed(after)
    assert [key for key in new if key in old] == list(old)
    set_ = {"title", "message_count", "updated_at", "messages", "tool_calls", "context_messages"}
    was, now = old.get("messages"), new.get("messages")
    if was != now and not (isinstance(was, list) and isinstance(now, list) and now[: len(was)] == was):
        set_ |= {"intentional_shrink_generation", "truncation_watermark", "truncation_boundary"}
    title = new.get("title")
    origin = {"manual_title": title != UNTITLED, "llm_title_generated": False}  # where an update set it
    set_now = {} if title == old.get("title") else origin
    for key in old.keys() - set_:
        assert json.dumps(new[key]) in {json.dumps(each[key]) for each in (old, set_now) if key in each}


def parsed(data: bytes) -> Any:
    """Return what plain `json` reads, numbers as their text."""
    return json.loads(data.decode("utf-8-sig"), parse_int=str, parse_float=str)


def comparable(page: Page[Summary]) -> dict[str, str]:
    """Return what a page lists by id, NaN comparable too, less what a row may know better than its file.

    A row of a saved session has its other keys at any size.
    """
    return {each.session_id: repr(replace(each, extra={})) for each in page.items}


def test_each_can_be_deleted_and_lies_in_the_trash_as_it_was(sessions: SessionRepository) -> None:
    home = fill(sessions, (cut, no_json))
    names = {*home.hostile, *PLACED}
    for name in names - home.hostile:
        PLACED[name](home.folder / f"{name}.json")
    before = by_id(home.folder)
    for name in sorted(names):
        sessions.delete(name)
    assert by_id(sessions.config.trash_dir) == {name: before[name] for name in names}
    assert {summary.session_id for summary in home.page().items} == {*GOOD}
    assert home.page().warnings == ()


def by_id(folder: Path) -> dict[str, Entry]:
    """Look at everything in a folder, by the first part of its name."""
    return {name.decode().partition(".")[0]: entry for name, entry in entries(folder).items()}


@pytest.mark.parametrize("end", ['": 1}', "", '\\n": NaN}'])
def test_a_long_key_takes_the_memory_of_a_few_copies(end: str) -> None:
    data = b'{"' + b"k" * MEGABYTE + end.encode()
    tracemalloc.start()
    try:
        with suppress(Malformed):
            document.members(data)
        assert tracemalloc.get_traced_memory()[1] < 10 * len(data)
    finally:
        tracemalloc.stop()
