"""Search as its callers see it: both stores, current after every change, repaired when broken."""

import gc
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from hermes_sessions import Hit, InvalidValue, SessionRepository
from hermes_sessions.index import database
from hermes_sessions.model import FileChange
from hermes_sessions.search.sync import INLINE_FILES, SearchIndex
from hermes_sessions.sidecars import LARGEST_AT_ONCE, document

from ..support.agent_db import (
    add_message,
    add_session,
    all_handles,
    dump,
    handles,
    keep_full_text,
    new_state,
    writing,
)
from ..support.efforts import examples
from ..support.make import message, started, turns, write, write_document

START = 1_777_000_000.0


def find(sessions: SessionRepository, text: str, **how: Any) -> list[str]:
    """Return the ids that a search finds once everything is indexed."""
    until = time.monotonic() + 60
    hits = sessions.search(text, **how)
    while hits.missing and time.monotonic() < until:  # the background is indexing
        hits = sessions.search(text, **how)
    assert not hits.partial, (hits.missing, hits.warnings)
    return [hit.session_id for hit in hits]


def write_session(sessions: SessionRepository, *texts: str, **metadata: Any) -> str:
    """Store a session with these messages, from user and assistant in turn, and return its id."""
    session = sessions.new(**metadata)
    roles = ("user", "assistant")
    messages = [message(text, roles[at % 2], START + 60 * at) for at, text in enumerate(texts)]
    sessions.append(session.session_id, messages)
    return session.session_id


def only(hits: list[Hit]) -> Hit:
    """Return the one hit that there is."""
    (hit,) = hits
    return hit


# ---- what matches, and in which order ---------------------------------------------------------------------


def test_a_hit_has_the_message_s_position_and_the_text_around_the_match(sessions: SessionRepository) -> None:
    chosen = write_session(sessions, "hello", "the quarterly budget review is due", title="Meeting")
    write_session(sessions, "of something else")
    hit = only(sessions.search("Budget"))
    assert (hit.session_id, hit.segment_id, hit.title) == (chosen, chosen, "Meeting")
    assert (hit.match, hit.message_index, hit.source) == ("content", 1, "webui")
    assert hit.snippet == "the quarterly \x02budget\x03 review is due"
    assert hit.summary == sessions.list().items[[s.session_id for s in sessions.list().items].index(chosen)]


def test_titles_come_first_then_whole_words_then_beginnings_then_parts(sessions: SessionRepository) -> None:
    part = write_session(sessions, "the xbudgetary thing")
    begins = write_session(sessions, "budgeting is hard")
    word = write_session(sessions, "our budget")
    title_begins = write_session(sessions, "hello", title="Budgets of all")
    title = write_session(sessions, "hello", title="The budget")
    title_part = write_session(sessions, "hello", title="Xbudgetx")
    assert find(sessions, "budget") == [title, title_begins, word, begins, title_part, part]
    scores = [hit.score for hit in sessions.search("budget")]
    assert scores == sorted(scores, reverse=True)


def test_a_conversation_is_one_hit_with_its_best_message(sessions: SessionRepository) -> None:
    long = "padding " * 300
    chosen = write_session(sessions, f"needle {long}", "needle needle", f"{long} needle {long}")
    hit = only(sessions.search("needle"))
    assert (hit.session_id, hit.message_index) == (chosen, 1)


def test_equal_messages_come_newest_first(sessions: SessionRepository) -> None:
    ids = []
    for at in (START, START + 40 * 86_400, START + 20 * 86_400):
        session = sessions.new()
        sessions.append(session.session_id, [message("the same words", at=at)])
        ids.append(session.session_id)
    assert find(sessions, "same words") == [ids[1], ids[2], ids[0]]


@pytest.mark.parametrize(
    "typed",
    ["数据", "数据库", "检索", "検索", "검색", "get_cli_sess", "li_sessi", "ession", "CAFÉ", "vergrö"],
)
def test_unspaced_scripts_parts_of_identifiers_and_accents_are_found(
    sessions: SessionRepository, typed: str
) -> None:
    text = "数据库检索 検索する 검색합니다 get_cli_sessions() cafe Vergrößerung"
    chosen = write_session(sessions, text)
    write_session(sessions, "nothing of that")
    assert find(sessions, typed) == [chosen]
    assert "\x02" in only(sessions.search(typed)).snippet


