"""Tests the change feed: applied to an old list, it always gives the new list."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from hermes_sessions import Changes, Closed, Filters, InvalidValue, SessionRepository, SessionsError
from hermes_sessions.index import change_log, database, schema
from hermes_sessions.repository import follow_files

from ..support.agent_db import START, add_message, add_session, filled_state, writing
from ..support.efforts import examples
from ..support.feed import Follower
from ..support.make import folder_of, started, turns, write, write_document

# ---- what can happen --------------------------------------------------------------------------------------


class World:
    """A home with an agent, in which anything may happen."""

    def __init__(self, home: Path, *, follows: bool) -> None:
        self.home, self.follows = home, follows
        self.state = home / "state.db"
        self.made = 0
        self.open()
        self.folder = folder_of(self.sessions)

    def ids(self) -> list[str]:
        """Return the ids of the web UI's sessions."""
        return sorted(each.session_id for each in self.sessions.list(hidden=True))

    def any(self, number: int) -> str:
        """Return one of the web UI's sessions."""
        known = self.ids()
        return known[number % len(known)] if known else started(self.sessions, 2)

    def anything(self, number: int) -> str:
        """Return any conversation."""
        known = sorted(each.session_id for each in self.sessions.list(agent=True, hidden=True))
        return known[number % len(known)]

    def agents(self, number: int) -> str:
        """Return one of the agent's conversations."""
        known = sorted(each.session_id for each in self.sessions.list(agent="only", hidden=True))
        return known[number % len(known)] if known else "c"

    def new_id(self) -> str:
        """Return an id that nothing has."""
        self.made += 1
        return f"made{self.made}"

    def document(self, session_id: str, **values: Any) -> None:
        """Write a file as another program does."""
        write_document(self.sessions, session_id, title="Foreign", messages=turns(2), **values)

    def path(self, session_id: str) -> Path:
        """Return the file of a session."""
        return self.folder / f"{session_id}.json"

    def open(self) -> None:
        """Open the home, and watch its folder if that is wanted."""
        self.sessions = SessionRepository.open(hermes_home=self.home)
        if self.follows:
            follow_files(self.sessions)

    def reopen(self) -> None:
        """Close the home, and open it again."""
        self.sessions.close()
        self.open()


def draft(world: World, _: int) -> None:
    world.sessions.new()


def titled(world: World, number: int) -> None:
    world.sessions.new(title=f"Titled {number}")


def save(world: World, number: int) -> None:
    session = world.sessions.get(world.any(number))
    world.sessions.save(replace(session, title=f"Saved {number}", messages=turns(number % 3)))


def update(world: World, number: int) -> None:
    changes: list[dict[str, Any]] = [
        {"title": f"#tag{number} title"},
        {"pinned": bool(number % 2)},
        {"archived": bool(number % 2)},
        {"model": f"m{number}"},
        {"extra": {"llm_title_generated": number}},
    ]
    world.sessions.update(world.any(number), **changes[number % len(changes)])


def append(world: World, number: int) -> None:
    world.sessions.append(world.any(number), turns(1 + number % 2))


def truncate(world: World, number: int) -> None:
    world.sessions.truncate(world.any(number), 1)


def delete(world: World, number: int) -> None:
    world.sessions.delete(world.any(number))


def delete_everywhere(world: World, number: int) -> None:
    world.sessions.delete_everywhere(world.anything(number))


def restore(world: World, number: int) -> None:
    trashed = world.sessions.trash()
    if trashed:
        world.sessions.restore(trashed[number % len(trashed)].session_id)


def purge(world: World, _: int) -> None:
    world.sessions.purge(older_than=0)


def tag(world: World, number: int) -> None:
    world.sessions.tag(world.anything(number), f"t{number % 3}")


def untag(world: World, number: int) -> None:
    world.sessions.untag(world.anything(number), f"t{number % 3}")


def tag_many(world: World, number: int) -> None:
    world.sessions.tag_many(Filters(agent=True), f"t{number % 3}")


def rename_tag(world: World, number: int) -> None:
    world.sessions.rename_tag(f"t{number % 3}", f"t{(number + 1) % 3}")


def update_many(world: World, number: int) -> None:
    world.sessions.update_many(Filters(), archived=bool(number % 2))


def delete_many(world: World, number: int) -> None:
    world.sessions.delete_many([world.any(number), world.any(number + 1)])


