"""Which of several conversations with one contact are shown."""

from typing import Any

import pytest

from hermes_sessions.webui.contacts import Contact, gateway_contacts, newest_of_contacts

Entries = list[dict[str, Any]]


def chat(name: str, source: str = "telegram", **values: Any) -> dict[str, Any]:
    return {"session_id": name, "source_tag": source, "message_count": 2, **values}


CURRENT = Contact(session_key="k", platform="telegram", current=True)
CASES: list[tuple[str, Entries, dict[str, Contact], list[str]]] = [
    ("without contacts a platform is one", [chat("a"), chat("b"), chat("c", "slack")], {}, ["a", "c"]),
    ("others are no contacts", [chat("a", "cli"), chat("b", "cli")], {}, ["a", "b"]),
    (
        "each chat is shown once",
        [chat("a"), chat("b"), chat("c")],
        {"a": Contact(chat_id="1"), "b": Contact(chat_id="2"), "c": Contact(chat_id="1")},
        ["a", "b"],
    ),
    (
        "threads of one chat are several",
        [chat("a"), chat("b")],
        {"a": Contact(chat_id="1", thread_id="x"), "b": Contact(chat_id="1", thread_id="y")},
        ["a", "b"],
    ),
    (
        "what continues a snapshot is shown beside it",
        [chat("a"), chat("b", parent_session_id="aside"), chat("c")],
        {},
        ["a", "b"],
    ),
    (
        "old ones of a platform with a current one are hidden, unless they have a chat of their own",
        [chat("new"), chat("current"), chat("reset"), chat("own"), chat("child", parent_session_id="x")],
        {
            "current": CURRENT,
            "reset": Contact(chat_id="1", end_reason="session_reset"),
            "own": Contact(chat_id="2"),
            "child": Contact(chat_id="3"),
        },
        ["current", "own"],
    ),
    ("a current one that is not listed hides none", [chat("a")], {"gone": CURRENT}, ["a"]),
]


@pytest.mark.parametrize(
    ("entries", "contacts", "expected"), [each[1:] for each in CASES], ids=[c[0] for c in CASES]
)
def test_newest_of_each_contact(entries: Entries, contacts: dict[str, Contact], expected: list[str]) -> None:
    shown = newest_of_contacts(entries, contacts, {"aside"})
    assert [entry["session_id"] for entry in shown] == expected


def test_the_gateway_names_contacts() -> None:
    document = {
        "k1": {"session_id": "a", "session_key": "k1", "origin": {"platform": "telegram", "chat_id": 7}},
        "k2": {"session_id": "b", "platform": "slack", "origin": "?"},
        "k3": {"session_id": None},
        "k4": [],
    }
    assert gateway_contacts(document) == {
        "a": Contact(session_key="k1", platform="telegram", chat_id="7", current=True),
        "b": Contact(platform="slack", current=True),
    }
    assert gateway_contacts([document]) == gateway_contacts(None) == {}