@pytest.mark.parametrize(
    "typed", ["ABC123", "ＡＢＣ１２３", "bc12", "カード", "ｶｰﾄﾞ", "ガス", "株式会社", "office", "ﬃce"]
)
def test_full_width_and_half_width_forms_are_found_by_their_ordinary_ones(
    sessions: SessionRepository, typed: str
) -> None:
    chosen = write_session(sessions, "ＡＢＣ１２３ ｶｰﾄﾞ と ｶﾞｽ ㍿ oﬃce")
    other = write_session(sessions, "ABC123 カード と ガス 株式会社 office", title="Ordinary")
    titled = write_session(sessions, "nothing", title="ＡＢＣ１２３　カード　ガス　㍿　oﬃce")
    write_session(sessions, "nothing of that")
    assert set(find(sessions, typed)) == {chosen, other, titled}
    snippets = {hit.session_id: hit.snippet for hit in sessions.search(typed)}
    assert "\x02" in snippets[chosen]
    assert "\x02" in snippets[other]


def test_a_snippet_shows_full_width_letters_as_they_were_written(sessions: SessionRepository) -> None:
    write_session(sessions, "see ＡＢＣ today")
    assert only(sessions.search("abc")).snippet == "see \x02ＡＢＣ\x03 today"


def test_words_of_tools_reasoning_and_attachments_are_found(sessions: SessionRepository) -> None:
    call = {"id": "c", "function": {"name": "run_shell", "arguments": '{"command": "grep walrus"}'}}
    session = sessions.new()
    sessions.append(
        session.session_id,
        [
            message("look", attachments=[{"name": "zebra.pdf"}]),
            message("", "assistant", reasoning="a giraffe perhaps", tool_calls=[call]),
            message("out: pelican " + "x " * 5000 + "toucan", "tool"),
        ],
    )
    for word, index in {"zebra": 0, "giraffe": 1, "walrus": 1, "run_shell": 1, "pelican": 2}.items():
        assert only(sessions.search(word)).message_index == index
    (hit,) = sessions.search("toucan")  # behind the first 4,000 characters of a tool's answer
    assert hit.message_index == 2
    assert hit.snippet.endswith("\x02toucan\x03")


def test_a_query_without_words_finds_nothing(sessions: SessionRepository) -> None:
    started(sessions)
    for typed in ("", "  ", '"', "***", "- -"):
        assert find(sessions, typed) == []


BAD: list[dict[str, Any]] = [
    {"text": 3},
    {"text": "x", "limit": 0},
    {"text": "x", "offset": -1},
    {"text": "x", "scope": "nowhere"},
    {"text": "x", "since": "yesterday"},
    {"text": "x", "depth": -1},
    {"text": "x", "archived": "no"},
]


@pytest.mark.parametrize("given_", BAD)
def test_the_error_names_the_invalid_argument(sessions: SessionRepository, given_: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue, match=[*given_][-1]):
        sessions.search(**given_)


def test_credentials_are_masked_in_title_and_snippet(sessions: SessionRepository) -> None:
    secret = "sk-" + "abcdefgh" * 4
    write_session(sessions, f"needle API_KEY={secret} here", title=f"needle {secret}")
    for scope in ("title", "content"):
        hit = only(sessions.search("needle", scope=scope))
        assert secret not in hit.snippet + hit.title
        assert "\x02needle\x03" in hit.snippet
    assert secret in only(sessions.search("needle", scope="content", redact=False)).snippet


# ---- filters and pages ------------------------------------------------------------------------------------


def test_filters_are_those_of_lists(sessions: SessionRepository) -> None:
    project = sessions.projects.create("Atlas").project_id
    plain = write_session(sessions, "needle")
    work = write_session(sessions, "needle", profile="work")
    filed = write_session(sessions, "needle", project_id=project)
    old = write_session(sessions, "needle", archived=True)
    cron = write_session(sessions, "needle", source_tag="cron")
    everything = {plain, work, filed, old}
    assert set(find(sessions, "needle")) == everything
    assert set(find(sessions, "needle", hidden=True)) == everything | {cron}
    assert find(sessions, "needle", profile="work") == [work]
    assert find(sessions, "needle", project_id=project) == [filed]
    assert find(sessions, "needle", archived=True) == [old]
    assert set(find(sessions, "needle", archived=False)) == everything - {old}
    assert find(sessions, "needle", source="cli") == []


