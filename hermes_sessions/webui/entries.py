"""What the web UI of August reads from a list entry: which of its two lists it is in, and its derived keys.

Pure functions over list entries, as `Summary.as_dict` returns them.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from ..sources import Source, source_class, source_label

Entry: TypeAlias = dict[str, Any]

SOURCE_KEYS = ("session_source", "source_tag", "raw_source", "source_label")
COMMAND_LINES = frozenset({"cli", "tui", "acp"})
OUTSIDE_AGENTS = frozenset({"external_agent", "external-agent"})
NOT_COMMAND_LINES = frozenset(
    "webui messaging cron webhook kanban tool api api_server subagent".split()
)  # beside the messaging platforms
BACKGROUND = ("cron", "webhook", "kanban")
DEFAULT_TITLES = frozenset({"", "untitled", "cli", "cli session"})


def sources_of(entry: Mapping[str, Any]) -> set[str]:
    """Return every name of an entry's source, in lower case."""
    return {str(entry.get(name) or "").strip().lower() for name in SOURCE_KEYS} - {""}


def is_command_line(entry: Mapping[str, Any]) -> bool:
    """Whether an entry belongs to the list of the command line's conversations, and not to the web UI's.

    Conversations with people on messaging platforms, and scheduled ones, belong to the web UI's list.
    """
    sources = sources_of(entry)
    if sources & NOT_COMMAND_LINES or any(source_class(each) is Source.MESSAGING for each in sources):
        return False
    if sources & COMMAND_LINES or str(entry.get("session_source")).lower() in OUTSIDE_AGENTS:
        return True
    return bool(entry["is_cli_session"]) and has_default_title(entry.get("title"), sources)


def has_default_title(title: object, sources: set[str]) -> bool:
    """Whether a title is missing, or one that a program gave because there was none: `Cli Session`."""
    text = str(title or "").strip().lower()
    return text in DEFAULT_TITLES or any(text == f"{source} session" for source in sources)


def background_source(entry: Mapping[str, Any]) -> str | None:
    """Return the source of a conversation that no person began: `cron`, `webhook` or `kanban`; else None."""
    if str(entry["session_id"]).startswith("cron_"):
        return "cron"
    sources = sources_of(entry)
    return next((name for name in BACKGROUND if name in sources), None)


def messaging_source(entry: Mapping[str, Any]) -> str | None:
    """Return the messaging platform of a conversation, None for any other conversation."""
    named = (entry.get("raw_source") or entry.get("source_tag") or entry.get("source_label") or "").lower()
    return named if source_class(named) is Source.MESSAGING else None


def named_source(source: str) -> Entry:
    """Return the keys of an entry that name this source of an agent's session."""
    return {
        "source_tag": source,
        "raw_source": source,
        "session_source": source_class(source),
        "source_label": source_label(source),
    }


def completed(entry: Entry) -> Entry:
    """Add the keys that the web UI of August computes for an entry, and return it."""
    entry["is_cli_session"] = is_command_line(entry)
    entry["is_messaging_session"] = messaging_source(entry) is not None
    entry["has_pending_user_message"] = bool(entry["pending_user_message"])
    if entry["has_pending_user_message"]:
        entry["message_count"] = max(entry["message_count"], 1)
    entry.setdefault("raw_source", None)
    entry.setdefault("read_only", False)
    entry.setdefault("created_workspace", entry["workspace"])
    return entry
