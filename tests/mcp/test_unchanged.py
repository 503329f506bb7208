"""A server that may only read: whatever it is asked, no file that people or programs wrote changes."""

import hashlib
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from .asking import Model, model

# What a model can find in the demo home, and what it cannot.
WORDS = (
    "backup",
    "会议",
    "project:Atlas",
    '"out of memory"',
    "has:error",
    "-disk",
    "zzzz",
    "is:interrupted",
    "d*",
)
IDS = ("2d393c4b5e6a", "f2aa", "Billing worker runs out of memory", "20261128", "nope", "4fc52f7d2412")


def truth(home: Path) -> dict[str, str]:
    """Return a digest of every file that is not an index."""
    webui = home / "webui"
    files = [
        *(webui / "sessions").rglob("*"),
        webui / "projects.json",
        webui / "tags.json",
        home / "state.db",
    ]
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }


def ask_something(agent: Model, choice: random.Random) -> None:
    """Make a call that a model could make, with right and wrong arguments."""
    when = choice.choice((None, "7d", "2026-10", "nonsense"))
    project = choice.choice((None, "Atlas", "Nowhere"))
    calls: list[tuple[str, dict[str, Any]]] = [
        ("search_conversations", {"query": choice.choice(WORDS), "since": when, "project": project}),
        ("list_conversations", {"since": when, "project": project, "offset": choice.randrange(90)}),
        (
            "read_conversation",
            {
                "id": choice.choice(IDS),
                "at": choice.randrange(-20, 500),
                "part": choice.choice((None, None, 1, 3)),
                "tools": choice.choice(("short", "full", "none")),
            },
        ),
        ("usage", {"by": choice.choice(("month", "model,day", "tool", "x")), "project": project}),
        ("list_projects", {}),
        ("delete_conversation", {"id": choice.choice(IDS)}),
        ("change_conversation", {"id": choice.choice(IDS), "title": "Taken"}),
    ]
    tool, arguments = choice.choice(calls)
    assert not agent.call(tool, **arguments).is_error


@pytest.mark.slow
@pytest.mark.parametrize("calls", [100, pytest.param(2_000, marks=pytest.mark.long)])
def test_reading_changes_no_file(demo: Path, tmp_path: Path, calls: int) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo, home)
    before = truth(home)
    choice = random.Random(calls)
    with model(home) as agent:
        for _ in range(calls):
            ask_something(agent, choice)

    assert len(before) > 60
    assert truth(home) == before
