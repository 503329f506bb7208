"""Plain factories: messages, sidecars and repositories that say only what a test is about."""

import json
from pathlib import Path
from typing import Any

from hermes_sessions import SessionRepository


def message(
    text: str = "hello", role: str = "user", at: float | None = 1_777_000_000.0, **more: Any
) -> dict[str, Any]:
    """Return a message; `at` is seconds since the epoch, None for one that does not say."""
    sent = {} if at is None else {"timestamp": at}
    return {"role": role, "content": text, **sent, **more}


def turns(count: int, start: float = 1_777_000_000.0) -> list[dict[str, Any]]:
    """Return `count` messages that alternate between user and assistant, a minute apart."""
    roles = ("user", "assistant")
    return [message(f"message {index}", roles[index % 2], start + 60 * index) for index in range(count)]


def folder_of(sessions: SessionRepository) -> Path:
    """Return the folder of a repository's sidecars."""
    return sessions.config.sessions_dir


def write(sessions: SessionRepository, session_id: str, text: str | bytes) -> Path:
    """Write a sidecar as another program does: a temporary file, then a rename."""
    path = folder_of(sessions) / f"{session_id}.json"
    temporary = path.with_suffix(".foreign")
    temporary.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "backslashreplace"))
    temporary.replace(path)
    return path


def write_document(sessions: SessionRepository, session_id: str, **values: Any) -> Path:
    """Write a sidecar with these keys in this order, laid out as the web UI does."""
    document = {"session_id": session_id, **values}
    return write(sessions, session_id, json.dumps(document, ensure_ascii=False, indent=2))


def started(sessions: SessionRepository, count: int = 4, **metadata: Any) -> str:
    """Store a session with `count` messages and return its id."""
    session = sessions.new(**metadata)
    sessions.append(session.session_id, turns(count))
    return session.session_id


def snapshot(sessions: SessionRepository) -> dict[str, bytes]:
    """Return the bytes of every file in the sessions folder, by name."""
    return {path.name: path.read_bytes() for path in folder_of(sessions).iterdir()}


def wait_for_tick(folder: Path) -> None:
    """Wait until the kernel's clock for files has moved on, as it has between two programs."""
    probe = folder / "probe"
    probe.touch()
    before = probe.stat().st_mtime_ns
    while probe.stat().st_mtime_ns == before:
        probe.touch()
