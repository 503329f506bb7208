"""The tools: which ones exist, how they are described, and what they answer on the demo home."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.demo import write_home
from hermes_sessions.mcp import reading
from hermes_sessions.mcp.tools import INSTRUCTIONS

from ..support.make import started, write
from .asking import Model, blocks, estimated, found, model

READING = {
    "search_conversations": "query limit offset project source role since until",
    "list_conversations": "since until project source tag archived interrupted limit offset",
    "read_conversation": "id at around max_tokens part tools",
    "usage": "by since until project limit",
    "list_projects": "",
}
CHANGING = {
    "change_conversation": "id title project pinned archived tags",
    "delete_conversation": "id",
    "restore_conversation": "id",
    "change_project": "project name color",
}
MOST_DESCRIBED = 5_100  # characters
# What the Hermes agent refuses in a description.
SUSPICIOUS = re.compile(
    r"system:|you are now|ignore (all|previous)|<system|disregard|your instructions", re.IGNORECASE
)


def parameters(tools: list[Any]) -> dict[str, str]:
    """Return the names of each tool's parameters."""
    return {each.name: " ".join(each.input_schema["properties"]) for each in tools}


def test_without_changes_there_are_the_five_tools_that_read(agent: Model) -> None:
    tools = agent.tools()

    assert parameters(tools) == READING
    for each in tools:
        hints = each.annotations
        assert (hints.read_only_hint, hints.destructive_hint) == (True, False)
        assert (hints.idempotent_hint, hints.open_world_hint) == (True, False)
        assert each.output_schema is None


def test_a_server_has_tools_alone(agent: Model) -> None:
    has = agent.client.server_capabilities

    assert has.tools is not None
    assert has.resources is None
    assert has.prompts is None


def test_changes_that_are_allowed_are_four_more_tools(demo: Path) -> None:
    with model(demo, allow_changes=True) as agent:
        tools = agent.tools()

    assert parameters(tools) == READING | CHANGING
    hints = {each.name: each.annotations for each in tools}
    assert [name for name, each in hints.items() if each.destructive_hint] == ["delete_conversation"]
    assert [name for name, each in hints.items() if not each.read_only_hint] == [*CHANGING]


def test_descriptions_are_short_and_harmless(demo: Path) -> None:
    with model(demo, allow_changes=True) as agent:
        tools = agent.tools()
        assert agent.client.instructions == INSTRUCTIONS

    texts = [INSTRUCTIONS, *(each.description for each in tools)]
    texts += [
        str(each.get("description", ""))
        for tool in tools
        for each in tool.input_schema["properties"].values()
    ]
    assert sum(map(len, texts)) <= MOST_DESCRIBED
    assert not SUSPICIOUS.search(json.dumps(texts))


# ---- searching and listing ------------------------------------------------------------------------------


def test_a_hit_says_what_a_model_needs_to_read_on(agent: Model) -> None:
    text = agent.ask("search_conversations", query="photo archive disk")

    assert re.search(
        r'^1\. "Move the photo archive to the new disk", id 8f70d9c391be, 20\d\d-\d\d-\d\d \d\d:\d\d, '
        r'10 messages, project "House", model [^\s,]+, tags backup, interrupted$',
        text,
        re.MULTILINE,
    )
    at = int(found(r"message (\d+): <quoted>", text))
    assert f"[{at}] " in agent.ask("read_conversation", id="8f70d9c391be", at=at)


def test_pages_of_a_search_follow_each_other(agent: Model) -> None:
    first = agent.ask("search_conversations", query="source:messaging", limit=3)
    offset = int(found(r"More: offset=(\d+)", first))
    others = agent.ask("search_conversations", query="source:messaging", limit=50, offset=offset)

    assert "More" not in others
    ids = re.findall(r", id (\S+),", first + others)
    assert len(ids) == len(set(ids)) == int(found(r"^(\d+) conversations found", first))


def test_an_operator_that_means_nothing_is_told(agent: Model) -> None:
    text = agent.ask("search_conversations", query='source:telegram before:noon "is:open" rain', limit=1)

    assert "source:telegram was searched for as a word: source takes one of webui, cli, " in text
    assert "before:noon was searched for as a word: before takes a date, such as " in text
    assert "is:open was" not in text
    assert "as a word" not in agent.ask("search_conversations", query="source:messaging rain")


def test_the_hit_of_an_earlier_segment_names_it(agent: Model) -> None:
    text = agent.ask("search_conversations", query="FileExistsError notes Reference README")
    at, segment = found(r"message (\d+) of id", text), found(r"message \d+ of id (\S+):", text)

    earlier = agent.ask("read_conversation", id=segment, at=int(at))
    later = agent.ask("read_conversation", id=found(r"^After this: id=(\S+), at=0$", earlier), at=0)

    assert "FileExistsError" in earlier
    assert found(r"^Before this: id=(\S+), at=-1$", later) == segment


