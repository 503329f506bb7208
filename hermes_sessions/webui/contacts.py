"""With whom the messaging conversations of a list are, and which of several with one contact are shown.

Pure functions. The agent's gateway names the contact of each current conversation in `sessions.json`; the
agent's `state.db` names it too in later releases. Without either, a platform counts as one contact.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .entries import Entry, messaging_source

LEFT = frozenset(
    {"session_reset", "session_switch"}
)  # reasons for ending a session that the contact went on from


class Contact(NamedTuple):
    """What is known of a conversation's contact; `current` is whether the gateway's own file names it."""

    session_key: str = ""
    chat_type: str = ""
    chat_id: str = ""
    thread_id: str = ""
    user_id: str = ""
    platform: str = ""
    end_reason: str = ""
    current: bool = False

    @property
    def is_durable(self) -> bool:
        """Whether it names a chat, and not only a person."""
        return bool(self.session_key or self.chat_id or self.thread_id)


NOBODY = Contact()
_KEYS = ("session_key", "chat_type", "chat_id", "thread_id", "user_id", "platform")


def gateway_contacts(document: object) -> dict[str, Contact]:
    """Return the contacts of `sessions.json` by session id; none for what is no such document."""
    entries = document.values() if isinstance(document, dict) else ()
    return {
        str(entry["session_id"]): _gateway_contact(entry)
        for entry in entries
        if isinstance(entry, dict) and entry.get("session_id")
    }


def _gateway_contact(entry: Mapping[str, Any]) -> Contact:
    origin = entry.get("origin")
    named = {**entry, **origin} if isinstance(origin, dict) else entry
    values = {name: str(named.get(name) or "") for name in _KEYS}
    return Contact(**values, current=True)


def newest_of_contacts(
    entries: Iterable[Entry], contacts: Mapping[str, Contact], snapshots: Collection[str]
) -> list[Entry]:
    """Return a list, newest first, with only the first of the conversations with each contact.

    `contacts` are by session id. What continues one of the `snapshots` is shown beside the others.
    """
    entries = list(entries)
    ids = {entry["session_id"] for entry in entries}
    active = {name for name, contact in contacts.items() if contact.current and name in ids}
    platforms = {contacts[name].platform for name in active}
    return list(_first_of_each(entries, contacts, snapshots, platforms))


def _first_of_each(
    entries: Iterable[Entry],
    contacts: Mapping[str, Contact],
    snapshots: Collection[str],
    platforms: Collection[str],
) -> Iterator[Entry]:
    shown: set[tuple[str, ...]] = set()
    for entry in entries:
        platform, contact = messaging_source(entry), contacts.get(entry["session_id"], NOBODY)
        if platform is None or entry.get("parent_session_id") in snapshots:
            yield entry
        elif platform in platforms and _was_left(entry, contact):
            continue
        elif (key := (platform, *_identity(contact))) not in shown:
            shown.add(key)
            yield entry


def _identity(contact: Contact) -> tuple[str, ...]:
    return (contact.session_key,) if contact.session_key else contact[1:5]


def _was_left(entry: Entry, contact: Contact) -> bool:
    """Whether a conversation is an old one of a platform whose gateway names a current one."""
    if contact.current:
        return False
    return (
        contact.end_reason in LEFT
        or not contact.is_durable
        or bool(entry.get("parent_session_id"))
        or not entry["message_count"]
    )
