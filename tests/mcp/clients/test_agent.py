"""The Hermes agent itself, offline: it connects to the server, and its model calls the tools."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository

from .documented import documented
from .provider import Call, Provider, serving

pytestmark = pytest.mark.slow

TOOLS = ["search_conversations", "list_conversations", "read_conversation", "usage", "list_projects"]
PREFIX = "mcp__hermes_sessions__"  # as this release of the agent names the tools of a server


def configure(home: Path, address: str = "") -> None:
    """Write the configuration that the documentation gives, and a model at an address."""
    others = {
        "model": {"default": "stub", "provider": "custom", "base_url": address, "api_key": "none"},
        "security": {"tirith_enabled": False},  # it would be downloaded
    }
    lines = [f"{name}: {json.dumps(value)}\n" for name, value in others.items()]  # JSON is YAML
    (home / "config.yaml").write_text(documented("yaml", home) + "".join(lines))


def hermes(python: Path, home: Path, *arguments: str) -> str:
    """Run the agent's command, and return what it prints."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "HERMES_HOME": str(home), "NO_COLOR": "1"}
    done = subprocess.run(
        [python.with_name("hermes"), *arguments],
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_agent_connects_and_finds_five_tools(agents_python: Path, agents_home: Path) -> None:
    configure(agents_home)
    printed = hermes(agents_python, agents_home, "mcp", "test", "hermes-sessions")
    assert "Connected" in printed
    assert "Tools discovered: 5" in printed
    assert [name for name in TOOLS if name in printed] == TOOLS


WRONG = [Call(f"{PREFIX}read_conversation", {"id": f"unknown{number}"}) for number in range(4)]
RIGHT = Call(f"{PREFIX}read_conversation", {"id": "2d393c4b5e6a"})
SEARCH = Call(f"{PREFIX}search_conversations", {"query": "billing worker", "limit": 3})


def test_a_model_goes_on_after_four_wrong_ids_and_does_not_find_its_own_question(
    agents_python: Path, agents_home: Path
) -> None:
    provider = Provider([*WRONG, RIGHT, SEARCH, "It ran out of memory."])
    with serving(provider) as address:
        configure(agents_home, address)
        said = hermes(agents_python, agents_home, "chat", "-Q", "-q", "What happened at night?")

    assert "It ran out of memory." in said
    offered = {name for name in provider.tools if name.startswith("mcp__")}
    assert offered == {f"{PREFIX}{name}" for name in TOOLS}
    *wrong, read, found = provider.results
    assert ["Find its id with search_conversations" in each for each in wrong] == [True] * 4
    assert "Billing worker runs out of memory" in read
    assert "2d393c4b5e6a" in found
    with SessionRepository.open(hermes_home=agents_home) as sessions:
        (own,) = sessions.list(agent="only")
        assert own.message_count > 2 * len(WRONG)
        assert own.session_id in {hit.session_id for hit in sessions.search(f"tool:{SEARCH.name}")}
        hits = sessions.search("billing worker", limit=50)
        assert hits
        assert own.session_id not in {hit.session_id for hit in hits}
        assert own.session_id in {hit.session_id for hit in sessions.search("happened at night")}
