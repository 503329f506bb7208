"""Live updates: the watcher by itself, its route, and the streams of a served home."""

import itertools
import json
import logging
import re
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPResponse
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from hermes_sessions import Changes, SessionRepository
from hermes_sessions.errors import StorageError
from webapp import create_app, live
from webapp.live import CONNECTED, KEEP_ALIVE, Listener, Watcher

from ..support.agent_db import handles
from ..support.make import started
from ..support.serving import STOP_SECONDS, address, served, start, stop
from ..support.web import KEY, error, reply, settings

PATH, AGENTS = "/api/sessions/events", "/api/sessions/gateway/stream"
LOGGER = logging.getLogger("tests.live")
LONG, NEVER = 60.0, 3600.0
FEED = ("changed", "removed", "complete")


# ---- a watch and what it watches ------------------------------------------------------------------------


class Store:
    """A store that lets its watch wait: every look takes one of the answers given, a version or an error."""

    def __init__(self) -> None:
        self.given: SimpleQueue[str | Exception] = SimpleQueue()
        self.lists: SimpleQueue[Exception] = SimpleQueue()
        self.looks = self.listed = 0
        self.current = ""
        self.asked: list[str | None] = []

    def give(self, *answers: str | Exception) -> None:
        for answer in answers:
            self.given.put(answer)

    def version(self) -> str:
        answer = self.given.get()
        self.looks += 1
        if isinstance(answer, Exception):
            raise answer
        self.current = answer
        return answer

    def changes(self, since: str | None) -> Changes:
        self.asked.append(since)
        return Changes(self.current, ("a",), (), complete=since is not None)

    def entries(self) -> list[dict[str, Any]]:
        self.listed += 1
        if not self.lists.empty():
            raise self.lists.get()
        return entries(self.current)


def entries(title: str) -> list[dict[str, Any]]:
    """Return the list of a store whose only session is titled with the store's version."""
    return [{"session_id": "a", "profile": "work", "title": title}]


def unchanged(since: str | None) -> Changes:
    """Return what a change feed says while nothing changes."""
    return Changes("token", (), (), complete=since is not None)


Watch = Callable[..., Watcher]


@pytest.fixture
def store() -> Store:
    """A store that answers when the test says so."""
    return Store()


@pytest.fixture
def watch(store: Store) -> Iterator[Watch]:
    """Makes a watcher of the store, which looks again at once; no thread is left in the end."""
    made: list[Watcher] = []

    def make(poll_seconds: float = 0.0, keep_alive_seconds: float = LONG, most: int = 64) -> Watcher:
        watcher = Watcher(
            store.version,
            store.changes,
            store.entries,
            LOGGER,
            poll_seconds=poll_seconds,
            keep_alive_seconds=keep_alive_seconds,
            most=most,
        )
        made.append(watcher)
        return watcher

    yield make
    for watcher in made:
        watcher.close()
        store.give("the end")
    end_of_threads()
    assert not any(watcher.running for watcher in made)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == live.THREAD]


def end_of_threads() -> None:
    """Wait until no watch runs any more."""
    for thread in threads():
        thread.join(timeout=LONG)
    assert threads() == []


def joined(watcher: Watcher) -> tuple[Listener, Iterator[bytes]]:
    """Return a new listener and what it is sent after its first event."""
    listener = watcher.join()
    assert listener is not None
    events = watcher.events(listener)
    assert news(next(events)) is not None
    return listener, events


def place(block: bytes) -> str:
    """Return the place that a stream is at, which every event tells."""
    found = re.search(rb"^id: (.+)$", block, re.MULTILINE)
    assert found is not None, block
    return found[1].decode()


def news(block: bytes) -> Any:
    """Return the entries of an event after its form was compared."""
    return event_of(block)["sessions"]


