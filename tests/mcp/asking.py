"""Asks a server as a model does, through the SDK's own client in this process."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client

from hermes_sessions import SessionRepository
from hermes_sessions.mcp import BackgroundHome, create_server

LEAST, DEFAULT = 1_000, 4_000  # tokens of an answer
ALLOWED = 1.15  # of its budget

Progress = Callable[[int, int], None]


class Asked(NamedTuple):
    """An answer of a tool."""

    text: str
    is_error: bool


class Model:
    """Calls tools, one after another."""

    def __init__(self, portal: BlockingPortal, client: Client) -> None:
        self._portal, self.client = portal, client

    def call(self, tool: str, /, **arguments: Any) -> Asked:
        """Call a tool and return what it says."""
        result: Any = self._portal.call(self.client.call_tool, tool, arguments)
        assert result.structured_content is None
        assert [each.type for each in result.content] == ["text"]
        return Asked(result.content[0].text, result.is_error)

    def ask(self, tool: str, /, **arguments: Any) -> str:
        """Call a tool that must not fail; a search, which waits itself, until the index is complete."""
        most = ALLOWED * max(LEAST, arguments.get("max_tokens", DEFAULT))
        for _ in range(100):
            text, is_error = self.call(tool, **arguments)
            assert not is_error, text
            assert estimated(text) <= most
            if "Not searched yet" not in text:
                return text
        raise AssertionError("the index is never complete")

    def tools(self) -> list[Any]:
        """Return the tools that the server has."""
        listed: Any = self._portal.call(self.client.list_tools)
        return list(listed.tools)


@contextmanager
def model(
    home: Path,
    *,
    allow_changes: bool = False,
    open_home: Callable[[Progress], SessionRepository] | None = None,
) -> Iterator[Model]:
    """Let a model ask about a home, by default opened as the command line does."""

    def opened(progress: Progress) -> SessionRepository:
        return SessionRepository.open(hermes_home=home, progress=progress)

    server = create_server(BackgroundHome(open_home or opened), allow_changes=allow_changes)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Client(server, mode="legacy")) as client,
    ):
        yield Model(portal, client)


def estimated(text: str) -> float:
    """Return the number of tokens in a text, by the estimate that the server must use."""
    ascii_characters = len(text.encode("ascii", "ignore"))
    return ascii_characters / 4 + len(text) - ascii_characters


def found(pattern: str, text: str) -> str:
    """Return what the group of a pattern matches in an answer, as a model copies it."""
    match = re.search(pattern, text, re.MULTILINE)
    assert match, f"{pattern} is not in {text}"
    return match[1]


def blocks(text: str) -> list[str]:
    """Return what stands between the fences of an answer; each opens and closes once."""
    opened, closed = text.count("<quoted>"), text.count("</quoted>")
    inside = re.findall(r"<quoted>(.*?)</quoted>", text, re.DOTALL)
    assert opened == closed == len(inside)
    return [each.removeprefix("\n").removesuffix("\n") for each in inside]
