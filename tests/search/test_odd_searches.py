"""Odd searches: in titles alone, with thousands of operators, for credentials, for what a search said."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.search.agents import AgentMessages

from ..support.agent_db import START, add_message, add_session, keep_full_text, new_state, writing
from ..support.make import message

# What agents' messages are found by, beside the word of each.
FACTS = {
    '{"output": "quail", "exit_code": 2}': {"quail": "error"},
    '{"output": "raven", "exit_code": 0, "error": null}': {"raven": ""},
    '{"output": "stork", "error": ""}': {"stork": ""},
    '{"output": "swift", "error": "no such file"}': {"swift": "error"},
    '{"output": "tern", "errors": [], "error": []}': {"tern": ""},
    "Error: no wren": {"wren": "error"},
    '\0json:[{"type": "text", "text": "osprey"}, {"type": "image_url"}]': {"osprey": "image"},
}


@pytest.fixture(scope="module", params=[True, False], ids=["full text", "scanned"])
def home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SessionRepository]:
    """A conversation of the web UI and two of an agent's, whose `state.db` has full-text tables or none."""
    folder = tmp_path_factory.mktemp("odd")
    new_state(folder / "state.db")
    calls = [{"id": "call", "function": {"name": "session_search", "arguments": '{"query": "walrus"}'}}]
    with writing(folder / "state.db") as db:
        if request.param:
            keep_full_text(db)
        add_session(db, "cat", "A zebra came by", title="The cat")
        add_session(db, "dog", "A beagle came by", "De\u0301ja\u0300 vu", title="The dog")
        add_message(db, "dog", "Found: pelican", "tool", START + 60, tool_name="mcp_a_session_search")
        add_message(db, "dog", "It is warm", "tool", START + 80, tool_name="WebFetch")
        add_session(db, "facts", "No answer", title="The facts")
        for at, text in enumerate(FACTS):
            role = "user" if "image" in text else "tool"
            add_message(db, "facts", text, role, START + 100 + at)
        add_message(db, "dog", "", "assistant", START + 70, tool_calls=json.dumps(calls))
    with SessionRepository.open(folder / "webui", hermes_home=folder) as sessions:
        session = sessions.new(title="The bird")
        secrets = "AKIAIOSFODNN7EXAMPLE password=hunterpass nothing"
        call = {"id": "f", "function": {"name": "WebFetch", "arguments": "{}"}}
        fetched = message("", "assistant", tool_calls=[call])
        sessions.append(session.session_id, [message("A finch with a cat"), message(secrets), fetched])
        sessions.complete_search()
        yield sessions


FOUND_IN_TITLES = {
    "cat": ["The cat"],
    "came OR dog": ["The dog"],
    "the -zebra -answer": ["The bird", "The dog"],
    "-zebra -finch -answer": ["The dog"],
}


@pytest.mark.parametrize("typed", FOUND_IN_TITLES)
def test_titles_alone_are_searched_but_excluded_words_anywhere(home: SessionRepository, typed: str) -> None:
    assert sorted(hit.title for hit in home.search(typed, scope="title")) == FOUND_IN_TITLES[typed]


FOUND_BY_TITLE = {
    "finch -title:cat": ["The bird"],
    "-title:cat": ["The bird", "The dog", "The facts"],
    "title:finch OR title:dog": ["The dog"],
    "title:finch OR zebra": ["The cat"],
    "title:finch OR cat": ["The bird", "The cat"],
}


@pytest.mark.parametrize("typed", FOUND_BY_TITLE)
def test_what_is_typed_of_titles_is_about_titles_alone(home: SessionRepository, typed: str) -> None:
    assert sorted(hit.title for hit in home.search(typed)) == FOUND_BY_TITLE[typed]


@pytest.mark.parametrize("typed", ["beagle", "?beagle?", "^beagle", "beagle,", "(beagle", "déjà"])
def test_punctuation_around_a_word_and_the_form_of_accents_do_not_matter(
    home: SessionRepository, typed: str
) -> None:
    assert [hit.title for hit in home.search(typed)] == ["The dog"]


