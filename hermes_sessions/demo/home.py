"""The sample home itself: the files that the web UI and the agent would have written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from .. import modes
from ..errors import InvalidValue, storing
from ..fields import other_keys, read_metadata
from ..model import Summary
from ..times import last_message_at
from .agent import make_conversations, write_agent
from .sessions import LATEST, make_projects, make_sessions
from .transcript import Document

Progress = Callable[[int, int], None]


def write_home(folder: Path, *, sessions: int, seed: int = 1, progress: Progress | None = None) -> None:
    """Write a home with this many sessions, and a third as many conversations of the agent.

    `folder` must be new or empty. The same arguments write the same bytes. `progress(done, total)` is called
    with counts of sessions. Raises `InvalidValue` for the folder, `StorageError`.
    """
    with storing("cannot write the demo home"):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InvalidValue(f"{folder} exists and is not an empty folder; name a new one")
        place = folder / "webui" / "sessions"
        modes.make_folder(place)
        _write(folder / "webui" / "projects.json", make_projects())
        entries = []
        for number, document in enumerate(make_sessions(sessions, seed), 1):
            _write(place / f"{document['session_id']}.json", document)
            entries.append(_list_entry(document))
            if progress and (number % 100 == 0 or number == sessions):
                progress(number, sessions)
        _write(place / "_index.json", sorted(entries, key=lambda entry: -entry["updated_at"]))
        write_agent(folder, make_conversations(max(1, sessions // 3), seed))


def _write(path: Path, value: Any) -> None:
    # The layout of json.dumps(indent=2), which takes much longer.
    modes.keep_private(path)
    path.write_bytes(msgspec.json.format(json.dumps(value, ensure_ascii=False).encode(), indent=2))


def _list_entry(document: Document) -> Document:
    metadata = read_metadata(document["session_id"], document, LATEST)
    messages = document["messages"]
    at = last_message_at(reversed(messages)) or document["updated_at"]
    summary = Summary(**metadata, extra=other_keys(document), message_count=len(messages), last_message_at=at)
    return summary.as_dict()
