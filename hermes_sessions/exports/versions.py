"""What tells whether a conversation has changed since it was exported."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from .. import json_text
from ..messages import mask
from ..model import Summary
from ..sidecars import path_of, signature


class ToExport(NamedTuple):
    """A conversation to export.

    `version` is another text whenever its file could be another one, `title` the one for the file's name.
    """

    summary: Summary
    version: str
    title: str


def with_versions(summaries: Iterable[Summary], sessions_dir: Path, *, redact: bool) -> Iterator[ToExport]:
    """Yield conversations with their versions: of all that lists show, and of the web UI's file."""
    for summary in summaries:
        path = None if summary.of_agent else path_of(sessions_dir, summary.session_id)
        shown = [summary.as_dict(), path and signature(path)]
        text = json_text.encode(shown, f"session {summary.session_id}")
        title = mask(summary.title) if redact else summary.title
        yield ToExport(summary, hashlib.sha256(text).hexdigest(), title)