def test_role_time_and_depth_select_messages(sessions: SessionRepository) -> None:
    chosen = write_session(sessions, "needle one", "needle two", "needle three")
    assert only(sessions.search("needle", role="assistant")).message_index == 1
    assert only(sessions.search("needle", since=START + 100)).message_index == 2
    assert only(sessions.search("needle", until=START + 60)).message_index == 0
    assert only(sessions.search("three", depth=3)).session_id == chosen
    assert find(sessions, "three", depth=2) == []
    assert find(sessions, "three", depth=0) == [chosen]


def test_all_pages_together_are_the_whole_result(sessions: SessionRepository) -> None:
    for number in range(25):
        write_session(sessions, f"needle {number}", title="needle too" if number % 3 == 0 else "Other")
    whole = find(sessions, "needle", limit=100)
    assert len(set(whole)) == 25
    paged = [find(sessions, "needle", limit=4, offset=offset) for offset in range(0, 28, 4)]
    assert [each for page in paged for each in page] == whole


def test_more_matches_than_one_window_are_all_found(sessions: SessionRepository) -> None:
    lone = write_session(sessions, "needle")
    busy = sessions.new()
    sessions.append(busy.session_id, [message(f"needle {number}") for number in range(2_500)])
    assert sorted(find(sessions, "needle", limit=10)) == sorted([lone, busy.session_id])


# ---- changes ----------------------------------------------------------------------------------------------


def test_every_change_made_here_shows_in_the_next_search(sessions: SessionRepository) -> None:
    chosen = write_session(sessions, "first", "second")
    assert find(sessions, "second") == [chosen]
    sessions.append(chosen, [message("third")])
    assert only(sessions.search("third")).message_index == 2
    sessions.update(chosen, title="Renamed thing")
    assert only(sessions.search("renamed")).match == "title"
    sessions.truncate(chosen, 2)
    assert find(sessions, "third") == []
    sessions.append(chosen, [message("fourth")])
    assert only(sessions.search("fourth")).message_index == 2
    session = sessions.get(chosen)
    session.messages[0]["content"] = "zeroth"
    sessions.save(session)
    assert (find(sessions, "first"), find(sessions, "zeroth")) == ([], [chosen])
    assert only(sessions.search("fourth")).message_index == 2
    copy = sessions.duplicate(chosen).session_id
    assert set(find(sessions, "zeroth")) == {chosen, copy}
    sessions.clear(chosen)
    assert find(sessions, "zeroth") == [copy]


def test_a_session_in_the_trash_is_not_found_until_it_is_restored(sessions: SessionRepository) -> None:
    chosen = write_session(sessions, "needle", title="Pin")
    assert find(sessions, "needle") == [chosen]
    sessions.delete(chosen)
    assert (find(sessions, "needle"), find(sessions, "pin")) == ([], [])
    sessions.restore(chosen)
    assert (find(sessions, "needle"), find(sessions, "pin")) == ([chosen], [chosen])


def test_changes_by_another_program_are_found(sessions: SessionRepository) -> None:
    write_document(sessions, "foreign", title="Foreign", messages=turns(3))
    assert find(sessions, '"message 2"') == ["foreign"]
    write_document(sessions, "foreign", title="Foreign", messages=[*turns(3), message("the new one")])
    assert only(sessions.search("new")).message_index == 3
    (sessions.config.sessions_dir / "foreign.json").unlink()
    started(sessions)
    assert find(sessions, "new") == []


def test_two_repositories_find_each_other_s_changes(sessions: SessionRepository) -> None:
    with SessionRepository.open(hermes_home=sessions.config.hermes_home) as other:
        one, two = write_session(sessions, "alpha"), write_session(other, "beta")
        assert (find(sessions, "beta"), find(other, "alpha")) == ([two], [one])
        other.append(one, [message("gamma")])
        sessions.append(one, [message("delta")])
        for repository in (sessions, other):
            assert [find(repository, word) for word in ("alpha", "gamma", "delta")] == [[one]] * 3


WORDS = ("alpha", "beta", "gamma", "数据库", "delta")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("append", "rename", "truncate", "save", "foreign", "delete", "new")),
        st.integers(0, 4),
    ),
    max_size=12,
)