def test_a_list_is_by_time_and_pins_are_in_their_place(agent: Model) -> None:
    text = agent.ask("list_conversations", limit=200)
    times = re.findall(r", id \S+, (\S+ \S+), ", text)

    assert times == sorted(times, reverse=True)
    assert text.startswith(f"{len(times)} conversations, the newest first.")
    assert "pinned" in text


def test_pages_of_a_list_follow_each_other(agent: Model) -> None:
    whole = re.findall(r", id (\S+),", agent.ask("list_conversations", limit=200))
    pages = [agent.ask("list_conversations", limit=30, offset=at) for at in (0, 30, 60)]

    assert [key for page in pages for key in re.findall(r", id (\S+),", page)] == whole
    assert [found(r"More: offset=(\d+)", page) for page in pages[:2]] == ["30", "60"]
    assert "More" not in pages[2]


def test_an_unknown_project_answers_with_those_that_exist(agent: Model) -> None:
    for tool in ("search_conversations", "list_conversations", "usage"):
        text = agent.ask(tool, project="Gardn", **({"query": "x"} if tool.startswith("search") else {}))
        assert 'No project Gardn. Projects: "Atlas", "Kitchen"' in text


def test_projects_have_the_number_that_their_list_has(agent: Model) -> None:
    projects = agent.ask("list_projects")
    key = found(r'"Travel / 旅行", id (\S+),', projects)
    count = found(r'"Travel / 旅行", id \S+, (\d+) conversations', projects)

    for project in (key, "Travel / 旅行"):
        assert agent.ask("list_conversations", project=project).startswith(f"{count} conversations")


def test_sums_say_how_many_have_no_known_cost(tmp_path: Path) -> None:
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        started(sessions, title="Free")
        started(sessions, title="Paid", estimated_cost=0.5, model="m|1")
    with model(tmp_path) as agent:
        text = agent.ask("usage", by="model")

    assert "m/1 | 1 | " in text
    assert "total | 2 | " in text
    assert text.endswith("Without a known cost: 1 conversation.")


def test_sums_say_what_they_lack(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"no database" * 999)
    with model(tmp_path) as agent:
        text = agent.ask("usage", by="model")

    assert "state.db" in text.splitlines()[-1]


def test_sums_by_tool_name_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        write(sessions, "broken", "{")
    with model(tmp_path) as agent:
        for by in ("tool", "model"):
            assert "broken.json cannot be read" in agent.ask("usage", by=by).splitlines()[-1]


def test_sums_by_two_keys_are_of_the_latest_times(agent: Model) -> None:
    text = agent.ask("usage", by="month,model", limit=2)
    rows = text.splitlines()

    assert rows[0].startswith("month | model | conversations | ")
    assert len(re.findall(r"^20\d\d-\d\d \| ", text, re.MULTILINE)) == 2
    assert re.search(r"^\d+ more rows: narrow since, until or project\.$", text, re.MULTILINE)
    assert rows[-1].startswith("total |  | ") or "known cost" in rows[-1]


def test_a_search_right_after_the_opening_never_says_that_nothing_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hermes_sessions.mcp.reading.WAIT_SECONDS", 0.0)
    write_home(tmp_path / "home", sessions=20)
    with model(tmp_path / "home") as agent:
        at_once = agent.call("search_conversations", query="billing worker").text
        assert "found." in at_once or "Not searched yet: " in at_once
        assert "Nothing found. Try" not in at_once
        assert "Billing worker" in agent.ask("search_conversations", query="billing worker")


def test_calls_that_are_not_counted_yet_are_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_home(tmp_path, sessions=10)
    with monkeypatch.context() as patch, model(tmp_path) as agent:
        patch.setattr(reading, "WAIT_SECONDS", -1.0)
        assert "not counted yet. Ask again" in agent.ask("usage", by="tool")
        patch.undo()
        assert "terminal | " in agent.ask("usage", by="tool")


def test_a_search_does_not_find_the_call_that_asks_for_it(tmp_path: Path) -> None:
    asked = {"name": "mcp_hermes_sessions_search_conversations", "arguments": '{"query": "zebra"}'}
    call = {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "function": asked}]}
    answer = {"role": "tool", "tool_call_id": "1", "content": "1 conversation found: zebra"}
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        sessions.append(started(sessions, title="Running"), [call, answer])
        sessions.complete_search()
    with model(tmp_path) as agent:
        assert agent.ask("search_conversations", query="zebra").startswith("Nothing found.")


# ---- reading --------------------------------------------------------------------------------------------


def test_reading_on_shows_every_message_once(agent: Model) -> None:
    numbers: list[str] = []
    at: str | None = "0"
    while at:
        text = agent.ask("read_conversation", id="f2aa2fa7a335", at=int(at), around=False, max_tokens=2_000)
        numbers += re.findall(r"^\[(\d+)\] ", text, re.MULTILINE)
        later = re.search(r"^Later: at=(\d+), around=false$", text, re.MULTILINE)
        at = later and later[1]

    assert list(map(int, numbers)) == list(range(466))


