"""One search over everything: titles and transcripts, the web UI's and the agents', the best first.

Titles come before contents, whole words before beginnings of words before parts of words; within each the
rank of FTS5 is blended with how recent a message is. Of each conversation the best message is shown.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection

from ..agent import Agents, Snapshot
from ..errors import AgentUnavailable, InvalidValue, NotFound, StorageError, Unreadable
from ..fields import check_seconds, check_text, check_whole
from ..index import ListedConversation, View, listed_conversations, listed_sessions, listed_summaries
from ..messages import Message, read_message
from ..model import Summary
from ..results import Filters, Hit
from . import agents as agent_search
from . import query, tables
from .agents import AgentMatch, Window
from .indexed_text import indexed_text
from .query import Closeness, Query
from .tables import OWN, Limits

TITLE, CONTENT = "title", "content"
STAGES = (
    (TITLE, Closeness.WORD),
    (TITLE, Closeness.BEGINNING),
    (CONTENT, Closeness.WORD),
    (CONTENT, Closeness.BEGINNING),
    (TITLE, Closeness.PART),
    (CONTENT, Closeness.PART),
)
# How many of the newest matches are ranked at first; more only if those are too few conversations.
WINDOW, WIDER, WIDEST = 500, 4, 32_000
RELEVANCE, RECENCY = 0.6, 0.4
HALF_LIFE_SECONDS = 30 * 86_400.0

# Reads one message of the web UI's by its index; raises `NotFound` for one that is gone.
Read = Callable[[str, int], Message]


SCOPES = {"all": (TITLE, CONTENT), TITLE: (TITLE,), CONTENT: (CONTENT,)}


class Asked(NamedTuple):
    """What is searched for: the query, where (`scopes`), among which sessions and which messages."""

    query: Query
    scopes: tuple[str, ...]
    filters: Filters
    limits: Limits


def check_asked(text: object, scope: str, filters: Filters, limits: Limits) -> Asked:
    """Return what is searched for; raise `InvalidValue` for what cannot be."""
    if scope not in SCOPES:
        raise InvalidValue(f"scope must be one of {', '.join(SCOPES)}")
    if not isinstance(text, str):
        raise InvalidValue("text must be text")
    return Asked(query.parse(text), SCOPES[scope], filters, limits)


def check_limits(role: object, since: object, until: object, depth: object) -> Limits:
    """Return which messages are wanted, times in seconds since the epoch; raise `InvalidValue`."""
    return Limits(
        check_text("role", role),
        None if since is None else check_seconds("since", since),
        None if until is None else check_seconds("until", until),
        check_whole("depth", depth) or None if depth is not None else None,
    )


class Candidate(NamedTuple):
    """A match of a conversation; `at` is its message's index (of an agent's, the id), None of a title."""

    conversation_id: str
    segment_id: str
    profile: str
    at: int | None
    blend: float


class Ranked(NamedTuple):
    """A candidate with the score and the stage at which it was found."""

    candidate: Candidate
    match: str
    closeness: Closeness
    score: float


class Found(NamedTuple):
    """A page of what was found: in order, with the conversations, and what the agents' messages say."""

    ranked: list[Ranked]
    query: Query
    summaries: dict[str, Summary]
    said: dict[tuple[str, int], tuple[int, Message]]