@pytest.mark.sqlite("another home for each example")
@examples(0.25, shares_fixtures=True)
@given(STEPS)
def test_after_any_sequence_of_changes_exactly_the_present_text_is_found(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    with SessionRepository.open(hermes_home=tmp_path_factory.mktemp("home")) as sessions:
        write_session(sessions, WORDS[0], title="Begun")
        for act, number in steps:
            _act(sessions, act, WORDS[number])
            everything = [sessions.get(each.session_id) for each in sessions.list(hidden=True).items]
            for word in WORDS:
                expected = {
                    each.session_id
                    for each in everything
                    if word in each.title or any(word in str(sent["content"]) for sent in each.messages)
                }
                assert set(find(sessions, f'"{word}"', hidden=True)) == expected, (act, word)


def _act(sessions: SessionRepository, act: str, word: str) -> None:
    listed = [each.session_id for each in sessions.list(hidden=True).items]
    if act == "new" or not listed:
        write_session(sessions, word, title=f"New {word}")
        return
    chosen = min(listed)
    session = sessions.get(chosen)
    acts: dict[str, Callable[[], object]] = {
        "append": lambda: sessions.append(chosen, [message(word)]),
        "rename": lambda: sessions.update(chosen, title=word),
        "truncate": lambda: sessions.truncate(chosen, len(session.messages) // 2),
        "save": lambda: sessions.save(_with(session, word)),
        "foreign": lambda: write_document(sessions, chosen, title="Foreign", messages=[message(word)]),
        "delete": lambda: sessions.delete(chosen),
    }
    acts[act]()


def _with(session: Any, word: str) -> Any:
    session.messages.insert(0, message(word))
    return session


# ---- building and repairing the index ---------------------------------------------------------------------


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A home of more files than a search reads itself."""
    home = tmp_path / "large"
    with SessionRepository.open(hermes_home=home) as sessions:
        for number in range(INLINE_FILES + 30):
            messages = [message(f"needle{number}")]
            write_document(sessions, f"s{number:03}", title=f"Title {number}", messages=messages)
    for name in ("search.db", "search.db-wal", "search.db-shm"):
        (home / "webui" / name).unlink(missing_ok=True)
    return home


def test_a_search_is_partial_until_everything_is_indexed(large: Path) -> None:
    with SessionRepository.open(hermes_home=large) as sessions:
        hits = sessions.search("title", limit=200)  # titles are there at once
        assert len(hits) == INLINE_FILES + 30
        calls: list[tuple[int, int]] = []
        assert sessions.complete_search(progress=lambda done, total: calls.append((done, total))) == 0
        assert calls == sorted(calls)
        assert all(done <= total for done, total in calls)
        assert find(sessions, "needle7") == ["s007", *find(sessions, "needle7")[1:]]
        assert not sessions.search("needle42").partial


@pytest.mark.slow
@pytest.mark.parametrize("role", ["NaN", '"user"'])
def test_a_large_file_of_short_messages_is_read_once_for_the_index(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    write_document(sessions, "long", title="Long", messages=[])
    path = sessions.config.sessions_dir / "long.json"
    messages = [
        f'{{"role": {role}, "content": "word{number % 7}", "id": "{"x" * 40}"}}' for number in range(12_500)
    ]
    path.write_text(path.read_text().replace('"messages": []', f'"messages": [{", ".join(messages)}]'))
    sessions.sync()
    size = path.stat().st_size
    assert size > LARGEST_AT_ONCE
    parsed: list[int] = []
    original = document.item_texts

    def counted(data: bytes, array: document.Span) -> list[memoryview]:
        parsed.append(len(data))
        return original(data, array)

    monkeypatch.setattr(document, "item_texts", counted)
    assert sessions.complete_search() == 0
    assert size / 2 < sum(parsed) < 2 * size
    assert [hit.session_id for hit in sessions.search("word6")] == ["long"]


_KILLED = """
import os, signal, sys
from hermes_sessions import SessionRepository
sessions = SessionRepository.open(hermes_home=sys.argv[1])
sessions.complete_search(progress=lambda done, total: done and os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.slow
def test_a_killed_build_continues_where_it_stopped(large: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(large)], check=False)
    assert killed.returncode in (0, -signal.SIGKILL)  # 0 if the background was faster
    with SessionRepository.open(hermes_home=large) as sessions:
        assert sessions.complete_search() == 0
        for number in range(0, INLINE_FILES + 30, 9):
            assert f"s{number:03}" in find(sessions, f"needle{number}")


_WRITES = """
import os, signal, sys, threading, time
from hermes_sessions import SessionRepository
sessions = SessionRepository.open(hermes_home=sys.argv[1])
threading.Timer(float(sys.argv[2]), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
for number in range(100_000):
    name = f"s{number % 20:03}"
    sessions.append(name, [{"role": "user", "content": f"thread{number}"}])
    if number % 7 == 0:
        sessions.update(name, title=f"Heading{number}")
"""


@pytest.mark.fault
@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.6, 1.0])
def test_after_a_kill_during_writes_search_agrees_with_the_files(large: Path, seconds: float) -> None:
    killed = subprocess.run([sys.executable, "-c", _WRITES, str(large), str(seconds)], check=False)
    assert killed.returncode == -signal.SIGKILL
    with SessionRepository.open(hermes_home=large) as sessions:
        assert sessions.complete_search() == 0
        for number in range(20):
            session = sessions.get(f"s{number:03}")
            for index, text in enumerate(each["content"] for each in session.messages):
                hits = sessions.search(f'"{text}"', scope="content")
                assert [(hit.session_id, hit.message_index) for hit in hits] == [(session.session_id, index)]
            assert session.session_id in find(sessions, f'"{session.title}"')