def event_of(block: bytes) -> Any:
    """Return what an event holds after its form was compared."""
    assert place(block)
    assert block.index(b"\n\n") == len(block) - 2
    assert b"\nevent: sessions_changed\n" in block
    event = json.loads(block.partition(b"\ndata: ")[2])
    assert event.keys() - {"profile", "session_id"} == {"type", "version", "sessions", *FEED}
    assert event["type"] == "sessions_changed"
    return event


def news_where(blocks: Iterator[bytes], wanted: Callable[[Any], bool]) -> Any:
    """Return the entries of the first event that is as wanted: one change of a file may be told twice."""
    return next(entries for entries in map(news, blocks) if wanted(entries))


# ---- the watch by itself --------------------------------------------------------------------------------


def test_watching_starts_with_the_first_listener_and_ends_with_the_last(store: Store, watch: Watch) -> None:
    watcher = watch(poll_seconds=NEVER)

    def running() -> tuple[bool, int]:
        return watcher.running, len(threads())

    assert running() == (False, 0)
    store.give("1")
    first, _ = joined(watcher)
    second, _ = joined(watcher)
    assert running() == (True, 1)
    watcher.leave(first)
    watcher.leave(first)
    assert running() == (True, 1)
    watcher.leave(second)
    end_of_threads()
    assert running() == (False, 0)
    assert store.looks == 1


def test_watching_restarts_after_the_last_listener_left(store: Store, watch: Watch) -> None:
    watcher = watch()
    for round_ in range(3):
        store.give(f"{round_} before")
        listener, events = joined(watcher)
        store.give(f"{round_} after")
        assert news(next(events)) == entries(f"{round_} after")
        watcher.leave(listener)
        store.give(f"{round_} seen by nobody")
        end_of_threads()


def test_all_listeners_share_one_poll_and_one_event(store: Store, watch: Watch) -> None:
    watcher = watch()
    store.give("1")
    streams = [joined(watcher)[1] for _ in range(10)]
    for at, version in enumerate(("2", "3"), start=2):
        store.give(version)
        blocks = [next(events) for events in streams]
        assert news(blocks[0]) == entries(version)
        assert all(block is blocks[0] for block in blocks)
        assert (store.looks, store.listed) == (at, at)


def test_an_unchanged_version_sends_no_event(store: Store, watch: Watch) -> None:
    watcher = watch()
    store.give("1")
    _, events = joined(watcher)
    for version in "23":
        store.give(store.current, store.current, version)
        assert news(next(events)) == entries(version)
    assert (store.looks, store.listed) == (7, 3)


def test_keep_alive_comments_are_sent_while_nothing_changes(store: Store, watch: Watch) -> None:
    store.give("1")
    _, events = joined(watch(keep_alive_seconds=0.01))
    assert [next(events), next(events)] == [KEEP_ALIVE, KEEP_ALIVE]
    store.give("2")
    assert news(next(block for block in events if block != KEEP_ALIVE)) == entries("2")


def test_a_later_listener_begins_with_the_newest_event(store: Store, watch: Watch) -> None:
    watcher = watch()
    store.give("1")
    _, first = joined(watcher)
    store.give("2")
    next(first)
    later, informed = watcher.join(), watcher.join()
    assert later is not None
    assert informed is not None
    streams = [watcher.events(later), watcher.events(informed, "2")]
    assert news(next(streams[0])) == entries("2")
    store.give("3")
    assert [news(next(events)) for events in (first, *streams)] == [entries("3")] * 3


CHANGES: list[tuple[list[str], list[str], dict[str, str]]] = [
    (["a 1", "b 1"], ["a 1", "b 2"], {"session_id": "b", "profile": "of b"}),
    (["a 1", "b 1"], ["a 1"], {"session_id": "b", "profile": "of b"}),
    (["a 1"], ["b 1", "a 1"], {"session_id": "b", "profile": "of b"}),
    (["a 1", "b 1"], ["b 1", "a 1"], {}),
    (["a 1", "b 1"], ["a 2", "b 2"], {}),
    ([], [], {}),
]


