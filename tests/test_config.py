"""Tests the configuration: arguments come before the environment, and that before defaults; settings."""

from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import InvalidValue, SessionRepository, Unreadable
from hermes_sessions.config import (
    DEFAULT_PORTS,
    Config,
    resolve,
    resolve_server,
)
from hermes_sessions.settings import last_workspace, read_settings, remember_workspace

NAMES = """
    HERMES_HOME HERMES_PROFILE HERMES_WEBUI_STATE_DIR HERMES_WEBUI_DEFAULT_WORKSPACE
    HERMES_WEBUI_DEFAULT_MODEL HERMES_WEBUI_HOST HERMES_WEBUI_PORT HERMES_WEBUI_PASSWORD
""".split()


@pytest.fixture(autouse=True)
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home folder, in an environment without variables of this program."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    return tmp_path / "person"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The configuration of a home whose state folder exists."""
    (tmp_path / "home" / "webui").mkdir(parents=True)
    return resolve(hermes_home=tmp_path / "home")


@pytest.mark.parametrize(
    ("arguments", "environ", "attribute", "expected"),
    [
        ({}, {}, "hermes_home", "~/.hermes"),
        ({}, {"HERMES_HOME": "/a"}, "hermes_home", "/a"),
        ({}, {"HERMES_HOME": ""}, "hermes_home", "~/.hermes"),
        ({}, {"HERMES_HOME": "~/a"}, "hermes_home", "~/a"),
        ({"hermes_home": "/b"}, {"HERMES_HOME": "/a"}, "hermes_home", "/b"),
        ({"hermes_home": "~/b"}, {}, "hermes_home", "~/b"),
        ({}, {}, "state_dir", "~/.hermes/webui"),
        ({}, {"HERMES_HOME": "/a"}, "state_dir", "/a/webui"),
        ({"hermes_home": "/b"}, {}, "state_dir", "/b/webui"),
        ({}, {"HERMES_WEBUI_STATE_DIR": "/s"}, "state_dir", "/s"),
        ({}, {"HERMES_WEBUI_STATE_DIR": "~/s"}, "state_dir", "~/s"),
        ({"hermes_home": "/b"}, {"HERMES_WEBUI_STATE_DIR": "/s"}, "state_dir", "/s"),
        ({"state_dir": Path("/t")}, {"HERMES_WEBUI_STATE_DIR": "/s"}, "state_dir", "/t"),
        ({"state_dir": "/t"}, {}, "sessions_dir", "/t/sessions"),
        ({"state_dir": "/t"}, {}, "trash_dir", "/t/trash"),
        ({"state_dir": "/t"}, {}, "locks_dir", "/t/locks"),
        ({"state_dir": "/t"}, {}, "projects_file", "/t/projects.json"),
        ({"state_dir": "/t"}, {}, "last_workspace_file", "/t/last_workspace.txt"),
        ({"state_dir": "/t"}, {}, "index", "/t/sessions.db"),
    ],
)
def test_places(
    arguments: dict[str, Any], environ: dict[str, str], attribute: str, expected: str, person: Path
) -> None:
    found = getattr(resolve(**arguments, environ=environ), attribute)
    assert found == Path(expected.replace("~", str(person)))


@pytest.mark.parametrize(
    ("arguments", "environ", "attribute", "expected"),
    [
        ({}, {}, "database_url", None),
        ({"database_url": "postgresql://h/x"}, {}, "index", "postgresql://h/x"),
        ({}, {}, "profile", "default"),
        ({}, {"HERMES_PROFILE": "work"}, "profile", "work"),
        ({"profile": "home"}, {"HERMES_PROFILE": "work"}, "profile", "home"),
        ({}, {}, "default_model", None),
        ({}, {"HERMES_WEBUI_DEFAULT_MODEL": ""}, "default_model", None),
        ({}, {"HERMES_WEBUI_DEFAULT_MODEL": "m"}, "default_model", "m"),
        ({}, {"HERMES_WEBUI_DEFAULT_WORKSPACE": "/w"}, "default_workspace", "/w"),
    ],
)
def test_defaults(
    arguments: dict[str, Any], environ: dict[str, str], attribute: str, expected: str | None
) -> None:
    assert getattr(resolve(**arguments, environ=environ), attribute) == expected