LARGE = {
    "one word": "x" * 100_000,
    "a word with accents": "é" * 60_000,
    "a word without spaces": "数" * 20_000,
    "numbers": "1," * 30_000,
    "tools": " ".join(f"tool:t{number}" for number in range(1_500)),
    "alternatives": " OR ".join(f"nothing{number}" for number in range(3_000)),
    "excluded words": " ".join(f"-nothing{number}" for number in range(1_500)),
    "words": " ".join(f"nothing{number}" for number in range(3_000)),
    "brackets": "-(" * 20_000,
    "a phrase": f'"{" ".join(f"nothing{number % 977}" for number in range(100_000))}"',
    "a word of many parts": "-".join(f"nothing{number % 977}" for number in range(100_000)),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_query_of_any_size_fails_nowhere(home: SessionRepository, kind: str) -> None:
    assert home.search(LARGE[kind]).warnings == ()


def test_of_a_long_phrase_the_beginning_is_searched_and_shown(sessions: SessionRepository) -> None:
    text = " ".join(f"word{number % 977}" for number in range(5_000))
    chosen = sessions.new(title="Long").session_id
    sessions.append(chosen, [message(text)])
    for typed in (f'"{text}"', text.replace(" ", "-"), f'word1 OR "{text}"'):
        (hit,) = sessions.search(typed)
        assert (hit.session_id, hit.missing) == (chosen, ())
        assert len(hit.snippet) < 1_000
    assert sessions.search(f'"{text.replace("word63 ", "")}"', scope="content") == []
    assert sessions.search(f'word1 -"{text}"') == []


def test_of_many_alternatives_the_words_that_there_are_are_searched(home: SessionRepository) -> None:
    assert [hit.title for hit in home.search(LARGE["alternatives"] + " OR finch")] == ["The bird"]


@pytest.mark.parametrize("typed", ["AKIAIOSFODNN7EXAMPLX", "hunterpasz"])
def test_no_credential_is_named_as_what_was_meant(home: SessionRepository, typed: str) -> None:
    hits = home.search(typed)
    assert [hit.title for hit in hits] == ["The bird"]
    assert hits.corrections == ()
    assert not hits[0].forms
    assert home.search(typed, redact=False).corrections
    assert home.search("nothinq").corrections == (("nothinq", "nothing"),)


@pytest.mark.parametrize("typed", ["pelican", "walrus"])
def test_what_a_search_tool_was_asked_or_answered_is_not_found(home: SessionRepository, typed: str) -> None:
    assert home.search(typed) == []


@pytest.mark.sqlite("search.db in the home")
def test_a_damaged_search_index_is_replaced_also_beside_an_agent(tmp_path: Path) -> None:
    new_state(tmp_path / "state.db")
    with writing(tmp_path / "state.db") as db:
        add_session(db, "cat", "A zebra came by", title="The cat")
    for damage in range(2):
        with SessionRepository.open(tmp_path / "webui", hermes_home=tmp_path) as sessions:
            if not damage:
                sessions.append(sessions.new(title="Two").session_id, [message("A zebra and a finch")])
            sessions.complete_search()
            assert len(sessions.search("zebra")) == 2
        with (tmp_path / "webui" / "search.db").open("r+b") as file:
            file.seek(8_192)
            file.write(b"\xa5" * 32_768)
    with SessionRepository.open(tmp_path / "webui", hermes_home=tmp_path) as sessions:
        assert sessions.search("zebra").warnings == ()
        sessions.complete_search()
        assert len(sessions.search("zebra")) == 2


def test_an_agent_that_breaks_between_two_reads_is_a_warning(
    home: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(AgentMessages, "_messages_of", fails)
    hits = home.search("cat came OR finch")
    assert sorted(hit.title for hit in hits) == ["The bird", "The cat"]
    assert "malformed" in "".join(hits.warnings)
    monkeypatch.setattr(AgentMessages, "_selections", fails)
    hits = home.search("cat")
    assert sorted(hit.title for hit in hits) == ["The bird", "The cat"]
    assert "malformed" in "".join(hits.warnings)


def test_of_equal_copies_in_two_profiles_a_hit_is_the_listed_one_in_all_its_parts(tmp_path: Path) -> None:
    for folder, text in ((tmp_path, "default"), (tmp_path / "profiles" / "work", "work")):
        folder.mkdir(parents=True, exist_ok=True)
        with writing(new_state(folder / "state.db")) as db:
            add_session(db, "copy", f"A walrus of {text}", title=f"At {text}")
    with SessionRepository.open(tmp_path / "webui", hermes_home=tmp_path) as sessions:
        (listed,) = sessions.list(agent="only").items
        (hit,) = sessions.search("walrus")
        assert (hit.title, hit.summary.profile, hit.preview) == (
            listed.title,
            listed.profile,
            "A walrus of default",
        )


@pytest.mark.parametrize("typed", ["session_search", "Session_Search", "MCP_A_Session_Search"])
def test_the_calls_of_a_tool_are_found_by_its_name_also_of_a_search_tool(
    home: SessionRepository, typed: str
) -> None:
    assert [hit.title for hit in home.search(f"tool:{typed}")] == ["The dog"]
    assert home.search(f"pelican tool:{typed}") == []


def test_the_case_of_a_tool_s_name_does_not_matter(home: SessionRepository) -> None:
    for typed in ("webFetch", "WebFetch", "webfetch"):
        assert {hit.title for hit in home.search(f"tool:{typed}")} == {"The bird", "The dog"}


@pytest.mark.parametrize("text", FACTS)
def test_what_an_agent_s_message_holds_is_seen_in_each_way_it_is_written(
    home: SessionRepository, text: str
) -> None:
    ((word, holds),) = FACTS[text].items()
    assert [hit.title for hit in home.search(word)] == ["The facts"]
    for feature in ("error", "image"):
        assert bool(home.search(f"{word} has:{feature}")) == (feature == holds), feature
