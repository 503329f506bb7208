"""Of several continuations of a conversation, the one that was active last, as the web UI of August lists it.

Pure functions over list entries. Elsewhere the continuation that began last is the conversation's own, and
every other one is listed beside it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .entries import Entry


class Branch(NamedTuple):
    """A conversation by its profile and the id of its first segment."""

    profile: str
    root_id: str


def branch_of(entry: Entry) -> Branch:
    """Return the branch that an agent's conversation is."""
    return Branch(entry["profile"], entry.get("_lineage_root_id") or entry["session_id"])


def freshest_branches(entries: Iterable[Entry], continued: Mapping[Branch, Branch]) -> list[Entry]:
    """Return a list with one entry for each conversation: that of the branch that was active last.

    `continued` names the branch that another one continues as well as its own segments do. The entry has the
    place and the facts of that branch, and the title and the start of the first.
    """
    entries = list(entries)
    groups: dict[Branch, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[_first(branch_of(entry), continued)].append(entry)
    merged = {
        id(entry): _merged(root, group) for root, group in groups.items() for entry in [_freshest(group)]
    }
    return [merged[id(entry)] for entry in entries if id(entry) in merged]


def _first(branch: Branch, continued: Mapping[Branch, Branch]) -> Branch:
    seen: set[Branch] = set()
    while branch in continued and branch not in seen:
        seen.add(branch)
        branch = continued[branch]
    return branch


def _freshest(group: list[Entry]) -> Entry:
    return max(group, key=lambda entry: (entry["last_message_at"], entry["session_id"]))


def _merged(root: Branch, group: list[Entry]) -> Entry:
    freshest = _freshest(group)
    first = next((entry for entry in group if branch_of(entry) == root), None)
    if len(group) == 1 or first is None:
        return freshest
    counts = (entry.get("_compression_segment_count") or 1 for entry in group)
    kept: Entry = {
        name: first[name] for name in ("title", "created_at", "parent_session_id") if name in first
    }
    own: Entry = {name: first.get(name) for name in ("relationship_type", "_parent_lineage_root_id")}
    return {
        **freshest,
        **kept,
        **own,
        "_lineage_root_id": root.root_id,
        "_lineage_tip_id": freshest["session_id"],
        "_compression_segment_count": sum(counts),
    }
