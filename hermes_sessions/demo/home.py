"""The sample home itself: the files that the web UI and the agent would have written."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from .. import modes
from ..errors import InvalidValue, storing
from ..fields import other_keys, read_metadata
from ..model import Summary
from ..times import last_message_at
from .agent import make_conversations, write_agent
from .sessions import TaggedSession, make_projects, make_sessions
from .transcript import Document

Progress = Callable[[int, int], None]
Tags = dict[str, Sequence[str]]


def write_home(
    folder: Path,
    *,
    sessions: int,
    seed: int = 1,
    now: float | None = None,
    progress: Progress | None = None,
) -> int:
    """Write a home with this many sessions, and a third as many of the agent's; return how many these are.

    `folder` must be new or empty. The newest conversation ends a few minutes before `now`, in seconds since
    the epoch, by default the present; the same arguments with the same `now` write the same bytes.
    `progress(done, total)` is called with counts of sessions. Raises `InvalidValue` for the folder,
    `StorageError`.
    """
    now = time.time() if now is None else now
    with storing("cannot write the demo home"):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InvalidValue(f"{folder} exists and is not an empty folder; name a new one")
        modes.make_folder(folder / "webui" / "sessions")
        _write(folder / "webui" / "projects.json", make_projects(now))
        made = _reporting(make_sessions(sessions, seed, now), sessions, progress)
        tags = _write_sessions(folder / "webui" / "sessions", made, now)
        of_agent = _write_agent(folder, sessions, seed, now)
        tags |= of_agent
        _write(
            folder / "webui" / "tags.json", {"tags": {each: names for each, names in tags.items() if names}}
        )
    return len(of_agent)


def _reporting(
    made: Iterable[TaggedSession], total: int, progress: Progress | None
) -> Iterable[TaggedSession]:
    for number, each in enumerate(made, 1):
        yield each
        if progress and (number % 100 == 0 or number == total):
            progress(number, total)


def _write_sessions(place: Path, made: Iterable[TaggedSession], now: float) -> Tags:
    """Write the sidecars and the web UI's index of them; return the tags of each."""
    entries, tags = [], {}
    for document, names in made:
        _write(place / f"{document['session_id']}.json", document)
        entries.append(_list_entry(document, now))
        tags[document["session_id"]] = names
    _write(place / "_index.json", sorted(entries, key=lambda entry: -entry["updated_at"]))
    return tags


def _write_agent(folder: Path, sessions: int, seed: int, now: float) -> Tags:
    """Write the agent's files; return the tags of each conversation."""
    conversations = list(make_conversations(max(1, sessions // 3), seed, now))
    write_agent(folder, conversations)
    return {each.id: each.tags for each in conversations}


def _write(path: Path, value: Any) -> None:
    # The layout of json.dumps(indent=2), which takes much longer.
    modes.keep_private(path)
    path.write_bytes(msgspec.json.format(json.dumps(value, ensure_ascii=False).encode(), indent=2))


def _list_entry(document: Document, now: float) -> Document:
    metadata = read_metadata(document["session_id"], document, now)
    messages = document["messages"]
    at = last_message_at(reversed(messages)) or document["updated_at"]
    summary = Summary(**metadata, extra=other_keys(document), message_count=len(messages), last_message_at=at)
    return summary.as_dict()
