"""The programs of others, and a home of the agent's in which the server reads."""

import shutil
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def agents_python() -> Path:
    """The Python of the agent's environment, in which the SDK is older."""
    return _installed(ROOT / "build/agent/bin/python", "make build/agent/.made")


@pytest.fixture(scope="session")
def inspector() -> Path:
    """The inspector of the protocol, on the command line."""
    return _installed(ROOT / "node_modules/.bin/mcp-inspector-cli", "npm ci")


def _installed(program: Path, command: str) -> Path:
    if not program.exists():
        pytest.skip(f"{program.relative_to(ROOT)} is not there: {command} installs it")
    return program


@pytest.fixture
def agents_home(demo: Path, tmp_path: Path) -> Path:
    """A home of the agent's own with the conversations of the demo's web UI, all of them searchable."""
    home = tmp_path / "home"
    shutil.copytree(demo / "webui", home / "webui", ignore=shutil.ignore_patterns("*.db*"))
    with SessionRepository.open(hermes_home=home) as sessions:
        sessions.complete_search()
    return home