@pytest.mark.parametrize(("before", "after", "change"), CHANGES)
def test_a_change_names_a_session_only_if_one_differs(
    before: list[str], after: list[str], change: dict[str, str]
) -> None:
    def listed(titles: list[str]) -> list[dict[str, Any]]:
        return [{"session_id": t[0], "profile": f"of {t[0]}", "title": t} for t in titles]

    assert live.changed_session(listed(before), listed(after)) == change


def test_an_event_names_the_session_that_changed_to_those_who_had_the_event_before(
    store: Store, watch: Watch
) -> None:
    watcher = watch()
    store.give("1")
    _, fast = joined(watcher)
    _, slow = joined(watcher)
    for version in "23":
        store.give(version)
        event = event_of(next(fast))
        assert (event["session_id"], event["profile"]) == ("a", "work")
    assert event_of(next(slow)).keys() == {"type", "version", "sessions", *FEED}, "it may have missed one"


def feed_of(block: bytes) -> list[Any]:
    """Return what an event says of the changes since the one before."""
    event = event_of(block)
    return [event[name] for name in FEED]


def test_a_new_client_reads_the_list_and_the_others_learn_what_changed(store: Store, watch: Watch) -> None:
    watcher = watch()
    store.give("1")
    listener = watcher.join()
    assert listener is not None
    events = watcher.events(listener)
    assert feed_of(next(events)) == [[], [], False]
    for version in "23":
        store.give(version)
        assert feed_of(next(events)) == [["a"], [], True]
    assert store.asked == [None, "1", "2"]


def test_a_client_that_connects_again_learns_what_it_has_missed(store: Store, watch: Watch) -> None:
    watcher = watch()
    for version in "123":
        store.give(version)
    listener, again = watcher.join(), watcher.join()
    assert listener is not None
    assert again is not None
    events = watcher.events(listener)
    while place(next(events)) != "3":
        pass
    assert feed_of(next(watcher.events(again, "1"))) == [["a"], [], True]
    assert store.asked[-1] == "1"


def test_a_client_that_was_slow_learns_what_it_has_missed(store: Store, watch: Watch) -> None:
    watcher = watch()
    store.give("1")
    _, slow = joined(watcher)
    _, fast = joined(watcher)
    for version in "23":
        store.give(version)
        next(fast)
    assert feed_of(next(slow)) == [["a"], [], True]
    assert store.asked[-1] == "1"


def test_a_listener_joins_only_after_the_first_version_is_known() -> None:
    let_in = threading.Event()
    too_early: list[bool] = []

    def version() -> str:
        too_early.append(let_in.wait(0.1))
        return "1"

    watcher = Watcher(version, unchanged, list, LOGGER, poll_seconds=NEVER)
    for _ in range(2):
        let_in.clear()
        listener, _events = joined(watcher)
        let_in.set()
        watcher.leave(listener)
        end_of_threads()
    assert too_early == [False, False]


def test_a_change_before_the_second_poll_is_sent(store: Store, watch: Watch) -> None:
    watcher = watch()
    with ThreadPoolExecutor(2) as pool:
        joining = [pool.submit(joined, watcher) for _ in range(2)]
        store.give("before")
        streams = [future.result(timeout=LONG)[1] for future in joining]
    store.give("after")
    assert [news(next(events)) for events in streams] == [entries("after")] * 2


def test_a_slow_listener_skips_to_the_newest_event(store: Store, watch: Watch) -> None:
    watcher = watch(keep_alive_seconds=0.01)
    store.give("1")
    _, slow = joined(watcher)
    _, fast = joined(watcher)
    for version in "2345":
        store.give(version)
        assert news(next(block for block in fast if block != KEEP_ALIVE)) == entries(version)
    assert news(next(slow)) == entries("5")
    assert next(slow) == KEEP_ALIVE


