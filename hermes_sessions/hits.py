"""The values of a search: conversations that match, and how each does."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple

from . import display
from .model import Summary

Scope = Literal["all", "title", "content"]
MatchedIn = Literal["title", "content"]

# `Hit.snippet` has each match between these two control characters, which occur in no other text of a hit.
MATCH_START, MATCH_END = "\x02", "\x03"


class Passage(NamedTuple):
    """A message that matches: its place in the transcript of `segment_id`, its author, and its snippet.

    `sent_at` is in seconds since the epoch, None if the message does not say.
    """

    segment_id: str
    message_index: int
    author: str
    sent_at: float | None
    snippet: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A conversation that matches a search.

    `match` is ``"title"`` if the title has all the words that the conversation has, else ``"content"``.
    `message_index` is the position of the best message in the transcript of `segment_id`, None if only the
    title matches. `snippet` is the part of that message where most words are close together, on one line,
    with each match between `MATCH_START` and `MATCH_END`, and else the title; `marked_title` is the title
    with such marks. `missing` are the words that the conversation lacks, as they were typed, and `forms` the
    words in the snippet that stand for others: each after what was typed. `segment_id` differs from
    `session_id` only in an agent's conversation of several segments. `score` orders the hits of one search,
    highest first. `summary` is the conversation as lists return it, and `passages` are its best messages, as
    many as the search was asked for.
    """

    session_id: str
    title: str
    match: MatchedIn
    snippet: str
    message_index: int | None
    source: str
    score: float
    segment_id: str
    summary: Summary = field(repr=False)
    marked_title: str = ""
    missing: tuple[str, ...] = ()
    forms: tuple[tuple[str, str], ...] = ()
    passages: tuple[Passage, ...] = field(default=(), repr=False)

    @property
    def preview(self) -> str:
        """The snippet as plain text, without marks."""
        return self.snippet.replace(MATCH_START, "").replace(MATCH_END, "")

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON, without the summary and the passages."""
        names = [item.name for item in fields(self) if item.name not in ("summary", "passages")]
        return {name: getattr(self, name) for name in names}


class Hits(list[Hit]):
    """The hits of a search, the best first.

    `missing` counts sessions whose messages are not indexed yet, so that a later search may have more hits;
    it is at least 1 while the words of all are being counted, by which other forms of words are found.
    `warnings` says what could not be searched. `corrections` are the words that were searched in place of
    words that no conversation has: each after what was typed. `notes` says which operators were searched for
    as words, and what they take. `total` is how many conversations match, on all pages.
    """

    def __init__(
        self,
        hits: Iterable[Hit] = (),
        missing: int = 0,
        warnings: tuple[str, ...] = (),
        corrections: tuple[tuple[str, str], ...] = (),
        total: int | None = None,
    ) -> None:
        super().__init__(hits)
        self.missing, self.warnings, self.corrections = missing, warnings, corrections
        self.notes: tuple[str, ...] = ()
        self.total = len(self) if total is None else total

    def __repr__(self) -> str:
        return display.as_text(*self._table())

    def _repr_html_(self) -> str:
        return display.as_html(*self._table())

    def _table(self) -> display.Table:
        rows = display.hit_rows(self)
        late = [f"{self.missing:,} not searched yet"] if self.missing else []
        heading = "; ".join([f"Hits: {len(self):,}", *late, *self.warnings])
        return display.Table(heading, display.FOUND, rows, len(self) - len(rows))

    @property
    def partial(self) -> bool:
        """Whether something was not searched."""
        return bool(self.missing or self.warnings)
