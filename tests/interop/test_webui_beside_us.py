"""The real web UI and our server change one home at random; after each step our list agrees with the files.

`HERMES_WALK_SEED` and `HERMES_WALK_STEPS` choose the walk, which prints its seed.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import SessionRepository

from ..support import figures
from ..support.browsing import put_session, stored
from ..support.make import message, turns
from ..support.serving import served
from .webui import Client, Refused, beside_the_webui, is_head, running, workspace

pytestmark = [*beside_the_webui, pytest.mark.xdist_group("walk")]

STEPS = int(os.environ.get("HERMES_WALK_STEPS", "150"))
START = 1_777_000_000.0
FIELDS = ("title", "pinned", "archived", "project_id")
SHOWN = (*FIELDS, "message_count")


class Walk:
    """One home with both servers over it, and what each was last asked to write."""

    def __init__(
        self, home: Path, theirs: Client, ours: Client, library: SessionRepository, seed: int
    ) -> None:
        self.home, self.theirs, self.ours, self.library = home, theirs, ours, library
        self.random = random.Random(seed)
        self.written: dict[str, dict[str, Any]] = {}  # by us, and not changed by anybody since
        self.deleted: set[str] = set()  # by us
        self.names: list[str] = []  # in the order in which they were first seen
        self.before: dict[str, dict[str, Any]] = {}  # what the files held after the step before
        self.log: list[str] = []
        self.counts: Counter[str] = Counter()
        self.lost: set[tuple[str, str]] = set()
        self.unsaid: set[tuple[str, str]] = set()

    # ---- steps ------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Let one of the two change something, and check everything."""
        name = self.random.choice(WEIGHTED)
        by_us = self.random.random() < 0.5
        self.log.append(f"{len(self.log)} {'we' if by_us else 'they'} {name}")
        try:
            getattr(self, f"do_{name}")(by_us, self.ours if by_us else self.theirs)
        except Refused as refused:
            self.log[-1] += f" -> {refused}"
            if refused.status not in (400, 404, 409):
                raise AssertionError(self.story()) from refused
            self.counts[f"refused {name} of {'us' if by_us else 'them'}: {refused.status}"] += 1
        self.counts["steps"] += 1
        self.check()

    def some(self) -> str:
        """Return the id of a conversation that has a file; one is made if there is none."""
        files = self.files()
        self.names += sorted(files.keys() - set(self.names))  # ids are random: only their order repeats
        names = [name for name in self.names if name in files]
        name = self.random.choice(names or [put_session(self.home, f"file{len(self.log)}")])
        self.log[-1] += f" {name}"
        return name

    def wrote(self, by_us: bool, name: str, **values: Any) -> None:
        """Note what was written; a value that they were asked for is theirs."""
        if by_us:
            self.written.setdefault(name, {}).update(values)
        else:
            for field in values:
                self.written.get(name, {}).pop(field, None)

    def transcript(self, by_us: bool, name: str) -> None:
        """Note that the messages of a conversation were changed."""
        self.wrote(by_us, name, messages=stored(self.home, name)["messages"])

    def do_import(self, by_us: bool, server: Client) -> None:
        talk = turns(self.random.randint(1, 6), START + 1000 * len(self.log))
        given = {"title": f"talk {len(self.log)}", "messages": talk, "workspace": str(workspace(self.home))}
        name = server.post("/api/session/import", **given)["session"]["session_id"]
        self.wrote(by_us, name, title=given["title"])

    def do_file(self, _by_us: bool, _server: Client) -> None:
        put_session(self.home, f"file{len(self.log)}")

    def do_rename(self, by_us: bool, server: Client) -> None:
        name, title = self.some(), f"title {len(self.log)}"
        server.post("/api/session/rename", session_id=name, title=title)
        self.wrote(by_us, name, title=title)

    def do_pin(self, by_us: bool, server: Client) -> None:
        self.set_flag(by_us, server, "pin", "pinned")

    def do_archive(self, by_us: bool, server: Client) -> None:
        self.set_flag(by_us, server, "archive", "archived")

    def set_flag(self, by_us: bool, server: Client, route: str, field: str) -> None:
        name = self.some()
        value = not stored(self.home, name).get(field)
        server.post(f"/api/session/{route}", session_id=name, **{field: value})
        self.wrote(by_us, name, **{field: value})

    def do_move(self, by_us: bool, server: Client) -> None:
        name = self.some()
        chosen = self.random.choice([None, *(each["project_id"] for each in self.projects(server))])
        server.post("/api/session/move", session_id=name, project_id=chosen)
        self.wrote(by_us, name, project_id=chosen)

    def projects(self, server: Client) -> list[dict[str, Any]]:
        projects: list[dict[str, Any]] = server.get("/api/projects")["projects"]
        return projects

    def do_new_project(self, _by_us: bool, server: Client) -> None:
        server.post("/api/projects/create", name=f"Project {len(self.log)}")

    def do_delete_project(self, by_us: bool, server: Client) -> None:
        projects = self.projects(server)
        if projects:
            chosen = self.random.choice(projects)["project_id"]
            members = [name for name, file in self.files().items() if file.get("project_id") == chosen]
            server.post("/api/projects/delete", project_id=chosen)
            for name in {*members, *self.written}:
                if name in members or self.written[name].get("project_id") == chosen:
                    self.wrote(by_us and name in members, name, project_id=None)

    def do_delete(self, by_us: bool, server: Client) -> None:
        name = self.some()
        server.post("/api/session/delete", session_id=name)
        self.written.pop(name, None)
        self.deleted.discard(name)
        if by_us:
            self.deleted.add(name)

    def do_duplicate(self, by_us: bool, server: Client) -> None:
        copy = server.post("/api/session/duplicate", session_id=self.some())["session"]
        if (self.home / f"webui/sessions/{copy['session_id']}.json").exists():
            self.wrote(by_us, copy["session_id"], title=copy["title"])

    def do_truncate(self, by_us: bool, server: Client) -> None:
        name = self.some()
        server.post("/api/session/truncate", session_id=name, keep_count=self.random.randint(0, 4))
        self.transcript(by_us, name)

    def do_undo(self, by_us: bool, server: Client) -> None:
        name = self.some()
        server.post("/api/session/undo", session_id=name)
        self.transcript(by_us, name)

    def do_clear(self, by_us: bool, server: Client) -> None:
        name = self.some()
        server.post("/api/session/clear", session_id=name)
        self.wrote(by_us, name, title="Untitled")
        self.transcript(by_us, name)

    def do_append(self, _by_us: bool, _server: Client) -> None:
        name = self.some()
        self.library.append(name, [message(f"more {len(self.log)}", at=START + 1_000_000 + len(self.log))])
        self.transcript(True, name)

    def do_open(self, _by_us: bool, server: Client) -> None:
        server.get("/api/session", session_id=self.some())

    # ---- checks -----------------------------------------------------------------------------------------

    def files(self) -> dict[str, dict[str, Any]]:
        """Return what each conversation's file holds, by id."""
        names = [path.stem for path in (self.home / "webui/sessions").glob("*.json")]
        return {name: stored(self.home, name) for name in names if not name.startswith("_")}

    def check(self) -> None:
        files = self.files()
        answer = self.ours.get("/api/sessions")
        self.check_ours(files, answer["sessions"])
        self.check_theirs(files)
        self.check_written(files, answer)
        self.before = files

    def check_ours(self, files: dict[str, dict[str, Any]], entries: list[dict[str, Any]]) -> None:
        """Our list has each conversation once, with what its file holds."""
        names = [entry["session_id"] for entry in entries]
        assert len(set(names)) == len(names), self.story()
        expected = {name: shown(file) for name, file in files.items() if not is_untouched(file)}
        listed = {entry["session_id"]: {field: entry[field] for field in SHOWN} for entry in entries}
        assert listed == expected, self.story()

    def check_theirs(self, files: dict[str, dict[str, Any]]) -> None:
        """Their list has no conversation twice. It may be older than the files: that is counted only."""
        query = {"include_archived": 1, "archived_limit": 500} if is_head() else {}
        entries = self.theirs.get("/api/sessions", **query)["sessions"]
        names = [entry["session_id"] for entry in entries]
        assert len(set(names)) == len(names), self.story()
        for entry in entries:
            file = files.get(entry["session_id"])
            old = [] if file is None else [field for field in FIELDS if entry[field] != shown(file)[field]]
            self.counts.update(f"their list has an old {field}" for field in old)
            self.counts["their list has a deleted conversation"] += file is None

    def check_written(self, files: dict[str, dict[str, Any]], answer: dict[str, Any]) -> None:
        """What we wrote is in the files, or we say that it is not."""
        lost = []
        for name, values in self.written.items():
            file = files.get(name)
            for field, value in values.items():
                if file is None or file.get(field) != value:
                    lost.append((name, field))
        lost += [(name, "deleted") for name in self.deleted & files.keys()]
        said = {(each.session_id, each.field) for each in self.library.lost.list()}
        if said:
            assert answer["warnings"], self.story()
        for name, field in lost:
            self.counts[f"lost {field}"] += 1
            if (name, field) not in said and self.is_like_a_wish(name, field, files):
                self.counts[f"lost {field}, as if somebody had wanted it"] += 1
            elif (name, field) not in said:
                self.counts[f"lost {field}, and not said"] += 1
                self.unsaid.add((field, "\n".join(line for line in self.log if name in line)))
            self.forget(name, field)
            self.lost.add((name, field))
        for name, field in said - self.lost:
            self.counts[f"said to be lost, though they were asked for it: {field}"] += 1
            self.lost.add((name, field))

    def is_like_a_wish(self, name: str, field: str, files: dict[str, dict[str, Any]]) -> bool:
        """Return whether a step changed nothing else in a file: so does who switches a pin back."""
        if name not in self.before or name not in files or field not in FIELDS[1:]:
            return False
        before, after = shown(self.before[name]), shown(files[name])
        return [each for each in SHOWN if before[each] != after[each]] == [field]

    def forget(self, name: str, field: str) -> None:
        """Count a loss once."""
        if field == "deleted":
            self.deleted.discard(name)
        else:
            self.written[name].pop(field)

    def story(self) -> str:
        """Return the last steps, for a failure."""
        return "\n".join(self.log[-25:])