class Search:
    """One search in progress, over one state of each store."""

    def __init__(self, index: Connection, texts: Connection, agents: Agents, asked: Asked) -> None:
        self._index, self._texts, self._agents, self._asked = index, texts, agents, asked
        self._now = time.time()
        self.warnings: dict[str, None] = {}

    def ranked(self) -> Iterator[Ranked]:
        """Yield conversations, the best first, each once."""
        found: set[str] = set()
        with ExitStack() as stack:
            snapshots = self._snapshots(stack)
            for at, (match, closeness) in enumerate(self._stages()):
                for score, candidate in self._of_stage(match, closeness, snapshots):
                    if candidate.conversation_id not in found:
                        found.add(candidate.conversation_id)
                        yield Ranked(candidate, match, closeness, len(STAGES) - at + score)

    def _stages(self) -> Iterator[tuple[str, Closeness]]:
        whole_words = all(term.quoted for term in self._asked.query.wanted)
        for match, closeness in STAGES:
            if match in self._asked.scopes and not (whole_words and closeness is not Closeness.WORD):
                yield match, closeness

    def _snapshots(self, stack: ExitStack) -> dict[str, Snapshot]:
        """Open every agent that is to be searched; of one that cannot be read, the warning is kept."""
        if not self._asked.filters.agent or CONTENT not in self._asked.scopes:
            return {}
        opened: dict[str, Snapshot] = {}
        for agent in self._agents.all():
            if self._asked.filters.profile in (None, agent.profile):
                try:
                    opened[agent.profile] = stack.enter_context(agent.reading())
                except AgentUnavailable as error:
                    if not error.absent:
                        self.warnings[str(error)] = None
        return opened

    def _of_stage(
        self, match: str, closeness: Closeness, snapshots: Mapping[str, Snapshot]
    ) -> Iterator[tuple[float, Candidate]]:
        """Yield a stage's candidates with scores between 0 and 1, the best first."""
        expanded = self._expanded() if closeness is Closeness.PART else {}
        text = query.expression(self._asked.query, closeness, expanded)
        window, scale = WINDOW, 1.0
        before: dict[str, int | None] = dict.fromkeys([OWN, *snapshots])
        while before:
            if match == TITLE:
                candidates, before = self._titles(text, before[OWN], window)
            else:
                candidates, before = self._contents(text, closeness, snapshots, before, window)
            scale /= 2
            for blend, candidate in _best(candidates):
                yield scale * (1 + blend), candidate  # below all of a newer window
            window = min(window * WIDER, WIDEST)

    def _expanded(self) -> dict[query.Term, list[str]]:
        patterns = query.expandable(self._asked.query)
        return {term: tables.words_like(self._texts, pattern) for term, pattern in patterns.items()}

    # ---- what is shown of what was found

    def page(self, offset: int, limit: int, view: View) -> Found:
        """Return the conversations from `offset` on, at most `limit`, as lists show them."""
        ranked = list(islice(self.ranked(), offset, offset + limit))
        ids = [each.candidate.conversation_id for each in ranked]
        summaries = listed_summaries(self._index, view, ids)
        return Found(ranked, self._asked.query, summaries, self._said_by_agents(ranked))

    def _said_by_agents(self, ranked: Sequence[Ranked]) -> dict[tuple[str, int], tuple[int, Message]]:
        """Return the agents' messages among these by profile and id: where they stand, and what they say."""
        of_profile: dict[str, list[Candidate]] = {}
        for each in ranked:
            if each.candidate.profile != OWN and each.candidate.at is not None:
                of_profile.setdefault(each.candidate.profile, []).append(each.candidate)
        found: dict[tuple[str, int], tuple[int, Message]] = {}
        for profile, candidates in of_profile.items():
            with self._agents.of_profile(profile).reading() as snapshot:
                said = snapshot.messages_by_id([candidate.at or 0 for candidate in candidates])
                for candidate in candidates:
                    at = candidate.at or 0
                    if at in said:
                        found[profile, at] = (
                            snapshot.index_of(candidate.segment_id, at),
                            read_message(said[at]),
                        )
        return found

    # ---- titles

    def _titles(
        self, text: str, before: int | None, window: int
    ) -> tuple[list[Candidate], dict[str, int | None]]:
        """Return the candidates of the next window of titles, and where the one after begins."""
        matches = tables.title_matches(self._texts, text, before, window)
        by_profile: dict[str, dict[str, float]] = {}
        for match in matches if self._asked.limits.role is None else ():
            by_profile.setdefault(match.profile, {})[match.session_id] = match.relevance
        found = [
            Candidate(each.session_id, each.session_id, profile, None, self._blend(relevance, each.active_at))
            for profile, relevances in by_profile.items()
            for each, relevance in self._titled(profile, relevances)
        ]
        return found, {OWN: matches[-1].number} if len(matches) == window else {}

    def _titled(
        self, profile: str, relevances: Mapping[str, float]
    ) -> Iterator[tuple[ListedConversation, float]]:
        if profile == OWN:
            shown = listed_sessions(self._index, self._asked.filters, relevances)
        else:
            shown = listed_conversations(self._index, self._asked.filters, profile, relevances)
        for session_id, each in shown.items():
            if session_id == each.session_id and _is_between(each.active_at, self._asked.limits):
                yield each, relevances[session_id]

    # ---- contents

    def _contents(
        self,
        text: str,
        closeness: Closeness,
        snapshots: Mapping[str, Snapshot],
        before: Mapping[str, int | None],
        window: int,
    ) -> tuple[list[Candidate], dict[str, int | None]]:
        """Return the candidates of the next window of each store, and where the one after begins."""
        found: list[Candidate] = []
        after: dict[str, int | None] = {}
        if OWN in before:
            matches = tables.matches(self._texts, text, self._asked.limits, before[OWN], window)
            found.extend(self._own(matches))
            if len(matches) == window:
                after[OWN] = matches[-1].number
        for profile, snapshot in snapshots.items():
            if profile in before:
                of_agent = self._of_agent(snapshot, closeness, before[profile], window)
                found.extend(self._agents_own(profile, snapshot, of_agent))
                if len(of_agent) == window:
                    after[profile] = of_agent[-1].message_id
        return found, after

    def _own(self, matches: Sequence[tables.Match]) -> Iterator[Candidate]:
        shown = listed_sessions(self._index, self._asked.filters, {match.session_id for match in matches})
        for match in matches:
            if match.session_id in shown:
                blend = self._blend(match.relevance, match.sent_at)
                yield Candidate(match.session_id, match.session_id, OWN, match.position, blend)

    def _of_agent(
        self, snapshot: Snapshot, closeness: Closeness, before: int | None, window: int
    ) -> list[AgentMatch]:
        found = agent_search.search(
            snapshot, self._asked.query, closeness, self._asked.limits, Window(window, before)
        )
        if found.warning:
            self.warnings[found.warning] = None
        return found.matches

    def _agents_own(
        self, profile: str, snapshot: Snapshot, matches: Sequence[AgentMatch]
    ) -> Iterator[Candidate]:
        ids = {match.session_id for match in matches}
        belongs = listed_conversations(self._index, self._asked.filters, profile, ids)
        depth = self._asked.limits.depth
        first = {name: set(snapshot.message_ids(name)[:depth]) for name in belongs} if depth else None
        for match in matches:
            shown = belongs.get(match.session_id)
            if shown and (first is None or match.message_id in first[match.session_id]):
                blend = self._blend(match.relevance, match.sent_at or shown.active_at)
                yield Candidate(shown.session_id, match.session_id, profile, match.message_id, blend)

    def _blend(self, relevance: float, sent_at: float | None) -> float:
        """Return how good a match is, between 0 and 1: mostly by its words, partly by how recent it is."""
        age = max(0.0, self._now - sent_at) if sent_at is not None else HALF_LIFE_SECONDS * 10
        relevance = max(0.0, relevance)
        recent = HALF_LIFE_SECONDS / (HALF_LIFE_SECONDS + age)
        return RELEVANCE * relevance / (1 + relevance) + RECENCY * recent


