"""The server as a process: its protocol over standard input and output, its start, and its end."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

import hermes_sessions.mcp
from hermes_sessions import SessionRepository
from hermes_sessions.mcp import BackgroundHome
from hermes_sessions.mcp.calls import Toolbox

from ..cli.running import PROGRAM, run, start_program
from ..support.threads import in_own_thread
from .asking import model

INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


def lines(*requests: tuple[str, dict[str, Any]]) -> bytes:
    """Return a session as a client of the older protocol sends it."""
    first = [
        {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": INITIALIZE},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
    ]
    asked = [
        {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        for number, (method, params) in enumerate(requests, 1)
    ]
    return b"".join(json.dumps(each).encode() + b"\n" for each in [*first, *asked])


def exchanged(server: subprocess.Popen[bytes], sent: bytes, answers: int) -> tuple[list[Any], str]:
    """Send lines, read so many answers, end the input, and return them and what the server logged."""
    assert server.stdin
    assert server.stdout
    server.stdin.write(sent)
    server.stdin.flush()
    read = [json.loads(server.stdout.readline()) for _ in range(answers)]
    rest, logged = server.communicate(timeout=60)
    assert rest == b""
    return sorted(read, key=lambda answer: answer["id"]), logged.decode()


def pipes() -> dict[str, Any]:
    """Return the arguments that connect a process with its three streams."""
    return dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28")])
def test_both_protocols_are_spoken(demo: Path, mode: str, version: str) -> None:
    async def ask() -> Sequence[str]:
        program = StdioServerParameters(command=str(PROGRAM), args=["--hermes-home", str(demo), "mcp"])
        async with Client(program, mode=mode) as client:
            tools = await client.list_tools()
            said: Any = await client.call_tool("read_conversation", {"id": "2d393c4b5e6a"})
            return [client.protocol_version, str(len(tools.tools)), said.content[0].text]

    spoken, tools, text = in_own_thread(lambda: anyio.run(ask))  # browser tests leave a loop in this one

    assert (spoken, tools) == (version, "5")
    assert text.startswith('"Billing worker runs out of memory", id 2d393c4b5e6a')


@pytest.mark.slow
def test_the_server_ends_with_its_input(demo: Path) -> None:
    server = start_program(demo, "mcp", **pipes())
    call = ("tools/call", {"name": "list_projects", "arguments": {}})
    answers, logged = exchanged(server, lines(("ping", {}), call), 3)

    assert server.returncode == 0
    assert logged == ""
    assert answers[0]["result"]["serverInfo"]["name"] == "hermes-sessions"
    assert answers[2]["result"]["content"][0]["text"].startswith('"Atlas", id ')


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_while_it_waits_for_input(demo: Path, number: int) -> None:
    with start_program(demo, "mcp", **pipes()) as server:
        assert server.stdin
        assert server.stdout
        server.stdin.write(lines(("tools/call", {"name": "list_projects"})))
        server.stdin.flush()
        for _ in range(2):
            server.stdout.readline()
        server.send_signal(number)

        assert server.wait(timeout=60) == 128 + number
        assert server.stderr
        assert server.stderr.read() == b""


@pytest.mark.slow
def test_a_client_that_is_gone_ends_the_server_quietly(demo: Path) -> None:
    with start_program(demo, "mcp", **pipes()) as server:
        assert server.stdin
        assert server.stdout
        assert server.stderr
        server.stdout.close()
        server.stdin.write(lines(("ping", {})))
        server.stdin.close()

        assert server.wait(timeout=60) == 0
        assert server.stderr.read() == b""


PRINTING = """
import os, sys
import hermes_sessions.mcp
from hermes_sessions import SessionRepository
from hermes_sessions.mcp import BackgroundHome, serve

class Closing(SessionRepository):
    def close(self):
        super().close()
        print("closed")

def opened(progress):
    print("opening")
    os.system("echo a child")
    return Closing.open(hermes_home=sys.argv[1])

serve(BackgroundHome(opened))
"""


@pytest.mark.slow
def test_what_is_printed_is_no_part_of_the_protocol(demo: Path) -> None:
    server = subprocess.Popen([sys.executable, "-c", PRINTING, demo], **pipes())
    answers, logged = exchanged(server, lines(("tools/call", {"name": "list_projects"})), 2)

    assert not answers[1]["result"]["isError"]
    assert sorted(logged.split()) == ["a", "child", "closed", "opening"]


def test_the_handshake_does_not_wait_for_the_home(demo: Path) -> None:
    may_open = threading.Event()

    def slowly(progress: object) -> SessionRepository:
        assert may_open.wait(60)
        return SessionRepository.open(hermes_home=demo)

    with model(demo, open_home=slowly) as agent:
        assert len(agent.tools()) == 5
        may_open.set()
        assert agent.ask("list_projects").startswith('"Atlas"')


def test_a_long_opening_is_told_and_can_be_stopped(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hermes_sessions.mcp.home.OPENING_SECONDS", 0.01)
    has_begun, stopped = threading.Event(), threading.Event()

    def endless(progress: Any) -> SessionRepository:
        try:
            while True:
                progress(1_200, 5_000)
                has_begun.set()
                threading.Event().wait(0.005)
        finally:
            stopped.set()

    home = BackgroundHome(endless)
    toolbox = Toolbox(home, allow_changes=False)
    home.begin()
    assert has_begun.wait(60)
    said = toolbox.call("list_projects", {})
    home.close()

    assert not said.is_error
    assert "1,200 of 5,000 conversations are read. Ask again" in said.text
    assert stopped.is_set()
    assert toolbox.call("list_projects", {}) == ("The server is ending.", False)


def test_without_the_sdk_the_verb_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(hermes_sessions.mcp, "serve")  # which imports it first
    monkeypatch.delitem(sys.modules, "hermes_sessions.mcp.server")
    monkeypatch.setitem(sys.modules, "mcp", None)
    monkeypatch.setitem(sys.modules, "mcp.server", None)

    result = run(tmp_path, "mcp")

    assert result.exit_code == 1
    assert "needs the package mcp. Install it in an environment of its own" in result.stderr


def test_the_help_of_the_verb_loads_no_sdk(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", PROGRAM, "mcp", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "--allow-changes" in result.stdout
    assert "pydantic" not in result.stderr
    assert "sqlalchemy" not in result.stderr
