"""The requests of a client, also those with half a character, which the SDK leaves without an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pydantic import ValidationError

Request = TypeVar("Request")


class MendedRequests(Generic[Request]):
    """A stream of requests in which lone surrogates are replaced: `\\ud800` as JavaScript writes it.

    The SDK drops a line that has one, and its client waits for an answer until it gives up. `stream` is
    the SDK's, and `read` reads a line as the SDK does.
    """

    def __init__(self, stream: Any, read: Callable[[bytes], Request]) -> None:
        self._stream, self._read = stream, read

    @property
    def last_context(self) -> Any:
        """The context of the last request's sender, which the SDK asks for."""
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> Request | Exception:
        """Return the next request."""
        return mended(await self._stream.receive(), self._read)

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Request | Exception:
        return mended(await self._stream.__anext__(), self._read)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def mended(request: Request | Exception, read: Callable[[bytes], Request]) -> Request | Exception:
    """Return a request; of one that the SDK could not read, what it says with `?` for lone surrogates."""
    if not isinstance(request, ValidationError):
        return request
    try:
        said = json.loads(request.errors()[0]["input"])
        return read(json.dumps(said, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, TypeError, RecursionError):
        return request
