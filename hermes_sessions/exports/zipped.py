"""An archive of exported conversations, made while it is sent: one of them is in memory at a time."""

import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ..errors import SessionsError

FAILURES = "not-exported.txt"


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
    conversations: Iterable[Exportable], render: Callable[[str], str], failed: dict[str, str]
) -> Iterator[bytes]:
    """Yield the archive in parts. `render(session_id)` returns the text of one.

    What `failed` names, and what `render` fails with, stands in the file `not-exported.txt`.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in conversations:
            try:
                text = render(each.session_id)
            except SessionsError as error:
                failed[each.session_id] = str(error)
                continue
            archive.writestr(_entry(each.name), text.encode("utf-8", "replace"))
            yield pipe.take()
        if failed:
            lines = "".join(f"{session_id}: {reason}\n" for session_id, reason in failed.items())
            archive.writestr(_entry(FAILURES), lines.encode("utf-8", "replace"))
    yield pipe.take()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, time.localtime()[:6])
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
    return entry
