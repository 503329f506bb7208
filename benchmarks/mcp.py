"""The command `python -m benchmarks.mcp`: how long the MCP server takes to start, and each of its tools.

The start is the processor time until the handshake is answered, beside a server of the same SDK that has one
tool and does nothing. A call is timed from the line that a client writes to the line that it reads; its floor
is the call of the repository alone, in this process.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from hermes_sessions import SessionRepository

from . import homes, table
from .homes import PHRASE
from .serving import PROGRAM
from .timing import Case, Floor, Size, measure

BARE = """
import anyio
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.types import CallToolResult, ListToolsResult, TextContent, Tool

async def list_tools(context, params):
    return ListToolsResult(tools=[Tool(name="nothing", input_schema={"type": "object"})])

async def call_tool(context, params):
    return CallToolResult(content=[TextContent(type="text", text="nothing")])

async def main():
    server = Server("bare", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

anyio.run(main)
"""
INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}
MOST_MORE = 0.3  # seconds of processor time until the handshake is answered


class Connection:
    """A client of a server in a process of its own, without the SDK, whose client takes time too."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from, self._number = process.stdin, process.stdout, 0

    def request(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request and return its result."""
        self._number += 1
        self._write({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        return json.loads(self._from.readline())["result"]

    def notify(self, method: str) -> None:
        """Send a notification."""
        self._write({"jsonrpc": "2.0", "method": method})

    def call(self, tool: str, arguments: dict[str, Any]) -> str:
        """Call a tool and return its text."""
        result = self.request("tools/call", {"name": tool, "arguments": arguments})
        assert not result.get("isError"), result
        return str(result["content"][0]["text"])

    def _write(self, message: dict[str, Any]) -> None:
        self._to.write(json.dumps(message).encode() + b"\n")
        self._to.flush()


def main() -> None:
    """Measure the start and the tools, and print a table of each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mcp", description=__doc__)
    parser.add_argument("--home", type=Path, help="a home with its indexes, which is only read")
    parser.add_argument(
        "--sessions", type=int, default=5000, help="make up a home of so many (default: 5000)"
    )
    parser.add_argument("--runs", type=int, default=10, help="starts of each server (default: 10)")
    parser.add_argument("--only", choices=("start", "calls"))
    asked = parser.parse_args()
    with _home(asked.home, asked.sessions) as home:
        if asked.only != "calls":
            _print_start(home, asked.runs)
        if asked.only != "start":
            _print_calls(home)


@contextmanager
def _home(given: Path | None, sessions: int) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        homes.generate(Path(folder, "home"), sessions)
        yield Path(folder, "home")


def _command(home: Path) -> list[str]:
    return [sys.executable, "-c", PROGRAM, "--hermes-home", str(home), "mcp"]


# ---- the start ------------------------------------------------------------------------------------------


def _print_start(home: Path, runs: int) -> None:
    """Print the least processor time of both servers: what makes a start slower is another program."""
    bare, ours = [sys.executable, "-c", BARE], _command(home)
    pairs = [(_until_initialized(bare), _until_initialized(ours)) for _ in range(runs + 1)][1:]
    floor, least = (min(pair[at] for pair in pairs) for at in (0, 1))
    met = "met" if least - floor <= MOST_MORE else "**not met**"
    print("| processor time until the handshake is answered | a bare server | more | aim | |")
    print("|--:|--:|--:|--:|---|")
    cells = (f"{1000 * seconds:.0f} ms" for seconds in (least, floor, least - floor, MOST_MORE))
    print(f"| {' | '.join(cells)} | {met} |\n", flush=True)


def _until_initialized(command: Sequence[str]) -> float:
    """Return the seconds of processor time that a server has taken when it answers the handshake."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    Connection(process).request("initialize", INITIALIZE)
    os.kill(process.pid, signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()
    return usage.ru_utime + usage.ru_stime


# ---- the tools ------------------------------------------------------------------------------------------


def _print_calls(home: Path) -> None:
    print(table.HEAD)
    with (
        SessionRepository.open(hermes_home=home) as sessions,
        subprocess.Popen(_command(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
    ):
        sessions.complete_search()
        server = Connection(process)
        server.request("initialize", INITIALIZE)
        server.notify("notifications/initialized")
        size = Size(sessions.count(agent=True))
        for case in _cases(sessions, server):
            for figure in measure(case, size):
                print(table.row(figure), flush=True)
        assert process.stdin is not None
        process.stdin.close()


def _cases(sessions: SessionRepository, server: Connection) -> Iterator[Case]:
    """Yield each tool beside the calls of the repository that it makes."""
    one = max(sessions.list(limit=200), key=lambda each: each.message_count)
    key, middle = one.session_id, one.message_count // 2

    def read() -> object:
        after = sessions.messages(key, after=middle, limit=20)
        return sessions.find(key), after, sessions.messages(key, before=middle, limit=20)

    def projects() -> object:
        return [sessions.count(project_id=each.project_id, agent=True) for each in sessions.projects.list()]

    def usage() -> object:
        return sessions.usage(by="model", agent=True), sessions.usage_total(agent=True)

    calls: list[tuple[str, dict[str, Any], partial[Any] | Any]] = [
        ("search_conversations", {"query": PHRASE}, partial(sessions.search, PHRASE, limit=8)),
        ("list_conversations", {}, partial(sessions.list, sort="latest", limit=20, agent=True)),
        ("read_conversation", {"id": key, "at": middle}, read),
        ("usage", {"by": "model"}, usage),
        ("list_projects", {}, projects),
    ]
    for tool, arguments, alone in calls:
        yield Case(tool, partial(server.call, tool, arguments), [Floor("the repository alone", alone)], 50)


if __name__ == "__main__":
    main()