def test_going_earlier_leaves_no_gap(agent: Model) -> None:
    text = agent.ask("read_conversation", id="f2aa", at=-1, max_tokens=1_500)
    first = int(found(r"^Messages (\d+) to 465, of 466", text.split("\n", 1)[1]))
    before = agent.ask(
        "read_conversation", id="f2aa", at=int(found(r"Earlier: at=(\d+)", text)), around=False
    )

    assert int(found(r"Messages \d+ to (\d+),", before)) >= first - 1


def test_around_shows_both_sides(agent: Model) -> None:
    text = agent.ask("read_conversation", id="f2aa", at=100, max_tokens=1_000)
    numbers = list(map(int, re.findall(r"^\[(\d+)\] ", text, re.MULTILINE)))

    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert numbers[0] < 100 < numbers[-1]


def test_tools_are_short_whole_or_left_out(agent: Model) -> None:
    short, full, none = (
        agent.ask("read_conversation", id="2d393c4b5e6a", tools=tools) for tools in ("short", "full", "none")
    )

    assert "[shortened: read it all with at=2, part=1]" in short
    assert "shortened" not in full
    assert estimated(short) < estimated(full)
    assert "[2] tool" not in none
    assert "[calls" not in none
    whole = agent.ask("read_conversation", id="2d393c4b5e6a", at=2, part=1)
    assert blocks(whole)[0] in full


def test_a_conversation_is_found_by_its_title(agent: Model) -> None:
    assert "id 2d393c4b5e6a" in agent.ask("read_conversation", id="Billing worker runs out of memory")


def test_several_of_one_title_are_named(agent: Model) -> None:
    text = agent.ask("read_conversation", id="Will it rain on Saturday?")

    assert "can be several sessions: 2026" in text


def test_a_message_that_waits_is_shown_at_the_end(agent: Model) -> None:
    key = found(r", id (\S+),", agent.ask("list_conversations", interrupted=True))

    assert "Sent and not answered: <quoted>" in agent.ask("read_conversation", id=key, at=-1)


def test_an_empty_conversation_says_so(tmp_path: Path) -> None:
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        key = sessions.new(title="Nothing yet").session_id
    with model(tmp_path) as agent:
        text = agent.ask("read_conversation", id=key)

    assert "There are no messages." in text


# ---- changing -------------------------------------------------------------------------------------------


def test_changes_are_done_and_shown(tmp_path: Path) -> None:
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        key = started(sessions, title="Taxes")
        sessions.projects.create("Home")
    with model(tmp_path, allow_changes=True) as agent:
        row = agent.ask(
            "change_conversation",
            id=key,
            title="Taxes 2026",
            project="Home",
            pinned=True,
            tags=["money", "due"],
        )
        assert 'project "Home"' in row
        assert row.endswith("tags money, due, pinned")
        row = agent.ask("change_conversation", id=key, project="none", archived=True, tags=["-due"])
        assert row.startswith('"Taxes 2026", ')
        assert "project" not in row
        assert row.endswith("tags money, pinned archived")
        assert "Nothing to change" in agent.ask("change_conversation", id=key)
        assert "restore_conversation(id=" + key in agent.ask("delete_conversation", id="Taxes 2026")
        assert agent.ask("read_conversation", id=key) == f"Session {key} is in the trash. Restore it first."
        assert agent.ask("list_conversations") == "None."
        assert agent.ask("restore_conversation", id=key).startswith('Restored: "Taxes 2026", ')
        row = agent.ask("change_project", project="Home", name="House", color="#aabbcc")
        assert row.startswith('"House", id ')
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        assert [(each.title, each.tags, each.archived) for each in sessions.list()] == [
            ("Taxes 2026", ("money",), True)
        ]
        assert [(each.name, each.color) for each in sessions.projects.list()] == [("House", "#aabbcc")]


def test_a_change_that_is_not_allowed_says_how_to_allow_it(agent: Model) -> None:
    text = agent.ask("delete_conversation", id="2d393c4b5e6a")

    assert text.endswith("The user allows it by starting the server with --allow-changes.")
    assert "id 2d393c4b5e6a" in agent.ask("read_conversation", id="2d393c4b5e6a")


@pytest.mark.parametrize("tags", [["-urgent"], ["a" * 60]])
def test_tags_that_cannot_be_changed_are_reported_beside_the_row(tmp_path: Path, tags: list[str]) -> None:
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        key = started(sessions, title="It is #urgent")
    with model(tmp_path, allow_changes=True) as agent:
        row = agent.ask("change_conversation", id=key, pinned=True, tags=tags)

    assert "pinned" in row
    assert "The tags were not all changed: " in row
