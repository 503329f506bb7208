"""Completion with an index in PostgreSQL: what SQLite's offers, and nothing if the server does not answer."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository

from ..cli.test_complete import loaded, offered
from ..cli.test_startup import HEAVY
from ..support.agent_db import filled_state
from ..support.make import turns, write_document
from ..support.postgresql import Server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with something of every kind to complete, indexed in SQLite."""
    home = tmp_path_factory.mktemp("completed")
    filled_state(home / "state.db")
    with SessionRepository.open(hermes_home=home) as sessions:
        project = sessions.projects.create("Büro work").project_id
        for number, title in enumerate(("Rent", "Rents", "rental", "Rént", "_Rent", "100%s (x)s", "😀 é")):
            values = {"title": title, "profile": f"work{number % 2}", "model": f"gpt-{number % 3}"}
            write_document(sessions, f"aaaa{number}", messages=turns(2), **values)
        for number in range(150):
            write_document(sessions, f"many{number:03}", title=f"Many {number % 7}", messages=turns(1))
        sessions.sync()
        sessions.update("aaaa1", project_id=project, pinned=True)
        sessions.tag_many(["aaaa1", "lone"], "flat", "in progress")
    return home


@pytest.fixture(scope="module")
def database_url(home: Path, server: Server) -> Iterator[str]:
    """The URL of its other index."""
    with server.database() as url:
        with SessionRepository.open(hermes_home=home, database_url=url) as sessions:
            assert len(sessions.list(agent=True)) > 150
        yield url


WORDS = """show |show a|show aaaa|show AAAA|show lo|show Lon|show Ren|show Ré|show Rén|show r
show _|show 100%|show %|show 😀|show many|show Many|show \\|list --profile w
list --model |list --tag |tag aaaa1 in|move aaaa1 Bü|list --after aaaa|tags rename f
list --project """.replace("\n", "|").split("|")


@pytest.mark.parametrize("words", WORDS)
def test_the_same_is_offered(home: Path, database_url: str, words: str) -> None:
    typed = words.split(" ")
    expected = list(offered(home, *typed).items())

    assert list(offered(home, "--database-url", database_url, *typed).items()) == expected
    assert expected or words in ("show AAAA", "show %", "show \\")


def test_the_variable_names_the_database_with_its_driver(
    home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SessionRepository.open(hermes_home=home, database_url=database_url) as sessions:
        sessions.tag("aaaa1", "only here")
    for scheme in ("postgresql", "postgresql+psycopg", "postgres"):
        url = database_url.replace("postgresql", scheme, 1)
        monkeypatch.setenv("HERMES_SESSIONS_DATABASE_URL", url)
        assert offered(home, "list", "--tag", "on") == {"only here": None}
    monkeypatch.setenv("HERMES_SESSIONS_DATABASE_URL", "mysql://localhost/hermes")
    assert offered(home, "list", "--tag", "on") == {}


@pytest.mark.slow
def test_it_loads_no_database_layer(home: Path, database_url: str) -> None:
    printed, modules = loaded(home, "--database-url", database_url, "show", "aaaa")
    assert "aaaa1" in printed
    assert "psycopg" in modules
    assert modules & {*HEAVY, "sqlalchemy"} == {"zoneinfo"}  # which the driver itself imports


def test_what_is_not_utf8_is_no_name(home: Path, database_url: str) -> None:
    assert offered(home, "--database-url", database_url, "show", "\udcff") == {}
    assert offered(home, "show", "\udcff") == {}


def test_a_database_of_another_home_offers_nothing(
    home: Path, database_url: str, tmp_path: Path, server: Server
) -> None:
    words = ("--database-url", database_url, "show", "aaaa")
    with server.index() as other:
        SessionRepository.open(hermes_home=tmp_path, database_url=other).close()
    assert offered(tmp_path, *words) == {}
    (tmp_path / "webui/home-id.txt").unlink()
    assert offered(tmp_path, *words) == {}


def test_a_database_without_tables_offers_nothing(home: Path, url: str) -> None:
    assert offered(home, "--database-url", url, "show", "aaaa") == {}


@pytest.mark.slow
def test_a_server_that_is_away_or_does_not_answer(home: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for address in (f"127.0.0.1:{port}/hermes", f"/hermes?host={tmp_path}", "nowhere.invalid/hermes"):
            words = ("--database-url", f"postgresql://hermes@{address}", "show", "aaaa")
            printed, _ = loaded(home, *words)
            assert printed.strip() == ""
