"""What people remember of a conversation, kind by kind: each finds it first among others that are like it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hermes_sessions import Hits, SessionRepository

from ..support.agent_db import add_message, add_session, keep_full_text, new_state, writing
from ..support.make import message

NOW = 1_790_000_000.0
DAY = 86_400.0


class Said(NamedTuple):
    """A conversation: its title, how many days ago it was, and what was said, in turn."""

    title: str
    days: int
    messages: tuple[str, ...]


SAID = {
    "boiler": Said(
        "Cold radiators",
        50,
        (
            "The boiler shows F28 since the weekend",
            "F28 means that the ignition failed three times. Check the gas valve.",
            "The valve was closed by the plumber",
            "Open it a quarter turn, wait, and press reset.",
        ),
    ),
    "boiler other": Said("Radiators", 2, ("Bleed the radiators of the office", "Ask the plumber for a key")),
    "kites": Said(
        "Kite workshop",
        200,
        (
            "Build a kite with the class",
            "A kite needs spars, sail and bridle: the kite's bridle decides how the kite flies.",
        ),
    ),
    "kites passing": Said(
        "Notes of Monday",
        1,
        (
            " ".join(
                [
                    "Saw a kite over the harbour, then bought bread, milk and a lamp, and met the",
                    "neighbours who have a new dog, and talked about roofs, trains, the sea and",
                    "a bridle path",
                ]
            ),
            "Noted.",
        ),
    ),
    "scattered": Said(
        "All sorts",
        1,
        (
            "I found a spar",
            *("and so on", "I see") * 10,
            "a sail was there",
            *("yes", "no") * 10,
            "the word bridle",
        ),
    ),
    "sweden": Said(
        "Trip north", 90, ("Night train to Łódź and the ferry to Malmö", "Book the Größe XL cabin")
    ),
    "invoice": Said(
        "Paperwork", 30, ("Invoice 2031-00917 over 1,482.75 is unpaid", "Send a reminder by post.")
    ),
    "driver": Said("Printer", 10, ("Since driver v4.7.1-rc2 the printer is silent", "Go back to v4.6.9.")),
    "chinese": Said("旅行", 20, ("我们去看云海的日出吧", "好的，先查天气预报。")),
    "mixed": Said("页面", 21, ("用Vue写的列表加载很慢", "把列表分页。")),
    "party": Said("Birthday", 12, ("What do I bake for Ida?", "Lemon cake 🍋 with candles")),
    "run": Said("Half marathon", 70, ("How do I begin running?", "Run slowly, three runs a week.")),
    "animal one": Said("Otters", 40, ("Where do otters sleep?", "In holts beside the river.")),
    "animal two": Said("Otters again", 41, ("Otters and beavers", "Beavers build dams.")),
    "trace": Said(
        "Import breaks",
        33,
        (
            "It stops at night",
            "\n".join(
                [
                    'File "/srv/loader/tasks.py", line 88, in load_rows',
                    "    row = parse_line(text)",
                    "loader.errors.BadDelimiter: expected semicolon",
                ]
            ),
        ),
    ),
}

PASTED = (
    """Traceback (most recent call last):
  File "/srv/loader/main.py", line 12, in main
    run()
  File "/srv/loader/tasks.py", line 91, in load_rows
    row = parse_line(text)
  File "/srv/loader/parse.py", line 4, in parse_line
    raise BadDelimiter(what)