def project(world: World, number: int) -> None:
    known = world.sessions.projects.list() or [world.sessions.projects.create("P")]
    world.sessions.update(world.any(number), project_id=known[0].project_id)


def rename_project(world: World, number: int) -> None:
    for one in world.sessions.projects.list():
        world.sessions.projects.rename(one.project_id, f"P{number}")


def delete_project(world: World, _: int) -> None:
    for one in world.sessions.projects.list():
        world.sessions.projects.delete(one.project_id)


def import_agent(world: World, number: int) -> None:
    world.sessions.import_agent_session(world.agents(number))


def fork(world: World, number: int) -> None:
    world.sessions.fork(world.any(number), keep=1)


def foreign_new(world: World, _: int) -> None:
    world.document(world.new_id())


def foreign_of_agent(world: World, number: int) -> None:
    world.document(world.agents(number), is_cli_session=True)


def foreign_change(world: World, number: int) -> None:
    session_id = world.any(number)
    world.document(session_id, pinned=bool(number % 2), message_count=number)


def foreign_edit(world: World, number: int) -> None:
    path = world.path(world.any(number))
    if path.exists():
        document = json.loads(path.read_bytes()) | {"title": f"Edited {number}"}
        write(world.sessions, path.stem, json.dumps(document))


def foreign_overwrite(world: World, number: int) -> None:
    path = world.path(world.any(number))
    if path.exists() and world.follows:  # without a watch, only a sync notices it
        document = json.loads(path.read_bytes()) | {"title": f"Overwritten {number}"}
        path.write_text(json.dumps(document))


def foreign_removal(world: World, number: int) -> None:
    world.path(world.any(number)).unlink(missing_ok=True)


def foreign_damage(world: World, number: int) -> None:
    write(world.sessions, world.any(number), "{")


def foreign_tags(world: World, number: int) -> None:
    session_id = world.anything(number)
    path = world.home / "webui/tags.json"
    known = json.loads(path.read_bytes()) if path.exists() else {"tags": {}}
    known["tags"][session_id] = [f"by hand {number % 3}"]
    temporary = path.with_suffix(".foreign")
    temporary.write_text(json.dumps(known))
    temporary.replace(path)


def foreign_trash(world: World, number: int) -> None:
    path = world.path(world.any(number))
    if path.exists():
        path.rename(world.sessions.config.trash_dir / f"{path.stem}.{START:.0f}000000000.json")


def other_workspace(world: World, number: int) -> None:
    folder = world.home / f"workspace{number % 2}"
    folder.mkdir(exist_ok=True)
    world.sessions.config.last_workspace_file.write_text(str(folder))


def agent_session(world: World, number: int) -> None:
    with writing(world.state) as db:
        add_session(db, world.new_id(), *["hi"] * (number % 3), begun=START + number)


def agent_grows(world: World, number: int) -> None:
    with writing(world.state) as db:
        add_message(db, world.agents(number), "more", timestamp=START + 9000 + number)


def agent_goes_on(world: World, number: int) -> None:
    before, after = world.agents(number), world.new_id()
    with writing(world.state) as db:
        ended = "UPDATE sessions SET ended_at = ?, end_reason = 'compression' WHERE id = ?"
        db.execute(ended, (START + 1, before))
        add_session(db, after, "continued", begun=START + 5000 + number, parent_session_id=before)


def agent_renames(world: World, number: int) -> None:
    with writing(world.state) as db, suppress(sqlite3.IntegrityError):
        db.execute("UPDATE sessions SET title = ? WHERE id = ?", (f"Told {number}", world.agents(number)))


def agent_archives(world: World, number: int) -> None:
    with writing(world.state) as db:
        db.execute("UPDATE sessions SET archived = 1 - archived WHERE id = ?", (world.agents(number),))


def agent_deletes(world: World, number: int) -> None:
    session_id = world.agents(number)
    with writing(world.state) as db:
        db.execute("DELETE FROM messages WHERE session_id = ?", (session_id,))
        db.execute("UPDATE sessions SET parent_session_id = NULL WHERE parent_session_id = ?", (session_id,))
        db.execute("DELETE FROM sessions WHERE id = ?", (session_id,))


def other_profile(world: World, number: int) -> None:
    folder = world.home / "profiles/work"
    if folder.exists() and number % 2:
        shutil.rmtree(folder)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(world.state, folder / "state.db")
        with writing(folder / "state.db") as db:
            add_message(db, "lone", "copied", timestamp=START + 20_000 - number)


