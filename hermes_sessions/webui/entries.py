"""What the web UI of August reads from a list entry: which of its two lists it is in, and its derived keys.

Pure functions over list entries, as `Summary.as_dict` returns them.
"""

import functools
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, TypeAlias

from ..sources import Source, source_class, source_label

Entry: TypeAlias = dict[str, Any]

COMMAND_LINES = frozenset({"cli", "tui", "acp"})
OUTSIDE_AGENTS = frozenset({"external_agent", "external-agent"})
NOT_COMMAND_LINES = frozenset(
    "webui messaging cron webhook kanban tool api api_server subagent".split()
)  # beside the messaging platforms
BACKGROUND = ("cron", "webhook", "kanban")
DEFAULT_TITLES = frozenset({"", "untitled", "cli", "cli session"})


class Kind(NamedTuple):
    """What the names of an entry's source say about it.

    `command_line` is None if the title has to decide. `background` is the source of a conversation that no
    person began, `messaging` the platform of one with a person elsewhere.
    """

    sources: frozenset[str]
    command_line: bool | None
    background: str | None
    messaging: str | None


def kind_of(entry: Mapping[str, Any]) -> Kind:
    """Return the kind of an entry. Few lists have more than a dozen kinds, so each is worked out once."""
    get = entry.get
    raw = get("raw_source")  # no field, so a file may hold anything there
    names = (get("session_source"), get("source_tag"), raw if isinstance(raw, str) else None)
    return _kind(*names, get("source_label"))


@functools.lru_cache(maxsize=1_000)
def _kind(*names: str | None) -> Kind:
    session_source, source_tag, raw_source, source_label = ((name or "").strip().lower() for name in names)
    sources = frozenset({session_source, source_tag, raw_source, source_label} - {""})
    named = raw_source or source_tag or source_label
    return Kind(
        sources,
        _is_command_line(sources, session_source),
        next((name for name in BACKGROUND if name in sources), None),
        named if source_class(named) is Source.MESSAGING else None,
    )


def _is_command_line(sources: frozenset[str], session_source: str) -> bool | None:
    if sources & NOT_COMMAND_LINES or any(source_class(each) is Source.MESSAGING for each in sources):
        return False
    return True if sources & COMMAND_LINES or session_source in OUTSIDE_AGENTS else None


def is_command_line(entry: Mapping[str, Any]) -> bool:
    """Whether an entry belongs to the list of the command line's conversations, and not to the web UI's.

    Conversations with people on messaging platforms, and scheduled ones, belong to the web UI's list.
    """
    kind = kind_of(entry)
    if kind.command_line is not None:
        return kind.command_line
    return bool(entry["is_cli_session"]) and has_default_title(entry.get("title"), kind.sources)


def has_default_title(title: object, sources: Collection[str]) -> bool:
    """Whether a title is missing, or one that a program gave because there was none: `Cli Session`."""
    text = str(title or "").strip().lower()
    return text in DEFAULT_TITLES or any(text == f"{source} session" for source in sources)


def background_source(entry: Mapping[str, Any]) -> str | None:
    """Return the source of a conversation that no person began: `cron`, `webhook` or `kanban`; else None."""
    return "cron" if entry["session_id"].startswith("cron_") else kind_of(entry).background


def messaging_source(entry: Mapping[str, Any]) -> str | None:
    """Return the messaging platform of a conversation, None for any other conversation."""
    return kind_of(entry).messaging


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
