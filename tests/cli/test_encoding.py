"""Tests that bytes from the shell are UTF-8 or refused, in any locale, and that output works in each."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from hermes_sessions import InvalidValue, SessionRepository
from hermes_sessions.config import resolve

from .running import PROGRAM

LOCALES: Mapping[str, Mapping[str, str]] = {
    "POSIX": {"LC_ALL": "POSIX", "PYTHONUTF8": "0"},
    "C, not coerced": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "UTF-8": {"LC_ALL": "C.UTF-8"},
    "a locale that does not exist": {"LC_ALL": "xx_XX.ISO-8859-1", "PYTHONUTF8": "0"},
}
TEXT = "café 日本 🎉"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one session, in a folder whose name is not ASCII."""
    home = tmp_path / "héme"
    sidecars = home / "webui" / "sessions"
    sidecars.mkdir(parents=True)
    document = {"title": "before", "messages": [{"role": "user", "content": TEXT}]}
    (sidecars / "one.json").write_text(json.dumps(document))
    return home


def run_in(
    locale: str, home: Path, *words: bytes | str, stdin: bytes = b"", **variables: bytes
) -> subprocess.CompletedProcess[bytes]:
    """Run the installed program with these bytes as its arguments."""
    environment: dict[bytes, bytes] = {b"PATH": os.environb[b"PATH"]}
    environment |= {name.encode(): value.encode() for name, value in LOCALES[locale].items()}
    environment |= {name.encode(): value for name, value in variables.items()}
    command: list[bytes | str | Path] = [PROGRAM, "--hermes-home", os.fsencode(home), *words]
    return subprocess.run(command, env=environment, input=stdin, capture_output=True, check=False, timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize("locale", LOCALES)
def test_arguments_and_standard_input_are_utf_8_in_every_locale(locale: str, home: Path) -> None:
    renamed = run_in(locale, home, "rename", "one", TEXT.encode())
    assert (renamed.returncode, renamed.stderr) == (0, b"")
    assert renamed.stdout.decode() == f"one: renamed to {TEXT}\n"
    shown = run_in(locale, home, "show", "one")
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert shown.stdout.decode().count(TEXT) == 2
    exported = run_in(locale, home, "export", "one", "--force", "-o", os.fsencode(home / "ñ.json"))
    assert (exported.returncode, exported.stderr) == (0, b"")
    imported = run_in(locale, home, "import", "-", stdin=(home / "ñ.json").read_bytes())
    assert (imported.returncode, imported.stderr) == (0, b"")
    with SessionRepository.open(hermes_home=home) as sessions:
        assert {each.title for each in sessions.list()} == {TEXT}


REFUSED: Mapping[str, tuple[bytes | str, ...]] = {
    "a title": ("rename", "one", b"caf\xe9"),
    "an id": ("show", b"caf\xe9"),
    "a project": ("projects", "create", b"caf\xe9"),
    "a query": ("search", "one", b"caf\xe9"),
    "a verb": (b"caf\xe9",),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", REFUSED)
def test_an_argument_that_is_not_utf_8_is_refused(what: str, home: Path) -> None:
    for locale in ("POSIX", "UTF-8"):
        refused = run_in(locale, home, *REFUSED[what])
        assert refused.returncode == 2
        assert refused.stdout == b""
        assert b"caf\\xe9' is not UTF-8 text." in refused.stderr or b"No such command" in refused.stderr
    with SessionRepository.open(hermes_home=home) as sessions:
        assert [each.title for each in sessions.list()] == ["before"]
        assert sessions.projects.list() == []


@pytest.mark.slow
def test_paths_may_have_any_bytes(home: Path) -> None:
    path = os.fsencode(home) + b"/caf\xe9.json"
    for locale in ("POSIX", "UTF-8"):
        assert run_in(locale, home, "export", "one", "--force", "-o", path).returncode == 0
        assert run_in(locale, home, "import", path).returncode == 0


def test_text_of_the_environment_is_utf_8_or_refused(tmp_path: Path) -> None:
    for name in ("HERMES_WEBUI_DEFAULT_MODEL", "HERMES_WEBUI_DEFAULT_WORKSPACE"):
        assert TEXT in repr(resolve(tmp_path, environ={name: TEXT}))
        with pytest.raises(InvalidValue, match=f"{name} must be UTF-8"):
            resolve(tmp_path, environ={name: os.fsdecode(b"caf\xe9")})
    with pytest.raises(InvalidValue, match="profile must be"):
        resolve(tmp_path, environ={"HERMES_PROFILE": os.fsdecode(b"caf\xe9")})
