"""A request that the SDK cannot read is mended, so that its client gets an answer."""

import pytest
from mcp.shared.message import SessionMessage

from hermes_sessions.mcp.requests import mended
from hermes_sessions.mcp.server import read_message

HALF = r'{"jsonrpc":"2.0","id":1,"method":"x","params":{"id":"a \ud800 \\ud800 \ud83d\ude00"}}'


def received(text: str) -> SessionMessage | Exception:
    """Return a line as the SDK reads it."""
    try:
        return read_message(text.encode())
    except ValueError as error:
        return error


def test_half_a_character_is_replaced() -> None:
    unread = received(HALF)
    assert isinstance(unread, Exception)

    request = mended(unread, read_message)

    assert isinstance(request, SessionMessage)
    assert request.message.model_dump()["params"] == {"id": "a ? \\ud800 \U0001f600"}


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}", "[" * 100_000, '{"jsonrpc":"2.0"}'])
def test_what_is_no_request_stays_an_error(text: str) -> None:
    unread = received(text)
    assert mended(unread, read_message) is unread
