"""Ten questions about the demo home that people ask, each answered in at most three calls.

What a later call is given comes from an earlier answer, as a model copies it.
"""

import re
from datetime import date

import pytest

from .asking import Model, estimated, found

LONGEST_ANSWER = 1_500  # tokens
MOST_CALLS = 3


class Conversation:
    """A model that counts its calls and the tokens of their answers."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._calls = 0

    def ask(self, tool: str, **arguments: object) -> str:
        """Call a tool, briefly."""
        self._calls += 1
        assert self._calls <= MOST_CALLS
        text = self._model.ask(tool, **arguments)
        assert estimated(text) <= LONGEST_ANSWER, text
        return text

    def read(self, found_in: str, **arguments: object) -> str:
        """Read the first conversation of an answer, where it says."""
        at = re.search(r"message (\d+)(?: of id (\S+))?: <quoted>", found_in)
        key = (at and at[2]) or found(r", id ([\w-]+)", found_in)
        place = {"at": int(at[1])} if at else {}
        return self.ask("read_conversation", id=key, max_tokens=1_300, **place | arguments)


@pytest.fixture
def model(agent: Model) -> Conversation:
    """A model with a new question."""
    return Conversation(agent)


def test_find_the_chat_about_the_worker_that_is_killed(model: Conversation) -> None:
    text = model.read(model.ask("search_conversations", query="billing worker killed memory", limit=3), at=0)

    assert "The billing worker is killed after about 3 minutes." in text


def test_what_did_we_decide_on_how_to_store_events(model: Conversation) -> None:
    hits = model.ask("search_conversations", query="tag:decision events store")

    assert '"Compare three ways to store events"' in hits
    assert "[7] assistant" in model.read(hits, at=-1)


def test_what_did_it_cost_this_month_by_model(model: Conversation) -> None:
    text = model.ask("usage", by="model", since=f"{date.today():%Y-%m}")  # noqa: DTZ011  # local, as of a user

    assert (
        re.search(r"^gpt-5\.4-mini \| \d+ \| .* \| \$\d+\.\d\d$", text, re.MULTILINE) or "total | 0" in text
    )
    assert re.search(r"^total \| ", text, re.MULTILINE)


def test_which_turns_wait_for_an_answer(model: Conversation) -> None:
    listed = model.ask("list_conversations", interrupted=True)
    text = model.read(listed, at=-1)

    assert '"Move the photo archive to the new disk"' in listed
    assert "Sent and not answered: <quoted>" in text


def test_continue_reading_where_the_answer_ended(model: Conversation) -> None:
    first = model.ask("read_conversation", id="Port the test suite to the new fixtures", max_tokens=1_300)
    key, at = found(r", id (\w+)", first), int(found(r"Later: at=(\d+)", first))
    second = model.ask("read_conversation", id=key, at=at, around=False, max_tokens=1_300)

    assert f"Messages {at} to " in second
    assert f"[{at}] " in second


def test_which_command_failed_in_the_flaky_tests(model: Conversation) -> None:
    hits = model.ask("search_conversations", query="flaky tests gateway has:error", limit=4)
    text = model.read(hits[hits.index('"Flaky tests in gateway"') :])

    assert "FAILED test_upload.py::test_upload" in text
    assert "[calls terminal " in text


def test_everything_of_a_project_last_week(model: Conversation) -> None:
    text = model.ask("list_conversations", project="Atlas", since="7d")

    assert int(found(r"^(\d+) conversations, the newest first", text)) >= 4
    assert all('project "Atlas"' in row for row in text.splitlines()[1:])


def test_the_chinese_meeting_notes(model: Conversation) -> None:
    hits = model.ask("search_conversations", query="会议纪要")

    assert '"整理本周会议纪要"' in hits
    assert "[0] user" in model.read(hits, at=0)


def test_the_beginning_of_the_longest_chat(model: Conversation) -> None:
    rows = model.ask("search_conversations", query="messages:>30", limit=10).splitlines()
    longest = max(rows, key=lambda row: int((re.search(r", (\d+) messages", row) or [0, -1])[1]))
    text = model.read(longest, at=0, around=False)

    assert '"Port the test suite to the new fixtures"' in text
    assert "[0] user" in text


def test_what_the_telegram_chat_said_about_the_weather(model: Conversation) -> None:
    hits = model.ask("search_conversations", query="rain Saturday", source="messaging")
    text = model.read(hits)

    assert "from Telegram" in hits
    assert "rain" in text.lower()
