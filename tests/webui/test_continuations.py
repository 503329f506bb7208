"""Which session continues one that the web UI set aside: the rule, and the store that it reads."""

import pytest

from hermes_sessions import Session, SessionRepository, Summary
from hermes_sessions.fields import read_metadata
from hermes_sessions.webui.continuations import newest_continuation

from ..support.make import write_document


def session(
    name: str, updated_at: float, parent: str | None = None, *, aside: bool = False, profile: str = "default"
) -> Summary:
    document = {"updated_at": updated_at, "parent_session_id": parent, "profile": profile}
    extra = {"pre_compression_snapshot": aside}
    return Session(**read_metadata(name, document, 1.0), extra=extra).summary()


ROOT = session("root", 9, aside=True)
CASES: list[tuple[Summary, list[Summary], str | None]] = [
    (ROOT, [], None),
    (session("root", 9), [session("a", 1, "root")], None),
    (ROOT, [session("a", 1, "root")], "a"),
    (ROOT, [session("a", 2, "root"), session("b", 3, "root")], "b"),
    (ROOT, [session("a", 2, "root", aside=True), session("b", 1, "a")], "b"),
    (ROOT, [session(f"s{n}", n, f"s{n - 1}" if n else "root", aside=n < 40) for n in range(41)], "s40"),
    (ROOT, [session("a", 2, "root", aside=True), session("root", 9, "a", aside=True)], None),
    (ROOT, [session("a", 2, "root", profile="other"), session("b", 1, "root")], "b"),
    (ROOT, [session("a", 2, "elsewhere")], None),
]


@pytest.mark.parametrize(("snapshot", "children", "expected"), CASES)
def test_the_newest_continuation(snapshot: Summary, children: list[Summary], expected: str | None) -> None:
    assert newest_continuation(snapshot, children) == expected
    assert newest_continuation(snapshot, reversed(children)) == expected


def test_the_store_is_asked_over_several_hops(sessions: SessionRepository) -> None:
    write_document(sessions, "first", pre_compression_snapshot=True)
    write_document(sessions, "second", pre_compression_snapshot=True, parent_session_id="first")
    write_document(sessions, "third", parent_session_id="second")
    found = {name: sessions.webui.continuation(sessions.get(name)) for name in ("first", "second", "third")}
    assert found == {"first": "third", "second": "third", "third": None}
