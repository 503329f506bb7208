"""An archive of exported conversations, made while it is sent: one of them is read at a time."""

import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from ..errors import SessionsError

FAILURES = "not-exported.txt"
SENT_AT_ONCE = 1 << 20  # bytes of text


class Exportable(NamedTuple):
    """A conversation to put into an archive: its id, and the name of its file there."""

    session_id: str
    name: str


class _Pipe:
    """A file that cannot be rewound, which gives up what was written to it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        """Take some bytes."""
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: `take` has everything."""

    def close(self) -> None:
        """Do nothing: there is no file."""

    def take(self) -> bytes:
        """Return what was written since the last call."""
        data, self._parts = b"".join(self._parts), []
        return data


def zipped(
    conversations: Iterable[Exportable], render: Callable[[str], Iterator[str]], failed: dict[str, str]
) -> Iterator[bytes]:
    """Yield the archive in parts. `render(session_id)` yields the text of one.

    What `failed` names, and what `render` fails with, stands in the file `not-exported.txt`.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in conversations:
            try:
                for _ in _written(archive, each.name, render(each.session_id)):
                    yield pipe.take()
            except SessionsError as error:
                failed[each.session_id] = str(error)
            yield pipe.take()
        if failed:
            lines = "".join(f"{session_id}: {reason}\n" for session_id, reason in failed.items())
            archive.writestr(_entry(FAILURES), lines.encode("utf-8", "replace"))
    yield pipe.take()


def _written(archive: zipfile.ZipFile, name: str, texts: Iterator[str]) -> Iterator[None]:
    """Write a file of an archive, and yield whenever so much was written that it should be sent.

    The file begins with the first text: what cannot be read has none.
    """
    first, waiting = next(texts, ""), 0
    with archive.open(_entry(name), "w", force_zip64=True) as file:
        for text in chain([first], texts):
            waiting += file.write(text.encode("utf-8", "replace"))
            if waiting >= SENT_AT_ONCE:
                waiting = 0
                yield


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, time.localtime()[:6])
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
    return entry