def spoil(path: Path, name: str) -> None:
    """Damage the index's file as a failing disk or another version could."""
    if name == "removed":
        path.unlink()
    elif name == "no database":
        path.write_bytes(b"no database at all" * 1000)
    elif name == "torn":
        data = bytearray(path.read_bytes())
        data[4096 : 4096 * 4] = os.urandom(4096 * 3)
        path.write_bytes(data)
    else:
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version = 99")
    for more in ("-wal", "-shm"):
        path.with_name(path.name + more).unlink(missing_ok=True)


@pytest.mark.sqlite("search.db in the home")
@pytest.mark.parametrize("name", ["removed", "no database", "torn", "another format"])
def test_an_unusable_index_is_replaced(sessions: SessionRepository, name: str) -> None:
    chosen = write_session(sessions, "needle")
    assert find(sessions, "needle") == [chosen]
    home = sessions.config.hermes_home
    sessions.close()
    spoil(sessions.config.state_dir / "search.db", name)
    with SessionRepository.open(hermes_home=home) as reopened:
        assert find(reopened, "needle") == [chosen]
        reopened.append(chosen, [message("thread")])
        assert find(reopened, "thread") == [chosen]


def test_an_index_that_is_removed_while_open_is_replaced(sessions: SessionRepository) -> None:
    chosen = write_session(sessions, "needle")
    assert find(sessions, "needle") == [chosen]
    for path in sessions.config.state_dir.glob("search.db*"):
        path.unlink()
    assert find(sessions, "needle") == [chosen]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")
def test_no_file_stays_open_after_searches_beside_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERMES_SESSIONS_CACHE_DIR", str(tmp_path / "cache"))
    gc.disable()  # or it closes what was forgotten
    try:
        with SessionRepository.open(hermes_home=tmp_path / "home") as sessions:
            chosen = write_session(sessions, "needle")
            for number in range(50):
                sessions.append(chosen, [message(f"thread {number}")])
                assert find(sessions, "needle") == [chosen]
        # Other homes stay open for all tests of a process.
        assert not [each for each in all_handles() if "search.db" in each and str(tmp_path) in each]
    finally:
        gc.enable()


def test_a_rebuilt_index_of_sessions_finds_the_same(sessions: SessionRepository) -> None:
    chosen = write_session(sessions, "needle")
    assert find(sessions, "needle") == [chosen]
    sessions.rebuild()
    assert find(sessions, "needle") == [chosen]


