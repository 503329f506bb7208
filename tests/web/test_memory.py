"""The server's memory is bounded by the page that is shown, not by the size of the session."""

import ctypes
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from webapp import memory

from ..support.make import message
from ..support.serving import address, start, stop
from .test_server import fetch

MEGABYTE = 1 << 20
SESSION_BYTES = 48 * MEGABYTE


def resident(process: int) -> int:
    """Return the bytes that the children of a process, gunicorn's workers, have in memory."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    said = [Path(f"/proc/{child}/status").read_text() for child in children]
    return sum(int(match[1]) * 1024 for text in said if (match := re.search(r"VmRSS:\s+(\d+)", text)))


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells what a process has in memory")
def test_the_server_returns_the_memory_of_a_large_session(may: Path) -> None:
    text = json.dumps({"messages": [message("x" * 9000) for _ in range(SESSION_BYTES // 9000)]})
    server = start(may, "--port", "0")
    try:
        url = address(server)
        fetch(f"{url}/api/sessions?limit=50")
        before = resident(server.pid)
        for number in range(3):
            (may / f"webui/sessions/large{number}.json").write_text(text)
            page = fetch(f"{url}/api/session?session_id=large{number}&msg_limit=30")["session"]
            assert len(page["messages"]) == 30
        assert resident(server.pid) - before < SESSION_BYTES // 2
        assert len(fetch(f"{url}/api/session?session_id=large0")["session"]["messages"]) > 5000
        for _ in range(100):  # memory goes back right behind the answer
            if resident(server.pid) - before < SESSION_BYTES:
                break
            fetch(f"{url}/health")
        assert resident(server.pid) - before < SESSION_BYTES
    finally:
        stop(server)


def test_what_a_server_frees_is_kept_in_few_heaps_only(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[int, int] = {}
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=told.__setitem__))
    memory.give_back_freed()
    assert told == (memory.OPTIONS if sys.platform == "linux" else {})


def test_an_allocator_that_takes_no_options_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    memory.give_back_freed()


def test_the_garbage_collector_passes_over_what_is_loaded() -> None:
    program = (
        "import gc; from webapp import memory; memory.keep_what_is_loaded()\n"
        "print(gc.isenabled(), gc.get_freeze_count() > 10_000, len(gc.get_objects()) < 1_000)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["True", "True", "True"]
