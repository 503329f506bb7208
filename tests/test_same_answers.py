"""Forty questions, asked in Python, on the command line, over HTTP and of the pages: the same answers."""

import html
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository
from hermes_sessions.demo import write_home
from webapp import create_app

from .cli.running import parsed, run
from .support.make import turns, write_document

DAY = 86_400
NOW = 1_789_990_000  # seconds since the epoch: the sample home ends three hours later


class Home(NamedTuple):
    """One home, open in this process and over HTTP; the command line opens it for each question."""

    path: Path
    sessions: SessionRepository
    client: FlaskClient
    project_id: str


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A sample home with something of every kind that can be asked for, which nobody changes."""
    path = tmp_path_factory.mktemp("questions") / "home"
    write_home(path, sessions=45, now=NOW + 10_000.0)
    with SessionRepository.open(hermes_home=path) as sessions:
        stream = {"active_stream_id": "stream1", "pending_user_message": "And now?"}
        write_document(sessions, "cut1", title="Cut #urgent", created_at=NOW, messages=turns(3), **stream)
        write_document(sessions, "cron_daily", title="Daily", created_at=NOW, messages=turns(2))
        sessions.sync()
        listed = [each.session_id for each in sessions.list(agent=True)]
        sessions.tag_many(listed[::4], "work")
        sessions.tag_many(listed[::6], "two words", "Büro")
        sessions.update_many(
            [each for each in listed[::5] if not sessions.summary(each).of_agent], archived=True
        )
        sessions.complete_search()
        project = sessions.projects.list()[0].project_id
        yield Home(path, sessions, create_app(sessions).test_client(), project)


# ---- lists ------------------------------------------------------------------------------------------------

LISTS: list[dict[str, Any]] = [
    {},
    {"profile": "default"},
    {"profile": "work"},
    {"project_id": "PROJECT"},
    {"source": "webui"},
    {"source": "cli"},
    {"source": "messaging"},
    {"archived": True},
    {"archived": False},
    {"pinned": True},
    {"pinned": False},
    {"model": "gpt-5.4-mini"},
    {"model": "no such model"},
    {"tag": "work"},
    {"tag": "WORK,-two words"},
    {"tag": "büro"},
    {"tag": "urgent"},
    {"since": NOW - 5 * DAY},
    {"until": NOW - 5 * DAY},
    {"since": NOW - 9 * DAY, "until": NOW - 3 * DAY},
    {"min_cost": 0.01},
    {"min_messages": 12},
    {"interrupted": True},
    {"interrupted": False, "pinned": False},
    {"tag": "work", "archived": False, "min_messages": 4},
    {"project_id": "PROJECT", "since": NOW - 20 * DAY, "sort": "cost"},
    {"sort": "created"},
    {"sort": "title"},
    {"sort": "messages"},
    {"sort": "cost", "source": "webui"},
]


@pytest.mark.parametrize("question", LISTS, ids=repr)
def test_a_list(home: Home, question: dict[str, Any]) -> None:
    asked: dict[str, Any] = {
        name: home.project_id if value == "PROJECT" else value for name, value in question.items()
    }
    page = home.sessions.list(agent=True, **asked)
    expected = [each.session_id for each in page]

    said = run(home.path, "list", "--agent", *_words(asked), "--json")
    told = json.loads(said.stdout)
    answered = _get(home, "/api/sessions", {"agent": True, **asked})
    shown = home.client.get("/sidebar", query_string=_for_page(asked)).get_data(as_text=True)

    assert [each["session_id"] for each in told["sessions"]] == expected
    assert [each["session_id"] for each in answered["sessions"]] == expected
    assert _shown_ids(shown) == expected
    assert _count(home, asked) == told["total"] == answered["total"] == len(expected)
    assert f"{len(expected)} conversation" in shown
    assert said.stderr == "".join(f"Warning: {each}\n" for each in page.warnings)
    assert answered["warnings"] == list(page.warnings)
    assert all(each in html.unescape(shown) for each in page.warnings)


def _count(home: Home, asked: Mapping[str, Any]) -> int:
    return home.sessions.count(agent=True, **{name: value for name, value in asked.items() if name != "sort"})


def _words(asked: Mapping[str, Any]) -> list[str]:
    """Return the options of the command line for filters."""
    words = []
    for name, value in asked.items():
        option = {"project_id": "project"}.get(name, name.replace("_", "-"))
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words.append(f"--{option}={value}")
    return words


def _get(home: Home, route: str, asked: Mapping[str, Any]) -> Any:
    """Return the answer of an HTTP route to filters."""
    given = {name: json.dumps(value) if isinstance(value, bool) else value for name, value in asked.items()}
    response = home.client.get(route, query_string=given)
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.get_json()


def _for_page(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the query of the list's page for filters; without `archived` it shows active conversations."""
    given = {name: str(int(value)) if isinstance(value, bool) else value for name, value in asked.items()}
    return {"limit": 200, "archived": "all", **given}


def _shown_ids(page: str) -> list[str]:
    """Return the ids of the rows of a list's page, in their order."""
    return [html.unescape(found) for found in re.findall(r'<li class="row" data-id="([^"]*)"', page)]


# ---- searches ---------------------------------------------------------------------------------------------

SEARCHES = [
    "memory",
    "borrow checker",
    '"runs out of memory"',
    "memory -mailer",
    "led*",
    "会议",
    "is:pinned",
    "tag:work is:archived",
    "project:Atlas memory",
    "messages:>20",
    "source:cli",
    "zqxjkvbw",
]


@pytest.mark.parametrize("query", SEARCHES)
def test_a_search(home: Home, query: str) -> None:
    hits = home.sessions.search(query, limit=100)
    expected = [each.session_id for each in hits]

    told = run(home.path, "search", "--limit", "100", "--json", "--", query)
    answered = _get(home, "/api/sessions/search", {"q": query, "limit": 100, "agent": True})
    shown = home.client.get("/sidebar", query_string={"q": query, "limit": 200, "archived": "all"})

    assert [each["session_id"] for each in json.loads(told.stdout)["hits"]] == expected
    assert told.exit_code == (0 if expected else 1)
    assert [each["session_id"] for each in answered["sessions"]] == expected
    assert _shown_ids(shown.get_data(as_text=True)) == expected


# ---- sums -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["day", "week", "month", "model", "source", "project", "profile", "tag"])
def test_a_sum(home: Home, by: Any) -> None:
    expected = [each.as_dict() for each in home.sessions.usage(by=by, since=NOW - 30 * DAY)]

    told = parsed(home.path, "usage", "--by", by, f"--since={NOW - 30 * DAY}")
    answered = _get(home, "/api/usage", {"by": by, "since": NOW - 30 * DAY})

    assert told["usage"] == json.loads(json.dumps(expected))
    assert answered["usage"] == told["usage"]
    assert answered["total"] == told["total"]


def test_the_tags(home: Home) -> None:
    expected = home.sessions.tags()
    assert expected["work"] > 5
    assert parsed(home.path, "tags") == expected
    answered = _get(home, "/api/tags", {})["tags"]
    assert {each["name"]: each["count"] for each in answered} == expected


def test_there_are_forty_questions_and_most_find_something(home: Home) -> None:
    assert len(LISTS) + len(SEARCHES) >= 40
    project = {"PROJECT": home.project_id}
    found = [
        _count(home, {name: project.get(str(value), value) for name, value in each.items()}) for each in LISTS
    ]
    assert [LISTS[at] for at, count in enumerate(found) if not count] == [{"model": "no such model"}]
    assert [each for each in SEARCHES if not home.sessions.search(each)] == ["zqxjkvbw"]
