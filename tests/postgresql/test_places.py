"""Where a home with a database of a server keeps what is each host's own, and whose database it is."""

from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from hermes_sessions import InvalidValue, SessionRepository, folder_events
from hermes_sessions.cli.main import main

from ..support.make import started
from ..support.postgresql import Server


def test_the_search_index_is_in_the_cache_of_each_host(tmp_path: Path, url: str, cache: Path) -> None:
    with SessionRepository.open(hermes_home=tmp_path, database_url=url) as sessions:
        name = started(sessions, 2, title="Rhubarb")
        assert [hit.session_id for hit in sessions.search("rhubarb")] == [name]
        assert list(cache.rglob("search.db"))
        assert not list(tmp_path.rglob("*.db"))


def test_a_search_index_on_a_disk_of_the_network_is_refused(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A test cannot mount such a disk.
    monkeypatch.setattr(folder_events, "_file_system", lambda _: "nfs4")
    with pytest.raises(InvalidValue, match="Set HERMES_SESSIONS_CACHE_DIR"):
        SessionRepository.open(hermes_home=tmp_path, database_url=url)


def test_a_database_of_another_home_is_refused(tmp_path: Path, url: str) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    with SessionRepository.open(hermes_home=one, database_url=url) as sessions:
        name = started(sessions, 2)
        with pytest.raises(InvalidValue, match="the database is that of another home than other"):
            SessionRepository.open(hermes_home=other, database_url=url)
        assert [each.session_id for each in sessions.list()] == [name]
    one.rename(tmp_path / "moved")
    with SessionRepository.open(hermes_home=tmp_path / "moved", database_url=url) as sessions:
        assert [each.session_id for each in sessions.list()] == [name]


def test_a_backup_has_the_drafts_as_files(tmp_path: Path, url: str, server: Server) -> None:
    with SessionRepository.open(hermes_home=tmp_path / "home", database_url=url) as sessions:
        kept = started(sessions, 2, title="Rhubarb")
        draft = sessions.new(workspace=str(tmp_path), model="gpt")
        report = sessions.backup(tmp_path / "copy")
        assert not report.index
    assert not (tmp_path / "copy" / "sessions.db").exists()
    verified = SessionRepository.verify_backup(tmp_path / "copy")
    assert verified.problems == ()
    assert verified.notes == ("the index was not copied: another database holds it",)
    with (
        server.database() as again,
        SessionRepository.open(tmp_path / "copy", database_url=again) as sessions,
    ):
        assert [each.session_id for each in sessions.list()] == [kept]
        restored = sessions.get(draft.session_id)
        assert (restored.metadata(), restored.messages) == (draft.metadata(), [])
        assert sessions.check() == []


def test_the_command_line_takes_it_from_an_option_and_from_the_environment(
    tmp_path: Path, url: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SessionRepository.open(hermes_home=tmp_path, database_url=url) as sessions:
        started(sessions, 2, title="Rhubarb")
    server.sql(url.split("/")[3].split("?", maxsplit=1)[0], "UPDATE sessions SET title = 'Only there'")
    by_option = ["--hermes-home", str(tmp_path), "--database-url", url, "list"]
    assert "Only there" in CliRunner().invoke(main, by_option).output
    monkeypatch.setenv("HERMES_SESSIONS_DATABASE_URL", url)
    assert "Only there" in CliRunner().invoke(main, ["--hermes-home", str(tmp_path), "list"]).output
    done = CliRunner().invoke(main, ["--database-url", "postgresql://me:secret@/x?host=/nowhere", "list"])
    assert done.exit_code
    assert "secret" not in done.output


WRONG_URL = "its URL has a parameter that PostgreSQL does not know, or one with a wrong value"
REFUSED = {
    "postgres@/nowhere?host={}": "there is no database of this name",
    "nobody:secret@/home?host={}": "it refused the user or the password",
    "me:secret@/home?host={}&sslmode=secret": WRONG_URL,
    "me@/home?host={}&password=secret&secret=1": WRONG_URL,
    "me:secret@/home?host=/nowhere": "it cannot be reached",
    "me:secret@127.0.0.1:1/home": "it cannot be reached",
}


@pytest.mark.parametrize("verb", ["list", "check", "db current", "db upgrade"])
@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_leads_to_no_database_says_why_and_tells_no_password(
    tmp_path: Path, server: Server, address: str, verb: str
) -> None:
    (tmp_path / "webui/sessions").mkdir(parents=True)
    words = ["--database-url", f"postgresql://{address.format(quote(str(server.folder)))}", *verb.split()]
    done = CliRunner().invoke(main, ["--hermes-home", str(tmp_path), *words])
    assert done.exit_code == 1
    assert f"the database failed: {REFUSED[address]}" in done.output
    assert "secret" not in done.output
    assert "Traceback" not in done.output


def test_a_large_import_lets_the_server_count_its_rows(tmp_path: Path, url: str, server: Server) -> None:
    folder = tmp_path / "webui/sessions"
    folder.mkdir(parents=True)
    for number in range(1000):
        (folder / f"s{number}.json").write_text('{"title": "One", "messages": []}')
    with SessionRepository.open(hermes_home=tmp_path, database_url=url):
        name = url.split("/")[3].split("?", maxsplit=1)[0]
        assert server.sql(name, "SELECT reltuples FROM pg_class WHERE relname = 'sessions'") == "1000"


def test_a_process_has_one_pool_of_connections_for_all_locks(
    tmp_path: Path, url: str, server: Server
) -> None:
    of_locks = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND query ~ 'pg_advisory_unlock_all'"
    )
    with SessionRepository.open(hermes_home=tmp_path, database_url=url) as sessions:
        name = started(sessions, 2)
        sessions.update(name, project_id=sessions.projects.create("One").project_id)
        sessions.tag(name, "work")
        sessions.list()
        database = url.split("/")[3].split("?", maxsplit=1)[0]
        assert server.sql("postgres", of_locks.format(database)) == "1"
