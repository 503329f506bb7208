"""The samples that the web UI wrote: the same list as its own, and no key lost or moved by any write."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import Session, SessionRepository, Summary, title_from

from ..conftest import SAMPLES, copy_sample
from ..support.make import folder_of, message

# What the reference adds to a list from the agent's state.db, but not to a single session; we add it to both.
FROM_AGENT = {"_lineage_root_id", "_lineage_tip_id", "_compression_segment_count"}
LINEAGE = {*FROM_AGENT, "parent_session_id"}


def expected(month: str, name: str) -> Any:
    return json.loads((SAMPLES / f"webui-{month}-2026" / "expected" / f"{name}.json").read_bytes())


def without_lineage(entry: dict[str, Any]) -> dict[str, Any]:
    if not FROM_AGENT & entry.keys():
        return entry
    return {key: value for key, value in entry.items() if key not in LINEAGE}


def test_the_list_is_the_reference_s_field_by_field_and_in_order(may: Path) -> None:
    with SessionRepository.open(hermes_home=may) as sessions:
        entries = [summary.as_dict() for summary in sessions.list().items]
    assert entries == expected("may", "all_sessions")


def test_a_summary_is_the_reference_s_metadata_and_what_its_list_adds(may: Path) -> None:
    listed = {entry["session_id"]: entry for entry in expected("may", "all_sessions")}
    with SessionRepository.open(hermes_home=may) as sessions:
        shown = {each.session_id: each for each in sessions.list(hidden=True)}
        for session_id, entry in expected("may", "metadata_only").items():
            summary, known = sessions.summary(session_id), listed.get(session_id, entry)
            # There the reference guesses the time of the last message and leaves the profile null.
            true = {key: known[key] for key in ("last_message_at", "profile")}
            added = {
                key: value for key, value in known.items() if FROM_AGENT & known.keys() and key in LINEAGE
            }
            assert summary.as_dict() == entry | true | added
            assert summary == shown[session_id]  # whoever follows changes puts it into an old list


def test_titles_are_the_reference_s(sample: Path) -> None:
    month = "may" if (sample / "webui/sessions/0089b5292e96.json").exists() else "aug"
    with SessionRepository.open(hermes_home=sample) as sessions:
        for session_id, title in expected(month, "titles").items():
            assert title_from(sessions.get(session_id).messages) == title


def test_the_later_list_has_the_same_sessions_and_fields(tmp_path: Path) -> None:
    derived = {"cache_hit_percent", "user_message_count", "has_pending_user_message"}
    derived |= {
        "source_tag",
        "session_source",
        "raw_source",
        "source_label",
    }  # the later reader asks the agent
    interrupted = {"5b861b822fc9", "0c79b85e1bce"}  # the later reader counts the message that waits
    with SessionRepository.open(hermes_home=copy_sample("aug", tmp_path)) as sessions:
        entries = {summary.session_id: summary.as_dict() for summary in sessions.list().items}
    theirs = {entry["session_id"]: without_lineage(entry) for entry in expected("aug", "all_sessions")}
    assert entries.keys() == theirs.keys()
    for session_id in theirs.keys() - interrupted:
        wanted = {key: value for key, value in theirs[session_id].items() if key not in derived}
        assert {key: entries[session_id][key] for key in wanted} == wanted


def test_the_list_is_the_same_after_the_index_was_deleted(sample: Path) -> None:
    with SessionRepository.open(hermes_home=sample) as sessions:
        before = sessions.list(hidden=True)
    for path in (sample / "webui").glob("sessions.db*"):
        path.unlink()
    with SessionRepository.open(hermes_home=sample) as sessions:
        assert sessions.list(hidden=True) == before


def test_opening_changes_no_sidecar_and_no_index_of_the_web_ui(sample: Path) -> None:
    files = {path: path.read_bytes() for path in (sample / "webui").rglob("*.json")}
    with SessionRepository.open(hermes_home=sample) as sessions:
        for summary in sessions.list(hidden=True).items:
            sessions.get(summary.session_id)
            sessions.messages(summary.session_id, limit=2)
    assert {path: path.read_bytes() for path in (sample / "webui").rglob("*.json")} == files


def update(sessions: SessionRepository, session: Session) -> None:
    sessions.update(session.session_id, title="Größe “A”", pinned=True, extra={"made_up": {"of": [1, None]}})


def append(sessions: SessionRepository, session: Session) -> None:
    sessions.append(session.session_id, [message("mehr ✅")], tool_calls=[{"name": "terminal", "tid": "t"}])


def truncate(sessions: SessionRepository, session: Session) -> None:
    sessions.truncate(session.session_id, len(session.messages) // 2)


def save(sessions: SessionRepository, session: Session) -> None:
    sessions.save(replace(session, title="new", messages=[*session.messages, message("more")]))


def save_shorter(sessions: SessionRepository, session: Session) -> None:
    sessions.save(replace(session, messages=session.messages[1:]))


MAY_CHANGE = {
    *("title", "pinned", "updated_at", "messages", "tool_calls", "message_count"),
    *("manual_title", "llm_title_generated"),  # who gave the title
    *("intentional_shrink_generation", "truncation_watermark", "truncation_boundary"),  # that it was cut
}


@pytest.mark.slow
@pytest.mark.parametrize("change", [update, append, truncate, save, save_shorter])
def test_no_write_loses_or_moves_a_key(
    sample: Path, change: Callable[[SessionRepository, Session], None]
) -> None:
    with SessionRepository.open(hermes_home=sample) as sessions:
        written: list[Summary] = []
        for summary in sessions.list(hidden=True).items:
            path = folder_of(sessions) / f"{summary.session_id}.json"
            before = json.loads(path.read_bytes())
            change(sessions, sessions.get(summary.session_id))
            after = json.loads(path.read_bytes())
            assert [key for key in after if key in before] == list(before)
            assert after.get("message_count", 0) == len(after["messages"])
            changed = {key for key in before if after[key] != before[key]}
            assert changed <= MAY_CHANGE
            written.append(sessions.summary(summary.session_id))
        # Each row that a write left is the one that reading the file anew gives.
        sessions.rebuild()
        assert [sessions.summary(each.session_id) for each in written] == written


def test_what_we_lay_out_is_laid_out_as_the_web_ui_does(sample: Path) -> None:
    with SessionRepository.open(hermes_home=sample) as sessions:
        for summary in sessions.list(hidden=True).items:
            sessions.append(
                summary.session_id, [message("über", tool_calls=[], more={"a": [1, {}], "b": []})]
            )
            text = (folder_of(sessions) / f"{summary.session_id}.json").read_text("utf-8")
            assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=2)
