"""The sample home."""

import json
import time
from pathlib import Path

from hermes_sessions import SessionRepository
from hermes_sessions.demo import write_home
from hermes_sessions.model import turn_state

from .running import run

NOW = 1_790_000_000.0  # seconds since the epoch


def test_demo_is_the_same_for_the_same_arguments(tmp_path: Path) -> None:
    for name, seed, now in (("one", 1, NOW), ("two", 1, NOW), ("other", 2, NOW), ("later", 1, NOW + 86_400)):
        write_home(tmp_path / name, sessions=30, seed=seed, now=now)

    one, two, other, later = (contents(tmp_path / name) for name in ("one", "two", "other", "later"))
    assert one == two
    assert one != other
    assert one != later


def test_demo_is_dated_relative_to_now(tmp_path: Path) -> None:
    write_home(tmp_path / "demo", sessions=60, now=NOW)

    with SessionRepository.open(hermes_home=tmp_path / "demo") as sessions:
        ages = [NOW - each.last_message_at for each in sessions.list(agent=True, hidden=True).items]
        months = sessions.usage(by="month")
    assert 70 <= len(ages) <= 120
    assert 0 < min(ages) < 600
    for days in (1, 2, 7, 30):
        assert sum(age < days * 86_400 for age in ages) >= 3 + days // 2
    assert max(ages) > 250 * 86_400
    assert len([each for each in months if each.estimated_cost]) >= 8
    assert sum(age < 600 for age in ages) < 5


def test_demo_ends_at_the_present(tmp_path: Path) -> None:
    before = time.time()
    write_home(tmp_path / "demo", sessions=1)
    file = next(path for path in (tmp_path / "demo/webui/sessions").iterdir() if path.name[0] != "_")
    assert before - 600 < json.loads(file.read_text("utf-8"))["updated_at"] <= time.time()


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_demo_has_some_of_everything(tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    assert (
        run(tmp_path, "demo", str(demo), "--json").stdout
        == json.dumps({"hermes_home": str(demo), "sessions": 60, "agent_sessions": 20}, indent=2) + "\n"
    )

    with SessionRepository.open(hermes_home=demo) as sessions:
        summaries = sessions.list(hidden=True).items
        joint = sessions.list(agent=True, hidden=True)
        sessions.complete_search()
        tags = sessions.tags()
        tagged = {tag for summary in joint for tag in summary.tags}
        failed = sessions.search("has:error")
        images = sessions.search("has:image")
        whole = [sessions.get(summary.session_id) for summary in summaries]
        assert len(whole) == 60
        assert {summary.project_id for summary in summaries} - {None} == {
            project.project_id for project in sessions.projects.list()
        }
    assert {summary.source for summary in summaries} == {"webui", "cli", "messaging", "cron"}
    assert {summary.profile for summary in summaries} == {"default", "work"}
    assert any(summary.pinned for summary in summaries)
    assert any(summary.archived for summary in summaries)
    agents = {summary.source for summary in joint.items if summary.of_agent}
    assert agents == {"cli", "messaging", "cron", "tool"}
    assert joint.warnings == ()
    lineages = [summary.lineage for summary in joint.items]
    assert any(lineage.get("_compression_segment_count") for lineage in lineages)
    assert any(lineage.get("relationship_type") for lineage in lineages)
    states = {turn_state(summary, time.time()) for summary in summaries}
    assert states == {"", "interrupted", "unanswered"}
    counts = [summary.message_count for summary in summaries]
    assert (max(counts), min(counts)) == (466, 0)
    assert len({summary.title for summary in summaries}) == 60
    assert len(tags) >= 15
    assert tagged >= {"tests", "release", "family", "backup"}  # in titles, given, and of the agent's
    assert {hit.summary.of_agent for hit in failed} == {True, False}
    assert len(images) >= 4
    assert all(
        card["assistant_msg_idx"] < len(session.messages) for session in whole for card in session.tool_calls
    )
    assert any("reasoning" in said for session in whole for said in session.messages)
    assert all("{{" not in str(said["content"]) for session in whole for said in session.messages)


def test_demo_is_laid_out_as_the_web_ui_writes(tmp_path: Path, may: Path) -> None:
    write_home(tmp_path / "demo", sessions=3)
    index, *files = sorted((tmp_path / "demo/webui/sessions").iterdir(), key=lambda path: path.name[0] != "_")
    theirs = next(path for path in (may / "webui/sessions").iterdir() if path.name[0] != "_")

    for path in (index, *files):
        text = path.read_text("utf-8")
        assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    ours = list(json.loads(files[0].read_text("utf-8")))
    assert list(json.loads(theirs.read_text("utf-8")))[: len(ours)] == ours
    assert len(json.loads(index.read_text("utf-8"))) == 3


def test_demo_refuses_what_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")

    for folder in (tmp_path, tmp_path / "file"):
        result = run(tmp_path, "demo", str(folder))
        assert result.exit_code == 2
        assert "not an empty folder" in result.stderr
    assert contents(tmp_path) == {"file": b"kept"}