def test_a_relative_folder_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = resolve("state").state_dir
    monkeypatch.chdir("/")
    assert found == tmp_path / "state"


def test_an_unknown_user() -> None:
    with pytest.raises(InvalidValue, match="user"):
        resolve("~no-such-user-at-all/x")


def test_the_process_s_own_environment(person: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERMES_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("HERMES_WEBUI_DEFAULT_MODEL", "some-model")
    monkeypatch.setenv("HERMES_PROFILE", "work")
    with SessionRepository.open() as sessions:
        session = sessions.new()
    assert sessions.config.sessions_dir == tmp_path / "other" / "webui" / "sessions"
    assert (session.model, session.profile) == ("some-model", "work")
    assert session.workspace == str(person)


# ---- the server -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "port", "environ", "expected"),
    [
        (None, None, {}, ("127.0.0.1", DEFAULT_PORTS, None)),
        (None, None, {"HERMES_WEBUI_HOST": "::1", "HERMES_WEBUI_PORT": "9000"}, ("::1", (9000,), None)),
        ("0.0.0.0", 1, {"HERMES_WEBUI_HOST": "::1", "HERMES_WEBUI_PORT": "9000"}, ("0.0.0.0", (1,), None)),
        (None, 0, {"HERMES_WEBUI_PORT": "9000"}, ("127.0.0.1", (0,), None)),
        (None, 8000, {"HERMES_WEBUI_PORT": "wrong"}, ("127.0.0.1", (8000,), None)),
        (None, None, {"HERMES_WEBUI_PORT": "65535"}, ("127.0.0.1", (65535,), None)),
        (None, None, {"HERMES_WEBUI_PASSWORD": "secret"}, ("127.0.0.1", DEFAULT_PORTS, "secret")),
        (None, None, dict.fromkeys(NAMES, ""), ("127.0.0.1", DEFAULT_PORTS, None)),
    ],
)
def test_server(
    host: str | None,
    port: int | None,
    environ: dict[str, str],
    expected: tuple[str, tuple[int, ...], str | None],
) -> None:
    found = resolve_server(host, port, environ)
    assert (found.host, found.ports, found.password) == expected


def test_the_default_ports_begin_with_the_web_uis() -> None:
    assert (DEFAULT_PORTS[0], DEFAULT_PORTS[-1], len(DEFAULT_PORTS)) == (8787, 8797, 11)


@pytest.mark.parametrize("text", ["x", "-1", "65536", "8787.0", "1e3", " 80", "²", "9" * 5000])
def test_a_wrong_port_is_named(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"HERMES_WEBUI_PORT.* 0 to 65535"):
        resolve_server(environ={"HERMES_WEBUI_PORT": text})


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_wrong_port_as_an_argument(port: int) -> None:
    with pytest.raises(InvalidValue, match="0 to 65535"):
        resolve_server(port=port)


# ---- files of the state folder ----------------------------------------------------------------------------


def test_settings(config: Config) -> None:
    assert read_settings(config) == {}
    (config.state_dir / "settings.json").write_text('{"theme": "dark"}')
    assert read_settings(config) == {"theme": "dark"}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", "[" * 100_000])
def test_unreadable_settings(config: Config, text: str) -> None:
    path = config.state_dir / "settings.json"
    path.write_text(text)
    with pytest.raises(Unreadable, match=r"settings\.json") as caught:
        read_settings(config)
    assert caught.value.path == path
    assert path.read_text() == text


@pytest.mark.parametrize("name", ["plain", "with blanks", "Übung", "not-utf-8-\udcff"])
def test_the_last_workspace_is_remembered(config: Config, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    remember_workspace(config, str(folder))
    assert last_workspace(config) == str(folder)


@pytest.mark.parametrize(
    "remembered",
    [b"", b"\n", b"/no/such/folder", b"\xff\xfe", b"/\0", b"/" + b"x" * 5000, b"/etc/passwd"],
)
def test_a_last_workspace_that_is_no_folder(config: Config, person: Path, remembered: bytes) -> None:
    assert last_workspace(config) == str(person)
    config.last_workspace_file.write_bytes(remembered)
    assert last_workspace(config) == str(person)
