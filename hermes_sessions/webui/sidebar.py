"""The list of the web UI of August: which entries its sidebar gets, and the counts beside them.

Pure functions over list entries.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from ..webui_values import Sidebar, SidebarRequest
from .contacts import Contact, newest_of_contacts
from .continuations import SNAPSHOT
from .entries import Entry, background_source, completed, has_default_title, is_command_line, kind_of


class AgentFacts(NamedTuple):
    """What an agent knows of a conversation's latest segment that no list shows.

    `counted` is its own count of messages, and `title` its own title.
    """

    counted: int
    title: str | None
    has_ended: bool


class Original(NamedTuple):
    """How many messages the agent's original of an imported conversation has, and when the last was sent."""

    message_count: int
    last_activity: float


Key = tuple[str, str]  # the profile and the id of an agent's conversation


class Rows(NamedTuple):
    """What a sidebar is made of.

    `entries` are the conversations of the request's profiles in the order of lists, `background` those that
    were scheduled. `facts` are about agents' conversations, and `user_turns` says how many messages a person
    sent, for those that `in_doubt` names. `contacts` and `originals` are by session id. `elsewhere` says how
    many sessions other profiles have.
    """

    entries: list[Entry]
    background: list[Entry]
    facts: Mapping[Key, AgentFacts]
    user_turns: Mapping[Key, int]
    contacts: Mapping[str, Contact]
    originals: Mapping[str, Original]
    elsewhere: int


def make_sidebar(rows: Rows, request: SidebarRequest) -> Sidebar:
    """Return the entries that a request asks for, and the counts of all that it does not."""
    listed = sorted(
        _listed(rows, request), key=lambda entry: (not entry["pinned"], -entry["last_message_at"])
    )
    snapshots = {entry["session_id"] for entry in rows.entries if entry.get(SNAPSHOT)}

    def of_contacts(entries: Iterable[Entry]) -> list[Entry]:
        if request.previous_messaging:
            return list(entries)
        return newest_of_contacts(entries, rows.contacts, snapshots)

    everything = of_contacts(listed)
    active = of_contacts(entry for entry in listed if not entry["archived"])
    counted = everything if request.include_archived else active
    archived = [entry for entry in everything if entry["archived"]]
    shown, hidden = _of_source(active, request), _of_source(archived, request)
    return Sidebar(
        sessions=_page(shown, hidden, _of_source(everything, request), request),
        references=[] if request.include_archived else archived_ancestors(shown, hidden),
        webui_count=sum(not entry["is_cli_session"] for entry in counted),
        cli_count=sum(entry["is_cli_session"] for entry in counted),
        archived_webui_count=sum(not entry["is_cli_session"] for entry in archived),
        archived_cli_count=sum(entry["is_cli_session"] for entry in archived),
        other_profile_count=rows.elsewhere,
    )


def _page(
    active: list[Entry], archived: list[Entry], everything: list[Entry], request: SidebarRequest
) -> list[Entry]:
    if not request.include_archived:
        return active
    if request.archived_limit is None:
        return everything
    start = request.archived_offset
    return active + archived[start : start + request.archived_limit]


def _of_source(entries: list[Entry], request: SidebarRequest) -> list[Entry]:
    if request.source is None:
        return entries
    return [entry for entry in entries if entry["is_cli_session"] == (request.source == "cli")]


# ---- which conversations are listed ---------------------------------------------------------------------


def _listed(rows: Rows, request: SidebarRequest) -> Iterator[Entry]:
    set_aside = continued_snapshots(rows.entries)
    for entry in _with_background(rows, request):
        key = (entry["profile"], entry["session_id"])
        facts = rows.facts.get(key)
        if entry["session_id"] in set_aside or (
            facts and _is_left_out(entry, facts, rows.user_turns.get(key))
        ):
            continue
        if facts is not None:
            entry["message_count"] = facts.counted or entry["message_count"]
        elif (original := rows.originals.get(entry["session_id"])) is not None:
            _take_original(entry, original)
        yield completed(entry)


def _take_original(entry: Entry, original: Original) -> None:
    """Give an imported conversation the figures of its original, if that has more messages."""
    if original.message_count > entry["message_count"]:
        entry["message_count"] = original.message_count
        entry["last_message_at"] = entry["updated_at"] = original.last_activity or entry["updated_at"]


def _with_background(rows: Rows, request: SidebarRequest) -> Iterator[Entry]:
    """Yield the entries with those background conversations that are asked for or filed in a project."""
    for entry in rows.entries + rows.background:
        source = background_source(entry)
        if source is None or source in request.shown_background:
            yield entry
        elif entry["project_id"] and entry["message_count"] and not request.exclude_hidden:
            entry["default_hidden"] = True
            yield entry


def continued_snapshots(entries: Iterable[Entry]) -> set[str]:
    """Return the ids of the sessions that were set aside by compression and are continued by another one."""
    entries = list(entries)
    parents = {entry["session_id"]: _parent(entry) for entry in entries if entry.get(SNAPSHOT)}
    continued: set[str] = set()
    for entry in entries:
        at = "" if entry["session_id"] in parents else _parent(entry)
        while at in parents and at not in continued:
            continued.add(at)
            at = parents[at]
    return continued


def _parent(entry: Entry) -> str:
    """Return the id of the parent, empty if there is none."""
    return str(entry.get("parent_session_id") or "")


# ---- an agent's conversations ---------------------------------------------------------------------------


def in_doubt(entries: Iterable[Entry], facts: Mapping[Key, AgentFacts]) -> list[Key]:
    """Return the agents' conversations that are listed only if a person sent enough messages."""
    return [
        key
        for entry in entries
        if (key := (entry["profile"], entry["session_id"])) in facts and _is_in_doubt(entry, facts[key])
    ]


def _is_in_doubt(entry: Entry, facts: AgentFacts) -> bool:
    """Whether a conversation of the command line has one segment and no title of its own."""
    sources = kind_of(entry).sources
    return (
        is_command_line(entry)
        and "tui" not in sources
        and not entry.get("_lineage_root_id")
        and has_default_title(facts.title, sources | {"cli"})
    )


def _is_left_out(entry: Entry, facts: AgentFacts, turns: int | None) -> bool:
    """Whether a conversation is hidden: nobody wrote in it, or it has ended after one message of a person."""
    if turns is None or not _is_in_doubt(entry, facts):
        return False
    return turns < (2 if facts.has_ended and "acp" not in kind_of(entry).sources else 1)


# ---- references -----------------------------------------------------------------------------------------


def archived_ancestors(shown: Iterable[Entry], archived: Iterable[Entry]) -> list[Entry]:
    """Return the archived ancestors of the entries shown, so that the client can hide those below them."""
    shown = list(shown)
    by_id = {entry["session_id"]: entry for entry in archived}
    known = {entry["session_id"] for entry in shown}
    found: dict[str, Entry] = {}
    for entry in shown:
        chain = _ancestors(_parent(entry), by_id, known)
        found |= chain
        known.update(chain)  # not `|=`, which copies the set for the keys of a dict
    return list(found.values())


def _ancestors(at: str, by_id: Mapping[str, Entry], known: Collection[str]) -> dict[str, Entry]:
    chain: dict[str, Entry] = {}
    while at in by_id and at not in known and at not in chain:
        chain[at] = by_id[at]
        at = _parent(by_id[at])
    return chain