def sync(world: World, _: int) -> None:
    world.sessions.sync()


def rebuild(world: World, _: int) -> None:
    world.sessions.rebuild()


def reopen(world: World, _: int) -> None:
    world.reopen()


def begin_again(world: World, _: int) -> None:
    world.sessions.close()
    for path in world.folder.parent.glob("sessions.db*"):
        path.unlink()
    world.reopen()


ACTS: list[Callable[[World, int], None]] = [
    *(draft, titled, save, update, update, append, truncate, delete, delete_everywhere, restore, purge),
    *(
        tag,
        untag,
        tag_many,
        rename_tag,
        update_many,
        delete_many,
        project,
        rename_project,
        delete_project,
        import_agent,
        fork,
    ),
    *(
        foreign_new,
        foreign_of_agent,
        foreign_change,
        foreign_edit,
        foreign_overwrite,
        foreign_removal,
        foreign_damage,
    ),
    *(foreign_tags, foreign_trash, other_workspace),
    *(agent_session, agent_grows, agent_goes_on, agent_renames, agent_archives, agent_deletes),
    *(other_profile, sync, rebuild, reopen, begin_again),
]
STEPS = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 9), st.booleans()), min_size=1, max_size=25)


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with sessions and an agent, opened once."""
    home = tmp_path_factory.mktemp("feed") / "home"
    home.mkdir()
    filled_state(home / "state.db")
    with SessionRepository.open(hermes_home=home) as sessions:
        for count in range(3):
            started(sessions, count + 1, title=f"Session {count}")
        sessions.list(agent=True)
    return home


@pytest.mark.slow
@given(steps=STEPS, follows=st.booleans())
@examples(0.5, shares_fixtures=True)
def test_the_feed_applied_to_an_old_list_gives_the_new_list(
    beginning: Path,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[Callable[..., None], int, bool]],
    follows: bool,
) -> None:
    home = shutil.copytree(beginning, tmp_path_factory.mktemp("feed") / "home")
    world, follower = World(home, follows=follows), Follower()
    try:
        follower.follow(world.sessions)
        for act, number, looks in steps:
            with suppress(SessionsError):  # such as a session that is damaged
                act(world, number)
            if looks:
                follower.follow(world.sessions)
                assert follower.differences(world.sessions) == {}, act.__name__
        follower.follow(world.sessions)
        assert follower.differences(world.sessions) == {}
        world.sessions.sync()  # compares every file
        assert follower.differences(world.sessions) == {}
    finally:
        world.sessions.close()
        shutil.rmtree(home.parent)


# ---- tokens -----------------------------------------------------------------------------------------------


def test_a_change_and_a_removal_are_named(sessions: SessionRepository) -> None:
    kept, gone = started(sessions), started(sessions)
    token = sessions.changes().token
    sessions.update(kept, title="New")
    sessions.delete(gone)

    changes = sessions.changes(token)

    assert (changes.changed, changes.removed, changes.complete) == ((kept,), (gone,), True)
    assert sessions.changes(changes.token) == Changes(changes.token, (), (), complete=True)


def test_what_no_list_shows_is_no_change(sessions: SessionRepository) -> None:
    one = started(sessions)
    token = sessions.changes().token
    sessions.update(one)
    sessions.webui.compose(one, text="to be sent")

    assert sessions.changes(token).changed == ()


def test_an_id_is_named_once_and_where_it_changed_last(sessions: SessionRepository) -> None:
    first, second = started(sessions), started(sessions)
    token = sessions.changes().token
    for session_id in (first, second, first):
        sessions.update(session_id, title=f"{session_id} again")
        sessions.append(session_id, turns(1))

    assert sessions.changes(token).changed == (second, first)


def other_index(sessions: SessionRepository) -> str:
    """Return the token of another home."""
    with SessionRepository.open(hermes_home=sessions.config.hermes_home / "other") as other:
        return other.changes().token


def other_profile_of(sessions: SessionRepository) -> str:
    """Return a token for lists of another profile."""
    with SessionRepository.open(hermes_home=sessions.config.hermes_home, profile="work") as other:
        return other.changes().token


UNKNOWN: dict[str, Callable[[SessionRepository], str | None]] = {
    "none": lambda _: None,
    "empty": lambda _: "",
    "no token": lambda _: "x-1-2-3",
    "half a character": lambda _: "\ud800",
    "a version": lambda sessions: sessions.version(),
    "a later one": lambda sessions: sessions.changes().token.replace("-", "-9", 1),
    "another stamp": lambda sessions: "-0-".join(sessions.changes().token.rsplit("-", 2)[::2]),
    "another index": other_index,
    "another profile": other_profile_of,
}


@pytest.mark.sqlite("two homes, each with its own file")
@pytest.mark.parametrize("name", UNKNOWN)
def test_a_token_that_is_not_known_is_answered_with_another(sessions: SessionRepository, name: str) -> None:
    started(sessions)
    since = UNKNOWN[name](sessions)

    changes = sessions.changes(since)

    assert (changes.changed, changes.removed, changes.complete) == ((), (), False)
    assert sessions.changes(changes.token).complete


def test_what_is_no_text_is_refused(sessions: SessionRepository) -> None:
    with pytest.raises(InvalidValue, match="since must be text"):
        sessions.changes(7)  # type: ignore[arg-type]


@pytest.mark.sqlite("a copy of its file")
def test_a_copy_of_the_index_that_was_put_back_is_no_continuation(
    sessions: SessionRepository, tmp_path: Path
) -> None:
    one, two = started(sessions, title="One"), started(sessions, title="Two")
    home = sessions.config.hermes_home
    sessions.close()
    shutil.copytree(home, tmp_path / "copy")
    with SessionRepository.open(hermes_home=home) as before:
        before.update(one, title="Changed")
        token = before.changes().token
    shutil.rmtree(home)
    shutil.copytree(tmp_path / "copy", home, copy_function=shutil.copy2)

    with SessionRepository.open(hermes_home=home) as after:
        for number in range(9):
            after.update(two, title=f"Two {number}")
        assert not after.changes(token).complete


def test_the_latest_changes_are_kept(sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_log, "KEPT", 10)
    early, one = sessions.changes().token, started(sessions)
    later = sessions.changes().token
    for number in range(6):
        sessions.update(one, title=f"Title {number}")
    for name in ("a", "b", "c"):
        write_document(sessions, name, title=name, messages=turns(1))

    assert not sessions.changes(early).complete
    assert set(sessions.changes(later).changed) == {one, "a", "b", "c"}
    with database.reading(sessions._home.engine) as connection:
        count = sa.select(sa.func.count()).select_from(schema.CHANGE_LOG)
        assert connection.execute(count).scalar_one() <= 10


@pytest.mark.sqlite("its plans")
def test_new_changes_are_found_by_their_numbers(sessions: SessionRepository) -> None:
    started(sessions)
    token = sessions.changes().token
    plans: list[str] = []

    def explain(connection: sa.Connection, _: object, statement: str, parameters: Any, *__: object) -> None:
        if "change_log" in statement and not statement.startswith("EXPLAIN"):
            rows = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[-1] for row in rows.fetchall())

    event.listen(sessions._home.engine, "before_cursor_execute", explain)
    sessions.changes(token)

    assert len(plans) == 3
    assert not [each for each in plans if "TEMP B-TREE" in each]
    assert plans[-1] == "SEARCH change_log USING INTEGER PRIMARY KEY (rowid>?)"


# ---- watching ---------------------------------------------------------------------------------------------


def test_watching_yields_what_changed_and_ends_when_nothing_does(sessions: SessionRepository) -> None:
    token, one = sessions.changes().token, started(sessions)

    (changes,) = sessions.watch(token, timeout=0)

    assert changes.changed == (one,)
    assert list(sessions.watch(changes.token, timeout=0)) == []


def test_watching_begins_when_it_is_asked_for(sessions: SessionRepository) -> None:
    watched = sessions.watch(timeout=0)
    one = started(sessions)

    assert [each.changed for each in watched] == [(one,)]


def test_watching_from_an_unknown_moment_says_so(sessions: SessionRepository) -> None:
    first, *others = sessions.watch("x", timeout=0)

    assert not first.complete
    assert others == []


def test_watching_ends_with_the_repository(sessions: SessionRepository) -> None:
    watched = sessions.watch()
    started(sessions)
    next(watched)
    sessions.close()

    with pytest.raises(Closed):
        next(watched)


@pytest.mark.parametrize("timeout", [-1, "x", float("nan")])
def test_a_timeout_is_a_number_of_seconds(sessions: SessionRepository, timeout: Any) -> None:
    with pytest.raises(InvalidValue, match="timeout must be a number of seconds"):
        sessions.watch(timeout=timeout)
