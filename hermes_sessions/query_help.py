"""What people are told about the query language: one table for the command line, the pages and the manual."""

from collections.abc import Mapping
from typing import NamedTuple


class Syntax(NamedTuple):
    """Something that can be typed, as examples, and what it finds."""

    examples: tuple[str, ...]
    meaning: str


class Suggestion(NamedTuple):
    """What may be typed next: the `text` for the query, the `label` for people, and what it means."""

    text: str
    label: str
    meaning: str = ""


class Suggestions(NamedTuple):
    """What may stand in a query from `start` to `end`, the likeliest first.

    `takes_date` is whether any date may stand there too, so that a calendar helps.
    """

    start: int
    end: int
    items: tuple[Suggestion, ...] = ()
    takes_date: bool = False


WORDS = (
    Syntax(("budget review",), "both words, anywhere in a conversation, in any order"),
    Syntax(('"budget review"',), "exactly these words, next to each other"),
    Syntax(("-draft", "NOT draft"), "no conversation with this word"),
    Syntax(("rent OR lease",), "one of these words, or both"),
    Syntax(("bud*",), "words that begin with these letters"),
    Syntax(("title:budget",), "the word in the title"),
)
CONVERSATIONS = (
    Syntax(("project:garden", "project:none"), "in this project, its name or id; in no project"),
    Syntax(("profile:work",), "of this profile"),
    Syntax(("source:cli",), "begun there: webui, cli, cron, tool, api, messaging or other"),
    Syntax(("model:opus",), "with this model: its name, or a part of it"),
    Syntax(("tag:work", "-tag:done"), "with this tag; with - without it; several tags must all be there"),
    Syntax(("is:pinned", "-is:archived"), "pinned, archived, interrupted or agent; with - the others"),
)
DATES = (
    Syntax(("before:2026-09",), "sent before this date begins"),
    Syntax(("after:7d",), "sent when this date began, or later"),
    Syntax(("on:yesterday",), "sent on this date"),
)
MESSAGES = (
    Syntax(("role:user",), "in messages of this role: user, assistant, tool or system"),
    Syntax(("tool:terminal",), "in messages that call this tool, or in its results"),
    Syntax(("has:error",), "in messages with this: error, image, code or attachment"),
)
SIZES = (Syntax(("cost:>0.5", "messages:>20"), "more dollars, or more messages, than that"),)
OPERATORS = (*CONVERSATIONS, *DATES, *MESSAGES, *SIZES)
GROUPS = (
    ("Words", WORDS),
    ("Conversations", CONVERSATIONS),
    ("Dates", DATES),
    ("Messages", MESSAGES),
    ("Cost and length", SIZES),
)
_DATES = (
    "Dates are 2026-09-01, 2026-09, 2026, today and yesterday; 7d, 2w, 3m and 1y are the day that many days, "
    "weeks, months or years ago. Without words, they are about the last activity."
)
NOTES = (
    'A value with spaces is written in quotation marks: project:"My garden".',
    _DATES,
    "Operators without words list the conversations that fulfil them.",
    "Nothing is an error: what is no operator is searched as text.",
)
# Dates that are quicker to choose than to type, and what their letters stand for.
SHORT_DATES: Mapping[str, str] = {
    "today": "",
    "yesterday": "",
    "7d": "7 days ago",
    "30d": "30 days ago",
    "3m": "3 months ago",
    "1y": "a year ago",
}


def meanings() -> dict[str, str]:
    """Return what each operator finds, by its name, in the order of the table."""
    rows = [(example.lstrip("-"), row.meaning) for row in (*OPERATORS, *WORDS) for example in row.examples]
    return {example.partition(":")[0]: meaning for example, meaning in rows if ":" in example}
