"""The answers of the route that searches, as the OpenAPI document describes them."""

from typing import Literal, NotRequired, TypedDict

from .schemas import SessionEntry


class SearchHit(SessionEntry):
    """A conversation whose title, or one of whose messages, matches a search.

    In `snippet` and `marked_title`, each match stands between U+0002 and U+0003; `match_preview` is the
    snippet as plain text, of a match in a message. `message_index` is the position of the best message in
    the session `segment_id`; it is null if only the title matches. `missing_words` are the words that the
    conversation lacks, and `forms` the words in the snippet that stand for others: pairs of what was typed
    and what was found.
    """

    match_type: NotRequired[Literal["title", "content"]]
    match_preview: NotRequired[str]
    snippet: NotRequired[str]
    message_index: NotRequired[int | None]
    segment_id: NotRequired[str]
    score: NotRequired[float]
    marked_title: NotRequired[str]
    missing_words: NotRequired[list[str]]
    forms: NotRequired[list[list[str]]]


class SearchResult(TypedDict):
    """The conversations that match, best first. A query without words lists entries, without matches.

    `count` is how many this page has, `total` how many match. `partial` is true if something was not
    searched: `missing` counts the sessions that are not indexed yet, and `warnings` name what could not be
    searched. `corrections` are words that were searched in place of words that no conversation has: pairs of
    what was typed and what was searched.
    """

    sessions: list[SearchHit]
    query: str
    count: int
    total: int
    partial: bool
    missing: int
    warnings: list[str]
    corrections: list[list[str]]


class Suggestion(TypedDict):
    """What can be typed: the `text` for the query, the `label` for people, and what it means."""

    text: str
    label: str
    meaning: str


class Suggestions(TypedDict):
    """What can stand in a query from `start` to `end`, in characters, the likeliest first.

    `takes_date` is whether any date can stand there, too.
    """

    start: int
    end: int
    takes_date: bool
    suggestions: list[Suggestion]
