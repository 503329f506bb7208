"""Exported conversations: which files are accepted, and each conversation as the document of a session."""

from collections.abc import Mapping
from typing import Any

from .. import json_text
from ..errors import InvalidValue
from ..fields import FIELDS, TIMES, check_document, count_of, is_number, read_time, text_of
from ..messages import title_from
from ..sources import source_class, source_label
from ..times import last_message_at

ACCEPTED = (
    "Accepted are the JSON exports of the web UI and of hermes-sessions, and what the agent's "
    "`hermes sessions export` writes: one conversation, a list, or one in each line"
)
# Of the agent's tables: what only says where a row was.
OF_A_ROW = frozenset({"id", "session_id", "active", "compacted", "token_count"})
BASIC_KEYS = frozenset({"role", "content", "timestamp"})  # of every message, even where they are null


def read_documents(content: bytes | Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the conversations of an exported file, each as `as_document` returns it.

    `content` is the file's bytes, or one conversation as an object. Raises `InvalidValue`, which names what
    is accepted, if the file holds anything else or nothing.
    """
    if not isinstance(content, bytes):
        return [as_document(content)]
    values = _values(content)
    if not values:
        raise InvalidValue(f"the file holds no conversation. {ACCEPTED}")
    return [as_document(value) for value in values]


def as_document(exported: object) -> dict[str, Any]:
    """Return one exported conversation under the names of a session's file.

    The agent's own names are translated, flags may be 0 and 1, and times are read as `read_time` does; all
    other keys stay. Raises `InvalidValue` for anything else, such as an export of another program.
    """
    if not isinstance(exported, Mapping):
        raise InvalidValue(f"this is no JSON object. {ACCEPTED}")
    document = check_document(exported)
    if _is_of_agent(document):
        return _of_agent(document)
    messages = document.get("messages")
    if not isinstance(messages, list):
        raise InvalidValue(f"this holds no list of messages. {ACCEPTED}")
    if not isinstance(document.get("session_id"), str) and not all(map(_has_role, messages)):
        raise InvalidValue(f"this is the export of another program: its messages have no role. {ACCEPTED}")
    return {name: _plain(name, value) for name, value in document.items()}


def _values(content: bytes) -> list[Any]:
    try:
        value = json_text.decode(content)
    except json_text.Malformed as error:
        return _lines(content, error)
    if isinstance(value, dict) and isinstance(value.get("sessions"), list):
        return list(value["sessions"])
    return value if isinstance(value, list) else [value]


def _lines(content: bytes, error: json_text.Malformed) -> list[Any]:
    """Return the value of each line; raise `InvalidValue` with `error`, that of the whole."""
    lines = [line for line in content.split(b"\n") if line.strip()]
    try:
        return [json_text.decode(line) for line in lines]
    except json_text.Malformed:
        raise InvalidValue(f"this is not JSON ({error}). {ACCEPTED}") from error


def _has_role(message: object) -> bool:
    return isinstance(message, dict) and isinstance(message.get("role"), str)


def _plain(name: str, value: Any) -> Any:
    """Return a value as a session stores it: a flag for 0 or 1, seconds for another form of time."""
    if name in TIMES:
        at = read_time(value)
        return value if at is None else at
    is_flag = name in FIELDS and isinstance(FIELDS[name].default, bool)
    return bool(value) if is_flag and value in (0, 1) else value


# ---- the agent's export ---------------------------------------------------------------------------------


def _is_of_agent(exported: Mapping[str, Any]) -> bool:
    return "session_id" not in exported and isinstance(exported.get("id"), str) and "started_at" in exported


def _of_agent(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a row of the agent's `sessions` with its messages.

    Source of the columns: the agent's `hermes_state.py`, in which `export_session` returns every column.
    """
    messages = row.get("messages")
    if not isinstance(messages, list) or not all(map(_has_role, messages)):
        raise InvalidValue(f"this export of the agent holds no list of messages with roles. {ACCEPTED}")
    kept = [_message(message) for message in messages if message.get("active") != 0]
    others = {name: value for name, value in row.items() if value is not None and name not in {"id", *FIELDS}}
    return {**others, **_metadata(row, kept), "messages": kept}


def _metadata(row: Mapping[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
    source = text_of(row.get("source")) or "cli"
    started_at = read_time(row.get("started_at"))
    ended_at = last_message_at(reversed(messages)) or read_time(row.get("last_active")) or started_at
    cost = row.get("estimated_cost_usd")
    return {
        "session_id": row["id"],
        "title": text_of(row.get("title")) or title_from(messages),
        "workspace": text_of(row.get("cwd")),
        "model": text_of(row.get("model")),
        "created_at": started_at,
        "updated_at": ended_at,
        "archived": row.get("archived") in (1, True),
        "input_tokens": count_of(row.get("input_tokens")),
        "output_tokens": count_of(row.get("output_tokens")),
        "estimated_cost": cost if is_number(cost) else None,
        "parent_session_id": text_of(row.get("parent_session_id")),
        "is_cli_session": True,
        "source_tag": source,
        "session_source": source_class(source),
        "source_label": source_label(source),
        "raw_source": source,
    }


def _message(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in row.items()
        if name in BASIC_KEYS or (value is not None and name not in OF_A_ROW)
    }