def _best(candidates: Sequence[Candidate]) -> list[tuple[float, Candidate]]:
    """Return the best candidate of each conversation, the best conversation first."""
    best: dict[str, Candidate] = {}
    for candidate in candidates:
        rival = best.get(candidate.conversation_id)
        if rival is None or rival.blend < candidate.blend:
            best[candidate.conversation_id] = candidate
    ordered = sorted(best.values(), key=lambda each: (-each.blend, each.conversation_id))
    return [(candidate.blend, candidate) for candidate in ordered]


def _is_between(at: float, limits: Limits) -> bool:
    return (limits.since is None or at >= limits.since) and (limits.until is None or at < limits.until)


# ---- hits -------------------------------------------------------------------------------------------------


class Showing(NamedTuple):
    """How hits are shown: what reads a message, what hides credentials, and the view of a list."""

    read: Read
    mask: Callable[[str], str]
    view: View


def hits(found: Found, showing: Showing) -> list[Hit]:
    """Return the hits of a page; one that went meanwhile is left out.

    Reads the messages from their files; the snippet of one whose file cannot be read now is empty.
    """
    return [hit for each in found.ranked if (hit := _hit(each, found, showing)) is not None]


def _hit(ranked: Ranked, found: Found, showing: Showing) -> Hit | None:
    candidate = ranked.candidate
    summary = found.summaries.get(candidate.conversation_id)
    if summary is None:
        return None
    index, text = candidate.at, summary.title
    if candidate.at is not None:
        try:
            index, message = _message(candidate, found.said, showing.read)
            text = indexed_text(message).text
        except (KeyError, NotFound):
            return None
        except (Unreadable, StorageError):  # which whoever opens it is told; the other hits stand
            text = ""
    finder = query.finder(found.query, ranked.closeness)
    return Hit(
        session_id=summary.session_id,
        title=showing.mask(summary.title),
        match=ranked.match,
        snippet=query.snippet(text, finder, showing.mask),
        message_index=index,
        source=summary.source,
        score=round(ranked.score, 6),
        segment_id=candidate.segment_id,
        summary=summary,
    )


def _message(
    candidate: Candidate, said: Mapping[tuple[str, int], tuple[int, Message]], read: Read
) -> tuple[int, Message]:
    at = candidate.at or 0
    if candidate.profile == OWN:
        return at, read(candidate.segment_id, at)
    return said[candidate.profile, at]