def test_each_error_is_logged_once_and_watching_continues(
    store: Store, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = watch()
    store.give(StorageError("no disk"))
    listener = watcher.join()
    assert listener is not None
    events = watcher.events(listener)
    store.give("1")
    assert news(next(events)) == entries("1")
    store.give(StorageError("no disk"), StorageError("no index"), RuntimeError("a bug"), "1", "2")
    assert news(next(events)) == entries("2")
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"the list cannot be watched: {words}" for words in ("no disk", "no index", "a bug")]


def test_a_list_that_could_not_be_read_is_sent_later(
    store: Store, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = watch()
    store.give("1")
    _, events = joined(watcher)
    store.lists.put(StorageError("locked"))
    store.give("2", "2")
    assert news(next(events)) == entries("2")
    assert store.listed == 3
    assert "locked" in caplog.text


def test_too_many_listeners_are_refused(store: Store, watch: Watch) -> None:
    watcher = watch(poll_seconds=NEVER, most=2)
    store.give("1")
    first, _ = joined(watcher)
    joined(watcher)
    assert watcher.join() is None
    watcher.leave(first)
    joined(watcher)
    assert watcher.join() is None


def test_a_listener_whose_client_is_gone_makes_room_and_its_stream_ends(store: Store, watch: Watch) -> None:
    watcher = watch(poll_seconds=NEVER, most=2)
    store.give("1")
    went = threading.Event()
    gone = watcher.join(went.is_set)
    joined(watcher)
    assert gone is not None
    assert watcher.join() is None
    events = watcher.events(gone)
    next(events)
    with ThreadPoolExecutor(1) as pool:
        end = pool.submit(list[bytes], events)
        went.set()
        joined(watcher)
        assert end.result(timeout=LONG) == []
    watcher.leave(gone)
    assert watcher.join() is None, "what left already gives no second place"


def test_closing_ends_every_stream(store: Store, watch: Watch) -> None:
    watcher = watch(poll_seconds=NEVER)
    store.give("1")
    streams = [joined(watcher)[1] for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        ends = [pool.submit(list[bytes], events) for events in streams]
        watcher.close()
        assert [future.result(timeout=LONG) for future in ends] == [[]] * 5
    end_of_threads()
    assert not watcher.has_room
    late = watcher.join()
    assert late is not None
    assert list(watcher.events(late)) == []
    assert threads() == []


@pytest.mark.slow
def test_no_listener_misses_a_change_while_others_come_and_go() -> None:
    changes = itertools.count()
    watcher = Watcher(
        lambda: str(next(changes)), unchanged, list, LOGGER, poll_seconds=0, keep_alive_seconds=LONG
    )

    def visit(_: int) -> bytes:
        listener, events = joined(watcher)
        try:
            return next(events)
        finally:
            watcher.leave(listener)

    with ThreadPoolExecutor(16) as pool:
        blocks = list(pool.map(visit, range(800)))
    assert all(news(block) == [] for block in blocks), "no silence while the store changed"
    end_of_threads()
    assert not watcher.running


# ---- the route ------------------------------------------------------------------------------------------


def watcher_of(app: Flask) -> Watcher:
    found: Watcher = app.extensions["hermes_live"]
    return found


@pytest.fixture
def app(sessions: SessionRepository) -> Iterator[Flask]:
    """The application over a new home; its streams end with the test."""
    app = create_app(sessions)
    yield app
    live.close(app)
    end_of_threads()


def test_changes_are_named_since_a_token(client: FlaskClient, sessions: SessionRepository) -> None:
    kept, gone = started(sessions), started(sessions)
    first = reply(client.get("/api/sessions/changes"))
    assert (first["changed"], first["removed"], first["complete"]) == ([], [], False)
    sessions.update(kept, title="New")
    sessions.delete(gone)
    later = reply(client.get("/api/sessions/changes", query_string={"since": first["token"]}))
    assert (later["changed"], later["removed"], later["complete"]) == ([kept], [gone], True)


def first_event(client: FlaskClient, seen: str | None) -> bytes:
    """Return the first event of a stream, for a client that has got another one before."""
    with client.get(PATH, headers={"Last-Event-ID": seen} if seen else {}) as stream:
        blocks = iter(stream.response)
        assert next(blocks) == CONNECTED
        block = next(blocks)
        assert isinstance(block, bytes)
        return block


def test_a_stream_goes_on_where_the_one_before_ended(
    client: FlaskClient, sessions: SessionRepository
) -> None:
    kept, gone = started(sessions), started(sessions)
    begun = first_event(client, None)
    assert feed_of(begun) == [[], [], False]
    end_of_threads()
    sessions.update(kept, title="New")
    sessions.delete(gone)
    assert feed_of(first_event(client, place(begun))) == [[kept], [gone], True]
    assert feed_of(first_event(client, "of an earlier release")) == [[], [], False]


def test_the_first_event_says_whether_the_page_is_older(
    client: FlaskClient, sessions: SessionRepository
) -> None:
    def version_of_page() -> str:
        found = re.search(r'data-version="([^"]+)"', client.get("/").text)
        assert found is not None
        return found[1]

    kept = started(sessions)
    before = version_of_page()
    sessions.update(kept, title="New")
    assert event_of(first_event(client, None))["version"] == version_of_page() != before


def test_a_probe_says_that_a_stream_would_work_without_opening_one(client: FlaskClient, app: Flask) -> None:
    ready = {"ok": True, "enabled": True, "watcher_running": True, "fallback_poll_ms": 30_000}
    assert reply(client.get(f"{AGENTS}?probe=1")) == ready
    assert not watcher_of(app).running
    with client.get(AGENTS) as response:
        assert response.status_code == 200
        assert reply(client.get(f"{AGENTS}?probe=1")) == ready
    assert "probe" in error(client.get(f"{AGENTS}?probe=maybe"), 400)


def test_the_agents_stream_is_not_found_when_the_settings_turn_their_sessions_off(
    client: FlaskClient, sessions: SessionRepository
) -> None:
    settings(sessions, '{"show_cli_sessions": false}')
    assert "show_cli_sessions" in error(client.get(AGENTS), 404)
    probe = client.get(f"{AGENTS}?probe=1")
    assert probe.status_code == 404
    assert probe.get_json()["ok"] is probe.get_json()["enabled"] is False
    with client.get(PATH) as response:
        assert response.status_code == 200
    settings(sessions, '{"show_cli_sessions": true}')
    with client.get(AGENTS) as response:
        assert response.status_code == 200


@pytest.mark.parametrize("path", [PATH, AGENTS])
def test_a_stream_is_an_event_stream_that_nobody_caches(client: FlaskClient, path: str) -> None:
    with client.get(path) as response:
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-cache"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert "Content-Length" not in response.headers
        blocks = response.iter_encoded()
        assert next(blocks) == CONNECTED
        assert news(next(blocks)) == []
        assert reply(client.get("/health"))["active_streams"] == 1
    assert reply(client.get("/health"))["active_streams"] == 0


def test_a_head_request_opens_no_stream(client: FlaskClient, app: Flask) -> None:
    with client.head(PATH) as response:
        assert response.mimetype == "text/event-stream"
        assert not watcher_of(app).running


@pytest.mark.slow
def test_an_event_contains_the_first_entries_of_the_list(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    ids = [started(sessions) for _ in range(live.ENTRIES_AN_EVENT + 1)]
    title = f"the key is {KEY}"
    with client.get(PATH) as response:
        blocks = response.iter_encoded()
        assert next(blocks) == CONNECTED
        assert len(news(next(blocks))) == live.ENTRIES_AN_EVENT
        sessions.update(ids[0], title=title, pinned=True)
        shown = news_where(blocks, lambda entries: entries[0]["pinned"])
        assert KEY not in str(shown)
        query = {"limit": live.ENTRIES_AN_EVENT}
        assert shown == reply(client.get("/api/sessions", query_string=query))["sessions"]
        settings(sessions, '{"api_redact_enabled": false}')
        sessions.update(ids[0], model="another")
        assert news_where(blocks, lambda entries: entries[0]["model"] == "another")[0]["title"] == title


def test_one_stream_too_many_is_refused_until_one_ends(client: FlaskClient) -> None:
    with ExitStack() as streams:
        for _ in range(live.MOST_STREAMS - 1):
            streams.enter_context(client.get(PATH))
        last = client.get(PATH)
        assert "Too many" in error(client.get(PATH), 503)
        full = reply(client.get(f"{AGENTS}?probe=1"))
        assert (full["ok"], full["enabled"], full["watcher_running"]) == (False, True, False)
        last.close()
        assert reply(client.get(f"{AGENTS}?probe=1"))["ok"]
        with client.get(PATH) as response:
            assert response.status_code == 200


def test_a_stream_requires_a_login(sessions: SessionRepository) -> None:
    app = create_app(sessions, password="p")
    error(app.test_client().get(PATH), 401)
    assert not watcher_of(app).running


def test_streams_leave_no_descriptor_open(
    sessions: SessionRepository, client: FlaskClient, tmp_path: Path
) -> None:
    def is_of_another_home(handle: str) -> bool:  # which stays open for all tests, with a thread of its own
        return str(tmp_path.parent) in handle and str(tmp_path) not in handle

    def open_descriptors() -> int:
        sessions._home.engine.dispose()  # its pool keeps as many as were in use at once: one or two
        return sum(not is_of_another_home(each) for each in handles())

    def come_and_go() -> None:
        with ExitStack() as streams:
            for _ in range(20):
                streams.enter_context(client.get(PATH))
        end_of_threads()

    come_and_go()
    before = open_descriptors()
    for _ in range(5):
        come_and_go()
    assert open_descriptors() <= before


# ---- the server as it runs ------------------------------------------------------------------------------


class Stream(Iterator[bytes]):
    """An open stream of a served home, with what it sends after its greeting, each to its empty line.

    A client that has not `seen` the list gets it at once: `place` is its version.
    """

    def __init__(self, url: str, seen: str | None = None) -> None:
        request = urllib.request.Request(url + PATH, headers={"Last-Event-ID": seen} if seen else {})
        answer = urllib.request.urlopen(request, timeout=LONG)
        assert isinstance(answer, HTTPResponse)
        self.answer = answer
        assert next(self) == CONNECTED
        self.place = seen if seen is not None else place(next(self))

    def __next__(self) -> bytes:
        lines = [self.answer.readline()]
        while lines[-1] not in (b"\n", b""):
            lines.append(self.answer.readline())
        if not lines[-1]:
            raise StopIteration
        return b"".join(lines)

    def rest(self) -> bytes:
        """Return all to the end; `IncompleteRead` if it was cut off."""
        return self.answer.read()

    def close(self) -> None:
        self.answer.close()


def fetch(url: str, body: Any = None) -> Any:
    """Return the JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=LONG) as response:
        return json.loads(response.read())


def newest(url: str) -> str:
    return str(fetch(f"{url}/api/sessions?limit=1")["sessions"][0]["session_id"])


def rename(url: str, session_id: str, title: str) -> None:
    fetch(f"{url}/api/session/rename", {"session_id": session_id, "title": title})


def first_is(title: str) -> Callable[[Any], bool]:
    return lambda entries: bool(entries[0]["title"] == title)


@pytest.mark.slow
def test_a_change_by_another_process_is_sent(may: Path) -> None:
    with served(may) as url, closing(Stream(url)) as stream:
        session_id = newest(url)
        with SessionRepository.open(hermes_home=may) as other:
            other.update(session_id, title="from elsewhere")
        assert news_where(stream, first_is("from elsewhere"))
        path = may / "webui/sessions" / f"{session_id}.json"
        temporary = path.with_suffix(".foreign")
        temporary.write_text(path.read_text().replace("from elsewhere", "by a foreign program"))
        temporary.replace(path)
        assert news_where(stream, first_is("by a foreign program"))


@pytest.mark.slow
def test_a_returning_client_gets_what_it_missed_also_from_a_restarted_server(may: Path) -> None:
    with served(may) as url, closing(Stream(url)) as stream:
        left_at = stream.place
    with SessionRepository.open(hermes_home=may) as other:
        other.update("51f22612416e", title="meanwhile", pinned=True)
    with served(may) as url:
        with closing(Stream(url, left_at)) as stream:
            block = next(stream)
            assert any(entry["title"] == "meanwhile" for entry in news(block))
            up_to_date = place(block)
        with closing(Stream(url, up_to_date)) as stream:
            rename(url, "51f22612416e", "now")
            assert any(entry["title"] == "now" for entry in news(next(stream))), "nothing was told twice"


@pytest.mark.slow
def test_twenty_streams_and_requests_at_once_are_all_answered(may: Path) -> None:
    with served(may) as url, ExitStack() as opened:
        streams = [opened.enter_context(closing(Stream(url))) for _ in range(20)]
        ids = [entry["session_id"] for entry in fetch(f"{url}/api/sessions")["sessions"]]
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(lambda session_id: rename(url, session_id, f"now {session_id}"), ids))
        expected = {f"now {session_id}" for session_id in ids}
        for stream in streams:
            assert news_where(stream, lambda entries: {entry["title"] for entry in entries} == expected)


def check_full(url: str) -> None:
    """Hold that one more stream is refused, in words."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        Stream(url)
    with refused.value as answer:
        assert answer.code == 503
        assert json.loads(answer.read()).keys() == {"error"}


@pytest.mark.slow
def test_the_server_answers_requests_while_all_streams_are_open(may: Path) -> None:
    with served(may) as url, ExitStack() as opened:
        streams = [opened.enter_context(closing(Stream(url))) for _ in range(live.MOST_STREAMS)]
        check_full(url)
        rename(url, newest(url), "to all of them")
        for stream in streams:
            assert news_where(stream, first_is("to all of them"))
        streams[0].close()
        opened.enter_context(closing(Stream(url)))
        check_full(url)


@pytest.mark.slow
def test_streams_of_gone_clients_free_their_places_and_threads(may: Path) -> None:
    with served(may) as url, ExitStack() as opened:
        witness = opened.enter_context(closing(Stream(url)))
        for _ in range(200):  # twice the server's threads: one that stayed with its stream would be missed
            Stream(url).close()
        stream = opened.enter_context(closing(Stream(url)))
        rename(url, newest(url), "after all of them")
        for each in (witness, stream):
            assert news_where(each, first_is("after all of them"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_the_server_stops_with_streams_open(may: Path, kind: signal.Signals) -> None:
    server = start(may, "--port", "0")
    url = address(server)
    with ExitStack() as opened:
        streams = [opened.enter_context(closing(Stream(url))) for _ in range(20)]
        server.send_signal(kind)
        # Ended by the worker. Had it waited for them, it would have been killed and they cut off.
        assert [stream.rest() for stream in streams] == [b""] * 20
    said = stop(server)
    assert server.returncode == 0
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_worker_that_lost_its_master_ends_its_streams(may: Path) -> None:
    server = start(may, "--port", "0")
    with closing(Stream(address(server))) as stream:
        server.kill()
        assert stream.rest() == b""
    said, _ = server.communicate(timeout=STOP_SECONDS)  # until the worker closes its end too
    assert "Traceback" not in said