loader.errors.BadDelimiter: expected semicolon
"""
    + "0xdeadbeef " * 300
)
ASKED: dict[str, tuple[str, list[str]]] = {
    "words of several messages": ("boiler plumber reset", ["boiler"]),
    "title and message": ("radiators ignition", ["boiler"]),
    "one word elsewhere too": ("plumber valve", ["boiler"]),
    "misspelt": ("ignitoin", ["boiler"]),
    "another form": ("failing ignitions", ["boiler"]),
    "question": ("what did the F28 of the boiler mean?", ["boiler"]),
    "question with a word that is nowhere": ("why is my boiler on strike", ["boiler"]),
    "about it rather than in passing": ("kite bridle", ["kites", "kites passing"]),
    "close together rather than scattered": ("spar sail bridle", ["kites", "scattered"]),
    "letters with and without marks": ("lodz malmo", ["sweden"]),
    "ss for sz": ("grosse", ["sweden"]),
    "ue for umlaut": ("Malmoe", ["sweden"]),
    "number with other separators": ("1482.75", ["invoice"]),
    "part of a number": ("00917", ["invoice"]),
    "version without its letter": ("4.7.1", ["driver"]),
    "version with another letter": ("v4.6.9", ["driver"]),
    "chinese": ("云海日出", ["chinese"]),
    "chinese of one character": ("云", ["chinese"]),
    "chinese beside latin": ("vue 列表", ["mixed"]),
    "emoji": ("🍋", ["party"]),
    "emoji and a word": ("candles 🍋", ["party"]),
    "or": ("holts OR dams", ["animal one", "animal two"]),
    "without a word of another message": ("otters -dams", ["animal one"]),
    "not": ("otters NOT holts", ["animal two"]),
    "in the title": ("title:otters dams", ["animal two"]),
    "quoted": ('"three runs a week"', ["run"]),
    "beginning": ("semicol*", ["trace"]),
    "identifier": ("parse_line", ["trace"]),
    "part of an identifier": ("BadDelim", ["trace"]),
    "path": ("/srv/loader/tasks.py", ["trace"]),
    "pasted with another line": (
        PASTED,
        ["trace"],
    ),
}
KEYS = list(SAID)


def fill_web(sessions: SessionRepository, keys: list[str]) -> dict[str, str]:
    """Store conversations as sessions of the web UI; return the ids by key."""
    ids = {}
    for key in keys:
        said = SAID[key]
        session = sessions.new(title=said.title)
        roles = ("user", "assistant")
        texts = [
            message(text, roles[at % 2], NOW - said.days * DAY + at) for at, text in enumerate(said.messages)
        ]
        sessions.append(session.session_id, texts)
        ids[key] = session.session_id
    return ids


def fill_agent(path: Path, keys: list[str]) -> dict[str, str]:
    """Store conversations in the agent's file; return the ids by key."""
    new_state(path)
    with writing(path) as db:
        keep_full_text(db)
        for key in keys:
            said, name = SAID[key], key.replace(" ", "-")
            add_session(db, name, title=said.title, begun=NOW - said.days * DAY)
            for at, text in enumerate(said.messages):
                add_message(db, name, text, ("user", "assistant")[at % 2], NOW - said.days * DAY + at)
    return {key: key.replace(" ", "-") for key in keys}


class Home(NamedTuple):
    """A home that has every conversation, and their keys by id."""

    sessions: SessionRepository
    keys: dict[str, str]

    def find(self, text: str, **how: Any) -> tuple[Hits, list[str]]:
        """Return the hits, and the keys of their conversations."""
        hits = self.sessions.search(text, **how)
        return hits, [self.keys[hit.session_id] for hit in hits]


@pytest.fixture(scope="module", params=["web", "agent", "both"])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """All conversations in the web UI, in the agent's file, or half of them in each."""
    folder = tmp_path_factory.mktemp("kinds")
    web = {"web": KEYS, "agent": [], "both": KEYS[::2]}[request.param]
    agent = [key for key in KEYS if key not in web]
    ids = fill_agent(folder / "state.db", agent) if agent else {}
    with SessionRepository.open(folder / "webui", hermes_home=folder) as sessions:
        ids |= fill_web(sessions, web)
        sessions.complete_search()
        yield Home(sessions, {value: key for key, value in ids.items()})


@pytest.mark.parametrize("kind", ASKED)
def test_what_is_remembered_is_found_first(home: Home, kind: str) -> None:
    typed, expected = ASKED[kind]
    hits, found = home.find(typed)
    assert found[: len(expected)] == expected or set(found[: len(expected)]) == set(expected), found
    assert "\x02" in hits[0].snippet + hits[0].marked_title


@pytest.mark.parametrize("typed", ["otters -dams", "otters -beavers", '-"build dams" otters', "-otters"])
def test_no_conversation_with_an_excluded_word_is_found(home: Home, typed: str) -> None:
    _, found = home.find(typed, limit=100)
    assert "animal two" not in found
    assert found


def test_a_hit_says_which_words_it_lacks(home: Home) -> None:
    hits, found = home.find("boiler ignition hippopotamus")
    assert found[0] == "boiler"
    assert hits[0].missing == ("hippopotamus",)


def test_a_hit_says_which_form_was_found(home: Home) -> None:
    hits, _ = home.find("ignitions")
    assert hits[0].forms == (("ignitions", "ignition"),)


def test_the_words_that_were_searched_instead_are_named(home: Home) -> None:
    hits, _ = home.find("ignitoin")
    assert hits.corrections == (("ignitoin", "ignition"),)
    assert not home.find("ignition")[0].corrections


def test_a_title_s_hit_names_the_best_message(home: Home) -> None:
    hits, found = home.find("otters holts")
    assert found[0] == "animal one"
    assert hits[0].message_index in (0, 1)
    titled, _ = home.find("kite workshop")
    assert titled[0].marked_title == "\x02Kite\x03 \x02workshop\x03"
    assert titled[0].message_index in (0, 1)  # the workshop is in the title alone


def test_pages_are_parts_of_one_order(home: Home) -> None:
    whole = home.find("the", limit=50)[1]
    parts = [key for at in range(0, 50, 3) for key in home.find("the", limit=3, offset=at)[1]]
    assert parts == whole
