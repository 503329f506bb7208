"""The server: the protocol of the SDK over standard input and output, and a home that opens behind it."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

import anyio
import anyio.to_thread
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    NotificationParams,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
    jsonrpc_message_adapter,
)

from .calls import Toolbox
from .home import BackgroundHome
from .parameters import schema
from .requests import MendedRequests
from .tools import INSTRUCTIONS, OfferedTool

NAME = "hermes-sessions"


def create_server(home: BackgroundHome, *, allow_changes: bool = False) -> Server[Any]:
    """Return a server of the tools over a home, which it closes at its end.

    It has no resources and no prompts: for each of these kinds the Hermes agent adds two more tools.
    """
    toolbox = Toolbox(home, allow_changes=allow_changes)

    @asynccontextmanager
    async def lifespan(_server: Server[Any]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(home.close)

    async def list_tools(_context: Any, _params: PaginatedRequestParams | None) -> ListToolsResult:
        home.begin()
        return ListToolsResult(tools=[definition(each) for each in toolbox.tools])

    async def call_tool(_context: Any, params: CallToolRequestParams) -> CallToolResult:
        answer = await anyio.to_thread.run_sync(partial(toolbox.call, params.name, params.arguments or {}))
        return CallToolResult(content=[TextContent(type="text", text=answer.text)], is_error=answer.is_error)

    async def initialized(_context: Any, _params: NotificationParams) -> None:
        home.begin()

    server: Server[Any] = Server(
        NAME,
        version=version(NAME),
        instructions=INSTRUCTIONS,
        lifespan=lifespan,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    # Not sooner: to import the database would take processor time from the handshake.
    server.add_notification_handler("notifications/initialized", NotificationParams, initialized)
    return server


def definition(tool: OfferedTool) -> Tool:
    """Return a tool as the protocol describes it."""
    annotations = ToolAnnotations(
        read_only_hint=not tool.changes,
        destructive_hint=tool.destroys,
        idempotent_hint=True,
        open_world_hint=False,
    )
    return Tool(
        name=tool.name,
        description=tool.about,
        input_schema=schema(tool.parameters),
        annotations=annotations,
    )


def serve(home: BackgroundHome, *, allow_changes: bool = False) -> None:
    """Serve over standard input and output until the input ends or the client is gone."""
    try:
        anyio.run(_serve, create_server(home, allow_changes=allow_changes), home)
    except* BrokenPipeError:  # nobody reads the answers
        pass


async def _serve(server: Server[Any], home: BackgroundHome) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(_end_on_signal, home)
        async with stdio_server() as (read, write):
            await server.run(
                MendedRequests(read, read_message), write, server.create_initialization_options()
            )
        group.cancel_scope.cancel()


def read_message(text: bytes) -> SessionMessage:
    """Return a line of a client as the SDK reads it; raise `ValueError` if it is no message."""
    return SessionMessage(jsonrpc_message_adapter.validate_json(text, by_name=False))


async def _end_on_signal(home: BackgroundHome) -> None:
    """Close the home and end the process; a thread that waits for input would keep it."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            await anyio.to_thread.run_sync(home.close)
            os._exit(128 + number)