@pytest.mark.parametrize(
    "typed", ["needle", "needle thread", "needle -pin", "needel", "tool:x has:error role:user"]
)
def test_a_search_reads_no_table_from_end_to_end(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    write_session(sessions, "needle and thread")
    assert find(sessions, "needle")
    plans: dict[str, list[str]] = {}
    raw_rows = database.raw_rows

    def explained(connection: Connection, statement: str, parameters: Sequence[object] = ()) -> Any:
        steps = raw_rows(connection, f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans[statement] = [step[-1] for step in steps]
        return raw_rows(connection, statement, parameters)

    monkeypatch.setattr(database, "raw_rows", explained)
    sessions.search(typed)
    for statement, steps in plans.items():
        scanned = {step.split()[1] for step in steps if step.startswith("SCAN")}
        # Words are looked through for parts, which no index finds; removed messages and agents are few.
        assert scanned <= {"texts", "titles", "words", "vocabularies", "found", "json_each"}, (
            statement,
            steps,
        )
    assert any("texts MATCH" in statement for statement in plans) or ":" in typed


NEEDLE = '{"role": "user", "content": "needle", "timestamp": 1777000000}'
ODD = {
    "digits": '{"role": "user", "content": ' + "9" * 5000 + "}",
    "no object": '1, null, [], "x"',
    "deep": '{"content": ' + "[" * 900 + "3" + "]" * 900 + "}",
    "a part of digits": '{"content": [{"type": "text", "text": ' + "1" * 5000 + "}, 3]}",
    "no time": '{"content": "x", "timestamp": "soon", "role": {}}',
    "no number": '{"content": NaN, "timestamp": NaN}',
    "half a pair": '{"content": "\\ud800", "role": "\\udfff"}',
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_message_does_not_hide_others(sessions: SessionRepository, name: str) -> None:
    chosen = write_session(sessions, "needle")
    write(sessions, "odd", f'{{"title": "Odd", "messages": [{ODD[name]}, {NEEDLE}]}}')
    assert set(find(sessions, "needle")) == {chosen, "odd"}


def test_an_unreadable_file_counts_as_missing_and_the_rest_is_found(sessions: SessionRepository) -> None:
    write_document(sessions, "closed", title="Closed", messages=[message("needle")])
    assert sessions.count(hidden=True) == 1
    path = sessions.config.sessions_dir / "closed.json"
    path.chmod(0)
    chosen = write_session(sessions, "needle")
    hits = sessions.search("needle")
    if os.geteuid():
        assert ([hit.session_id for hit in hits], hits.missing) == ([chosen], 1)
    path.chmod(0o600)
    assert set(find(sessions, "needle")) == {chosen, "closed"}


@pytest.mark.slow
def test_what_the_background_is_writing_counts_as_missing(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, release, apply = threading.Event(), threading.Event(), SearchIndex._apply

    def waiting(self: SearchIndex, change: FileChange) -> None:
        held.set()
        release.wait(60)
        apply(self, change)

    with monkeypatch.context() as patch:
        patch.setattr(SearchIndex, "_apply", waiting)
        try:
            chosen = write_session(sessions, "needle")
            assert held.wait(60)
            hits = sessions.search("needle")
            assert (list(hits), hits.missing) == ([], 1)
        finally:
            release.set()
    assert find(sessions, "needle") == [chosen]


def test_a_truncated_file_is_a_warning_and_the_rest_is_found(sessions: SessionRepository) -> None:
    write_document(sessions, "torn", title="Torn", messages=[message("needle")])
    whole = write_session(sessions, "needle")
    assert set(find(sessions, "needle")) == {"torn", whole}
    path = sessions.config.sessions_dir / "torn.json"
    path.write_bytes(path.read_bytes()[:-1])
    hits = sessions.search("needle")
    assert {hit.session_id: hit.snippet for hit in hits} == {"torn": "", whole: "\x02needle\x03"}
    sessions.sync()
    hits = sessions.search("needle")
    assert whole in [hit.session_id for hit in hits]
    assert hits.partial
    assert hits.warnings == sessions.list().warnings
    assert hits.warnings[0].startswith('torn.json ("Torn") cannot be read')


# ---- the agent's conversations ----------------------------------------------------------------------------


def agent_home(home: Path, *tables: str) -> Path:
    """Make a home with an agent whose conversations say something, kept in these full-text tables."""
    home.mkdir()
    with writing(new_state(home / "state.db")) as db:
        if tables != ("none",):
            keep_full_text(db, *tables)
        closed = {"end_reason": "compression"}
        add_session(
            db, "a", "an early walrus", "two", begun=START, ended_at=START + 100, title="Chain", **closed
        )
        add_session(db, "b", "数据库 the late pelican", "日本", begun=START + 100, parent_session_id="a")
        add_session(
            db,
            "lone",
            "get_cli_sessions and 予算 ＷＩＤＥ",
            "pelican again",
            begun=START + 1000,
            title="Lone walrus",
        )
        add_session(db, "cron_x_1", "walrus", begun=START, source="cron")
        add_session(db, "web", "walrus", begun=START, source="webui")
        add_message(db, "lone", "taken back: toucan", active=0)
    return home


@pytest.fixture(params=[(), ("messages_fts",), ("messages_fts_trigram",), ("none",)], ids=str)
def agents(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SessionRepository]:
    """A repository beside an agent that keeps all, one or none of its full-text tables."""
    with SessionRepository.open(hermes_home=agent_home(tmp_path / "home", *request.param)) as sessions:
        yield sessions


def test_the_agent_s_conversations_are_found_with_any_full_text_tables(agents: SessionRepository) -> None:
    before = dump(agents.config.hermes_home / "state.db")
    assert find(agents, "walrus") == ["lone", "b"]
    assert set(find(agents, "pelican")) == {"lone", "b"}
    for typed in ("数据", "数据库", "日本"):
        assert find(agents, typed) == ["b"], typed
    for typed in ("予算", "get_cli_sess", "li_sessi", "cli_sessions", "ＷＩＤＥ"):
        assert find(agents, typed) == ["lone"], typed
    assert find(agents, "toucan") == []
    assert find(agents, "pelican -again") == ["b"]
    assert find(agents, "walrus", agent=False) == []
    assert dump(agents.config.hermes_home / "state.db") == before
    assert not [each for each in handles() if "state.db" in each]


def test_a_message_that_was_summarised_away_is_found_beside_one_that_is_left(
    agents: SessionRepository,
) -> None:
    with writing(agents.config.hermes_home / "state.db") as db:
        columns = {row[1] for row in db.execute("PRAGMA table_info(messages)")}
        if "compacted" not in columns:
            db.execute("ALTER TABLE messages ADD COLUMN compacted INTEGER NOT NULL DEFAULT 0")
        add_session(db, "archived", "stays", "stays too", begun=START)
        add_message(db, "archived", "a wisteria", timestamp=START + 9, active=0)
        db.execute("UPDATE messages SET compacted = 1 WHERE content = 'a wisteria'")
        add_message(db, "archived", "a rhododendron", timestamp=START + 10, active=0)
    hit = only(agents.search("wisteria"))
    assert (hit.session_id, hit.message_index) == ("archived", 1)
    assert len(agents.get("archived").messages) == 2
    assert find(agents, "rhododendron") == []  # taken back


def test_a_chain_is_one_hit_that_names_its_segment(agents: SessionRepository) -> None:
    hit = only(agents.search("early walrus"))
    assert (hit.session_id, hit.segment_id, hit.message_index, hit.title) == ("b", "a", 0, "Chain")
    assert hit.snippet.replace("\x02", "").replace("\x03", "") == "an early walrus"
    again = agents.messages(hit.segment_id, before=(hit.message_index or 0) + 1, limit=1).messages
    assert again[0]["content"] == "an early walrus"


def test_an_agent_s_conversation_in_the_trash_is_not_found(agents: SessionRepository) -> None:
    agents.delete("lone")
    assert find(agents, "pelican") == ["b"]
    agents.restore("lone")
    assert set(find(agents, "pelican")) == {"lone", "b"}


def test_an_unreadable_agent_is_a_warning_and_the_rest_is_found(sessions: SessionRepository) -> None:
    chosen = write_session(sessions, "walrus")
    (sessions.config.hermes_home / "state.db").write_bytes(b"no database" * 1000)
    hits = sessions.search("walrus")
    assert [hit.session_id for hit in hits] == [chosen]
    assert hits.partial
    assert "cannot be read" in hits.warnings[0]


def test_a_search_that_nobody_waits_for_ends_early(sessions: SessionRepository) -> None:
    started(sessions, 4, title="rhubarb")
    sessions.complete_search()
    asked: list[None] = []

    def is_wanted() -> bool:
        asked.append(None)
        return len(asked) < 2

    found = sessions.search("rhubarb custard", is_wanted=is_wanted)
    assert len(asked) == 2
    assert not found
    assert found.warnings == ("The search was not finished, because nobody waits for it any more.",)
    assert sessions.search("rhubarb", is_wanted=lambda: True)
