"""What a sample conversation is about: its title, its turns, and how the web UI has filed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

Words = Mapping[str, str]
NO_WORDS: Words = MappingProxyType({})


class Tool(NamedTuple):
    """A call of a tool; `exit_code` is that of a command, and is not 0 if it failed."""

    name: str
    arguments: Mapping[str, Any]
    output: str
    exit_code: int = 0


class Turn(NamedTuple):
    """A question and its answer, with the reasoning and the tool calls that come before the answer.

    `picture` is the name of a picture that the question shows, and `drawn` of one that the answer shows.
    """

    question: str
    answer: str
    reasoning: str = ""
    tools: Sequence[Tool] = ()
    picture: str = ""
    drawn: str = ""


class Subject(NamedTuple):
    """What a conversation is about. In its texts, `{{name}}` is replaced by a word of that name.

    The turns follow once for each of the `rounds`, whose words come before those of `WORDS`, and then those
    of the `ending`. `fields` are the fields in which the web UI's session differs from most, and `source` is
    where the agent's comes from.
    """

    title: str
    project: str | None
    turns: Sequence[Turn]
    tags: Sequence[str] = ()
    fields: Mapping[str, Any] = MappingProxyType({})
    rounds: Sequence[Words] = (NO_WORDS,)
    ending: Sequence[Turn] = ()
    source: str = ""


class Model(NamedTuple):
    """A model, with its prices in dollars for a million tokens read and written."""

    name: str
    provider: str
    price_in: float
    price_out: float


# The first conversation about a subject has one of these first words, those that repeat it the others.
FIRST_WORDS = 6
WORDS: Mapping[str, Sequence[str]] = {
    "service": ("billing", "search", "ingest", "gateway", "mailer", "thumbnails", "ledger", "scheduler"),
    "city": ("Lisbon", "Kyoto", "Tbilisi", "Oaxaca", "Ghent", "Trieste", "Essaouira", "Wellington"),
    "number": ("3", "7", "12", "24", "40", "64", "96", "250"),
    "dish": ("sourdough", "focaccia", "rye bread", "brioche", "flatbread", "challah", "ciabatta", "pretzels"),
}
PROJECTS = (
    ("Atlas", "#22c55e"),
    ("Kitchen", "#f59e0b"),
    ("Travel / 旅行", "#3b82f6"),
    ("Thesis", "#a855f7"),
    ("House", "#ef4444"),
    ("Garden", None),
)
# The first is used most: a list of them, from which one is drawn.
MODELS = (
    Model("anthropic/claude-sonnet-4.6", "openrouter", 3.0, 15.0),
    Model("anthropic/claude-sonnet-4.6", "openrouter", 3.0, 15.0),
    Model("gpt-5.4-mini", "openai-codex", 0.4, 1.6),
    Model("hermes-4-70b", "nous", 0.13, 0.4),
    Model("qwen3-coder", "openrouter", 0.3, 1.2),
)
THANKS = (
    Turn("Thanks, that was it.", "You are welcome. Everything is in this conversation if you need it again."),
    Turn("Perfect, thank you!", "Glad that it helped."),
    Turn("That works. Thanks!", "Good to hear. Enjoy the rest of your day."),
)