WEIGHTED = [
    name.removeprefix("do_")
    for name in sorted(vars(Walk))
    if name.startswith("do_")
    for _ in range({"do_import": 5, "do_rename": 4, "do_pin": 3, "do_move": 3, "do_open": 3}.get(name, 2))
]


def shown(file: dict[str, Any]) -> dict[str, Any]:
    """Return what a list shows of a file."""
    return {
        "title": file.get("title") or "Untitled",
        "pinned": bool(file.get("pinned")),
        "archived": bool(file.get("archived")),
        "project_id": file.get("project_id"),
        "message_count": len(file["messages"]),
    }


def is_untouched(file: dict[str, Any]) -> bool:
    """Return whether nobody has done anything with a conversation: lists hide it."""
    return shown(file) == shown({"messages": []})


@pytest.fixture
def walk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Walk]:
    """A walk over a new home."""
    home = tmp_path / "home"
    (home / "webui/sessions").mkdir(parents=True)
    seed = int(os.environ.get("HERMES_WALK_SEED") or random.SystemRandom().randrange(10**6))
    figures.tell(request.config, [f"HERMES_WALK_SEED={seed}"])
    with (
        running(home) as theirs,
        served(home) as url,
        SessionRepository.open(hermes_home=home) as library,
    ):
        yield Walk(home, theirs, Client(url), library, seed)


def test_both_change_a_home_at_random(walk: Walk, request: pytest.FixtureRequest) -> None:
    for _ in range(STEPS):
        walk.step()
    figures.tell(
        request.config, [f"beside the web UI: {name} {count}" for name, count in walk.counts.items()]
    )
    assert walk.unsaid == set()
