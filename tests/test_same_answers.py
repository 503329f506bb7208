"""Forty questions through the library, the command line, HTTP and the pages: the same ids each time."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository
from hermes_sessions.demo import write_home
from hermes_sessions.results import Sort
from hermes_sessions.times import parse_time
from webapp import create_app

from .cli.running import run

DATES = ("since", "until")


class Question(NamedTuple):
    """What is asked: filters by name, dates as they are typed, and a query to search for or an order."""

    filters: Mapping[str, Any] = {}
    query: str = ""
    sort: Sort = "activity"


QUESTIONS = {
    "everything": Question(),
    "the newest": Question(sort="created"),
    "by title": Question(sort="title"),
    "the longest": Question(sort="messages"),
    "the most expensive": Question(sort="cost"),
    "active ones": Question({"archived": False}),
    "archived ones": Question({"archived": True}),
    "pinned ones": Question({"pinned": True}),
    "not pinned": Question({"pinned": False}, sort="title"),
    "interrupted": Question({"interrupted": True}),
    "not interrupted": Question({"interrupted": False}, sort="created"),
    "of a profile": Question({"profile": "work"}),
    "of the default profile": Question({"profile": "default"}, sort="messages"),
    "of the command line": Question({"source": "cli"}),
    "of messengers": Question({"source": "messaging"}),
    "of the web UI": Question({"source": "webui", "archived": False}),
    "of a project": Question({"project_id": "Atlas"}),
    "of a project, by cost": Question({"project_id": "Atlas"}, sort="cost"),
    "with a tag": Question({"tag": "work"}),
    "with a tag in any case": Question({"tag": "WORK"}),
    "with two tags": Question({"tag": "work,urgent"}),
    "with one and not the other": Question({"tag": "work,-urgent"}),
    "with a tag of a title": Question({"tag": "finance"}),
    "with an unknown tag": Question({"tag": "none"}),
    "of a model": Question({"model": "hermes-4-70b"}),
    "expensive": Question({"min_cost": 0.05}),
    "long": Question({"min_messages": 10}, sort="title"),
    "since a date": Question({"since": "2026-09-10"}),
    "before a month": Question({"until": "2026-09"}),
    "in a month": Question({"since": "2026-08-01", "until": "2026-09-01"}, sort="created"),
    "long ones of a profile": Question({"profile": "default", "min_messages": 4, "archived": False}),
    "a word": Question(query="worker"),
    "two words": Question(query="memory worker"),
    "another form of a word": Question(query="brioches"),
    "a word and not another": Question(query="worker -scheduler"),
    "either word": Question(query="brioche OR flatbread"),
    "a misspelt word": Question(query="brioshe"),
    "a script without spaces": Question(query="会议"),
    "a word in a project": Question(query="worker project:Atlas"),
    "a word with a tag": Question({"archived": False}, query="tag:work worker"),
    "code of the assistant": Question(query="has:code role:assistant"),
    "operators alone": Question(query="is:pinned before:2099"),
    "a phrase of a profile": Question({"profile": "default"}, query='"runs out of memory"'),
    "a word since a date": Question({"since": "2026-09-10"}, query="worker"),
}
# That some of them find nothing is part of the table.
NOTHING = {"with an unknown tag"}


class Faces(NamedTuple):
    """The four ways to ask, over one home that no test changes."""

    path: Path
    sessions: SessionRepository
    client: FlaskClient
    projects: Mapping[str, str]


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faces]:
    """A made-up home with tags, opened once."""
    path = tmp_path_factory.mktemp("answers") / "home"
    write_home(path, sessions=24)
    with SessionRepository.open(hermes_home=path) as sessions:
        ids = [each.session_id for each in sessions.list(agent=True)]
        assert len(ids) < 50  # one page
        sessions.tag_many(ids[::3], "Work")
        sessions.tag_many(ids[::4], "urgent")
        first = sessions.list(agent=False)[0].session_id
        sessions.update(first, touch=False, title="Quarterly budget #finance")
        sessions.complete_search()
        app = create_app(sessions)
        projects = {each.name: each.project_id for each in sessions.projects.list()}
        yield Faces(path, sessions, app.test_client(), projects)


def in_library(faces: Faces, asked: Question) -> list[str]:
    filters = dict(asked.filters)
    for name in filters.keys() & DATES:
        filters[name] = parse_time(filters[name], time.time())
    if "project_id" in filters:
        filters["project_id"] = faces.projects[filters["project_id"]]
    filters["agent"] = True
    if asked.query:
        return [hit.session_id for hit in faces.sessions.search(asked.query, limit=50, **filters)]
    return [each.session_id for each in faces.sessions.list(sort=asked.sort, **filters)]


def on_the_command_line(faces: Faces, asked: Question) -> list[str]:
    words = ["search", "--limit", "50"] if asked.query else ["list", "--agent", "--sort", asked.sort]
    for name, value in asked.filters.items():
        option = "--" + name.removesuffix("_id").replace("_", "-")
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        else:
            words += [option, str(value)]
    result = run(faces.path, *words, "--json", *(["--", asked.query] if asked.query else []))
    assert result.exit_code in (0, 1), result.stderr
    answer = json.loads(result.stdout)
    return [each["session_id"] for each in answer["hits" if asked.query else "sessions"]]


def over_http(faces: Faces, asked: Question) -> list[str]:
    query: dict[str, Any] = {"agent": "1", "limit": "50"}
    for name, value in asked.filters.items():
        query[name] = int(value) if isinstance(value, bool) else value
        if name in DATES:
            query[name] = parse_time(value, time.time())
        if name == "project_id":
            query[name] = faces.projects[value]
    query |= {"q": asked.query} if asked.query else {"sort": asked.sort}
    path = "/api/sessions/search" if asked.query else "/api/sessions"
    answer = faces.client.get(path, query_string=query)
    assert answer.status_code == 200, answer.text
    return [each["session_id"] for each in answer.get_json()["sessions"]]


def on_the_page(faces: Faces, asked: Question) -> list[str]:
    query: dict[str, Any] = {"archived": "all"}
    for name, value in asked.filters.items():
        query[name] = int(value) if isinstance(value, bool) else value
        if name == "project_id":
            query[name] = faces.projects[value]
    query |= {"q": asked.query} if asked.query else {"sort": asked.sort}
    answer = faces.client.get("/", query_string=query)
    assert answer.status_code == 200
    return re.findall(r'<li class="row" data-id="([^"]*)"', answer.text)


def test_there_are_forty_questions() -> None:
    assert len(QUESTIONS) >= 40


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_face_gives_the_same_answer(faces: Faces, name: str) -> None:
    asked = QUESTIONS[name]
    expected = in_library(faces, asked)
    assert bool(expected) == (name not in NOTHING), expected
    assert on_the_command_line(faces, asked) == expected
    assert over_http(faces, asked) == expected
    assert on_the_page(faces, asked) == expected


COUNTS = ("day", "week", "month", "model", "source", "project", "profile", "tag", "tool")


@pytest.mark.parametrize("by", COUNTS)
def test_every_face_adds_up_the_same(faces: Faces, by: Any) -> None:
    expected = [each.as_dict() | {"keys": list(each.keys)} for each in faces.sessions.usage(by=by)]
    assert faces.client.get("/api/usage", query_string={"by": by}).get_json()["usage"] == expected
    assert json.loads(run(faces.path, "usage", "--by", by, "--json").stdout)["usage"] == expected
