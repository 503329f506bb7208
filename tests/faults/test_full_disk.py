"""A disk that is full when a home is opened: it is listed, purged, and written again when there is room."""

import itertools
import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import SessionRepository, StorageError

from ..support.make import message, started
from ..support.serving import address, start, stop

pytestmark = pytest.mark.fault
CACHES = ["roomy", "full"]  # whether the user's cache is on another disk


def fill(folder: Path) -> None:
    """Fill a file system to its last byte."""
    with (folder / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        file.writelines(itertools.repeat(b"x" * 4096))


@pytest.fixture
def home(disk: Path) -> Path:
    """A home on a small disk, with a session and one in the trash that takes half of the disk."""
    subprocess.run(["mount", "-o", "remount,size=3m", disk], check=True)
    with SessionRepository.open(hermes_home=disk / "home") as sessions:
        started(sessions, title="kept")
        large = started(sessions, title="deleted")
        sessions.append(large, [message("x" * 1_000_000)])
        sessions.delete(large)
        sessions.list()
    return disk / "home"


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("index", ["", "without its index"])
def test_a_home_on_a_full_disk_can_be_opened_and_purged(
    home: Path, cache: str, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if cache == "full":
        monkeypatch.setenv("HERMES_SESSIONS_CACHE_DIR", str(home.parent / "cache"))
    if index:
        (home / "webui" / "sessions.db").unlink()
    fill(home.parent)
    with SessionRepository.open(hermes_home=home) as sessions:
        page = sessions.list()
        one = page[0].session_id
        assert [each.title for each in page] == ["kept"]
        assert len(sessions.get(one).messages) == 4
        assert [each.title for each in sessions.trash()] == ["deleted"]
        if index:
            assert "is full" in str(sessions.restriction)
            with pytest.raises(StorageError, match="No space left on device"):
                sessions.new()
        with pytest.raises(StorageError, match="No space left on device"):
            sessions.append(one, [message("y" * 100_000)])
        assert sessions.purge(older_than=0) == 1
        assert sessions.append(one, [message("y")]).message_count == 5
        assert sessions.restriction is None
        assert sessions.trash() == []
        assert [each.message_count for each in sessions.list()] == [5]
    with SessionRepository.open(hermes_home=home) as sessions:
        assert [each.message_count for each in sessions.list()] == [5]


@pytest.mark.parametrize("cache", CACHES)
def test_a_server_that_starts_on_a_full_disk_lists_and_empties_the_trash(
    home: Path, tmp_path: Path, cache: str
) -> None:
    (home / "webui" / "sessions.db").unlink()
    fill(home.parent)
    places = {"HERMES_SESSIONS_CACHE_DIR": str((tmp_path if cache == "roomy" else home.parent) / "cache")}
    server = start(home, "--port", "0", **places)
    try:
        url = address(server)
        (shown,) = asked(f"{url}/api/sessions")["sessions"]
        assert shown["title"] == "kept"
        with pytest.raises(urllib.error.HTTPError) as refused:
            asked(f"{url}/api/session/rename", {"session_id": shown["session_id"], "title": "new"})
        assert refused.value.code == 503
        assert "No space left on device" in refused.value.read().decode()
        (deleted,) = asked(f"{url}/api/trash")["trash"]
        erase = urllib.request.Request(f"{url}/trash/{deleted['session_id']}/erase", b"", {"Origin": url})
        with urllib.request.urlopen(erase, timeout=20) as page:
            assert page.status == 200
        renamed = asked(f"{url}/api/session/rename", {"session_id": shown["session_id"], "title": "new"})
        assert renamed["session"]["title"] == "new"
    finally:
        stop(server)


def asked(url: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the answer of a server."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        answer: dict[str, Any] = json.loads(response.read())
        return answer
