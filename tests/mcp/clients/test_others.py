"""A client of the SDK that the agent pins, and the inspector: the tools that they see, and their answers."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ...cli.running import PROGRAM
from .documented import documented
from .test_agent import TOOLS

pytestmark = pytest.mark.slow

OLDER = """
import anyio, json, sys
from importlib.metadata import version
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

async def main():
    command, *arguments = sys.argv[1:]
    async with stdio_client(StdioServerParameters(command=command, args=arguments)) as streams:
        async with ClientSession(*streams) as session:
            begun = await session.initialize()
            tools = (await session.list_tools()).tools
            wrong = await session.call_tool("read_conversation", {"id": "unknown"})
            found = await session.call_tool("search_conversations", {"query": "billing worker"})
    answers = [wrong, found]
    print(json.dumps({
        "sdk": version("mcp"),
        "protocol": begun.protocolVersion,
        "instructions": bool(begun.instructions),
        "tools": [each.name for each in tools],
        "read only": [each.annotations.readOnlyHint for each in tools],
        "structured": [each.structuredContent for each in answers],
        "errors": [each.isError for each in answers],
        "texts": [each.content[0].text for each in answers],
    }))

anyio.run(main)
"""


def test_a_client_of_the_older_sdk(agents_python: Path, demo: Path) -> None:
    server: list[str | Path] = [PROGRAM, "--hermes-home", demo, "mcp"]
    done = subprocess.run(
        [agents_python, "-c", OLDER, *server], capture_output=True, text=True, timeout=120, check=True
    )
    found = json.loads(done.stdout)
    assert (found["sdk"], found["protocol"], found["instructions"]) == ("1.26.0", "2025-11-25", True)
    assert (found["tools"], found["read only"]) == (TOOLS, [True] * 5)
    assert (found["structured"], found["errors"]) == ([None, None], [False, False])
    assert "Find its id with search_conversations" in found["texts"][0]
    assert "2d393c4b5e6a" in found["texts"][1]


def inspect(inspector: Path, configuration: Path, *arguments: str) -> Any:
    """Return what the inspector prints; its exit status is 0 also when a tool fails."""
    server: list[str | Path] = ["--config", configuration, "--server", "hermes-sessions"]
    command = [inspector, "--cli", *server, "--method", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(done.stdout)


@pytest.fixture
def configuration(demo: Path, tmp_path: Path) -> Path:
    """The configuration of most clients, as the documentation gives it."""
    path = tmp_path / "mcp.json"
    path.write_text(documented("json", demo))
    return path


def test_the_inspector_lists_the_tools(inspector: Path, configuration: Path) -> None:
    tools = inspect(inspector, configuration, "tools/list")["tools"]
    assert [each["name"] for each in tools] == TOOLS
    assert {each["inputSchema"]["type"] for each in tools} == {"object"}
    assert {each["annotations"]["openWorldHint"] for each in tools} == {False}


@pytest.mark.parametrize(
    ("name", "argument", "expected"),
    [
        ("search_conversations", "query=billing worker", "2d393c4b5e6a"),
        ("read_conversation", "id=unknown", "Find its id with search_conversations"),
    ],
)
def test_the_inspector_calls_a_tool(
    inspector: Path, configuration: Path, name: str, argument: str, expected: str
) -> None:
    called = inspect(inspector, configuration, "tools/call", "--tool-name", name, "--tool-arg", argument)
    assert not called["isError"]
    assert expected in called["content"][0]["text"]
