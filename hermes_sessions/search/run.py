"""One search over all stores: the search index, and the `state.db` of every agent; results in order."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from itertools import islice
from types import TracebackType
from typing import NamedTuple, TypeAlias

from sqlalchemy import Connection

from ..agent import Agents, Snapshot
from ..errors import AgentUnavailable
from ..index import (
    ListedConversation,
    View,
    database,
    listed_conversations,
    listed_sessions,
    listed_summaries,
)
from ..messages import Message, read_message
from ..model import Summary
from . import tables
from .agents import AgentMatch, MatchWindow, search_agent
from .query import MatchMode, Term, expansion_patterns, fts_expression
from .ranking import STAGES, Candidate, RankedMatch, Stage, best_of_each, quality, score, window_size
from .request import SearchRequest
from .tables import WEB_UI, MessageFilter, MessageMatch

# For each store that has more matches, by its profile, the number of the last one that was read.
Cursors: TypeAlias = dict[str, int | None]


class AgentMessage(NamedTuple):
    """A message of an agent's, and its position in its session."""

    position: int
    message: Message


class RankedPage(NamedTuple):
    """A page of results: the matches in order, their conversations by id, and the agents' messages.

    The agents' messages are by profile and message id.
    """

    matches: list[RankedMatch]
    request: SearchRequest
    summaries: Mapping[str, Summary]
    agent_messages: Mapping[tuple[str, int], AgentMessage]


class SearchRun:
    """One search in progress, over one state of each store.

    `index` is a connection to the index of sessions, `search_index` one to the search index. `warnings` has,
    as keys, what could not be searched.
    """

    def __init__(
        self, index: Connection, search_index: Connection, agents: Agents, request: SearchRequest
    ) -> None:
        self._index, self._search_index = index, search_index
        self._agents, self._request = agents, request
        self._now = time.time()
        self.warnings: dict[str, None] = {}

    def page(self, offset: int, limit: int, view: View) -> RankedPage:
        """Return at most `limit` results, the first of them at `offset`."""
        matches = list(islice(self.ranked(), offset, offset + limit))
        ids = [match.candidate.conversation_id for match in matches]
        view = view._replace(agents_of=self._request.filters.profile)  # several can have the same id
        with self._index_errors():
            summaries = listed_summaries(self._index, view, ids)
        return RankedPage(matches, self._request, summaries, self._agent_messages(matches))

    def ranked(self) -> Iterator[RankedMatch]:
        """Yield the best match of each conversation, best first."""
        yielded: set[str] = set()
        with ExitStack() as stack:
            snapshots = self._open_agents(stack)
            for number, stage in self._stages():
                for match in self._matches(number, stage, snapshots):
                    if match.candidate.conversation_id not in yielded:
                        yielded.add(match.candidate.conversation_id)
                        yield match

    def _stages(self) -> Iterator[tuple[int, Stage]]:
        whole_words_only = self._request.query.is_quoted
        for number, stage in enumerate(STAGES):
            possible = stage.mode is MatchMode.WORD or not whole_words_only
            if possible and stage.matched_in in self._request.searched_in:
                yield number, stage

    def _open_agents(self, stack: ExitStack) -> dict[str, Snapshot]:
        """Open the agents to search, by profile; note a warning for each that cannot be read."""
        filters = self._request.filters
        snapshots: dict[str, Snapshot] = {}
        if not filters.agent or "content" not in self._request.searched_in:
            return snapshots
        for agent in self._agents.all():
            if filters.profile in (None, agent.profile):
                reading = agent.reading()
                try:
                    snapshots[agent.profile] = reading.__enter__()
                except AgentUnavailable as error:
                    if not error.absent:
                        self.warnings[str(error)] = None
                else:
                    stack.push(partial(self._leave_agent, reading))
        return snapshots

    def _leave_agent(
        self,
        reading: AbstractContextManager[Snapshot],
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        """Close an agent; if nothing else failed, a change while it was read without a lock is a warning."""
        try:
            return reading.__exit__(kind, error, trace)
        except AgentUnavailable as changed:
            if error is not None:
                raise
            self.warnings[str(changed)] = None
            return None

    def _matches(self, number: int, stage: Stage, snapshots: Mapping[str, Snapshot]) -> Iterator[RankedMatch]:
        """Yield the matches of a stage, window by window, best first."""
        expansions = self._expansions() if stage.mode is MatchMode.SUBSTRING else {}
        text = fts_expression(self._request.query, stage.mode, expansions)
        cursors: Cursors = dict.fromkeys([WEB_UI, *snapshots])
        window = 0
        while cursors:
            size = window_size(window)
            if stage.matched_in == "title":
                candidates, cursors = self._titles(text, cursors, size)
            else:
                candidates, cursors = self._contents(text, stage.mode, snapshots, cursors, size)
            for candidate in best_of_each(candidates):
                yield RankedMatch(candidate, stage, score(number, window, candidate.quality))
            window += 1

    def _expansions(self) -> dict[Term, list[str]]:
        patterns = expansion_patterns(self._request.query)
        return {term: tables.find_words(self._search_index, pattern) for term, pattern in patterns.items()}

    # ---- titles -------------------------------------------------------------------------------------------

    def _titles(self, text: str, cursors: Cursors, size: int) -> tuple[list[Candidate], Cursors]:
        """Return the next window of matching titles, and where the window after it begins."""
        matches = tables.find_titles(self._search_index, text, cursors[WEB_UI], size)
        by_profile: dict[str, dict[str, float]] = {}
        for match in matches if self._request.messages.role is None else ():
            by_profile.setdefault(match.profile, {})[match.session_id] = match.relevance
        candidates = [
            candidate
            for profile, relevances in by_profile.items()
            for candidate in self._title_candidates(profile, relevances)
        ]
        return candidates, {WEB_UI: matches[-1].number} if len(matches) == size else {}

    def _title_candidates(self, profile: str, relevances: Mapping[str, float]) -> Iterator[Candidate]:
        for session_id, listed in self._listed(profile, relevances).items():
            in_time = _is_between(listed.active_at, self._request.messages)
            if session_id == listed.session_id and in_time:
                good = quality(relevances[session_id], listed.active_at, self._now)
                yield Candidate(session_id, session_id, profile, None, good)

    def _listed(self, profile: str, session_ids: Mapping[str, object]) -> dict[str, ListedConversation]:
        """Return, of these sessions, the conversations that pass the filters, by session id."""
        with self._index_errors():
            if profile == WEB_UI:
                return listed_sessions(self._index, self._request.filters, session_ids)
            return listed_conversations(self._index, self._request.filters, profile, session_ids)

    def _index_errors(self) -> AbstractContextManager[None]:
        """Keep an error of the index from becoming one of the agents whose snapshots are open around it."""
        return database.errors_of(self._index.engine)

    # ---- messages -----------------------------------------------------------------------------------------

    def _contents(
        self, text: str, mode: MatchMode, snapshots: Mapping[str, Snapshot], cursors: Cursors, size: int
    ) -> tuple[list[Candidate], Cursors]:
        """Return the next window of each store, and where the windows after them begin."""
        candidates: list[Candidate] = []
        following: Cursors = {}
        if WEB_UI in cursors:
            wanted, before = self._request.messages, cursors[WEB_UI]
            matches = tables.find_messages(self._search_index, text, wanted, before, size)
            candidates.extend(self._web_ui_candidates(matches))
            if len(matches) == size:
                following[WEB_UI] = matches[-1].number
        for profile, snapshot in snapshots.items():
            if profile in cursors:
                window = MatchWindow(size, cursors[profile])
                agent_candidates, following_id = self._agent_window(profile, snapshot, mode, window)
                candidates.extend(agent_candidates)
                if following_id is not None:
                    following[profile] = following_id
        return candidates, following

    def _web_ui_candidates(self, matches: Sequence[MessageMatch]) -> Iterator[Candidate]:
        listed = self._listed(WEB_UI, dict.fromkeys(match.session_id for match in matches))
        for match in matches:
            if match.session_id in listed:
                good = quality(match.relevance, match.sent_at, self._now)
                yield Candidate(match.session_id, match.session_id, WEB_UI, match.position, good)

    def _agent_window(
        self, profile: str, snapshot: Snapshot, mode: MatchMode, window: MatchWindow
    ) -> tuple[list[Candidate], int | None]:
        """Return an agent's next window, and where the one after it begins; nothing of a corrupt one."""
        try:
            with self._agents.of_profile(profile).errors():
                matches = self._agent_matches(profile, snapshot, mode, window)
                candidates = list(self._agent_candidates(profile, snapshot, matches))
        except AgentUnavailable as error:
            self.warnings[str(error)] = None
            return [], None
        return candidates, matches[-1].message_id if len(matches) == window.most else None

    def _agent_matches(
        self, profile: str, snapshot: Snapshot, mode: MatchMode, window: MatchWindow
    ) -> list[AgentMatch]:
        result = search_agent(snapshot, self._request.query, mode, self._request.messages, window)
        if result.warning:
            self.warnings[result.warning] = None
        if result.unusable:
            self.warnings[f"In {self._agents.of_profile(profile).label}, {result.unusable}"] = None
        return result.matches

    def _agent_candidates(
        self, profile: str, snapshot: Snapshot, matches: Sequence[AgentMatch]
    ) -> Iterator[Candidate]:
        listed = self._listed(profile, dict.fromkeys(match.session_id for match in matches))
        depth = self._request.messages.depth
        first = {name: set(snapshot.message_ids(name)[:depth]) for name in listed} if depth else None
        for match in matches:
            conversation = listed.get(match.session_id)
            if conversation and (first is None or match.message_id in first[match.session_id]):
                good = quality(match.relevance, match.sent_at or conversation.active_at, self._now)
                yield Candidate(conversation.session_id, match.session_id, profile, match.message_id, good)

    def _agent_messages(self, matches: Sequence[RankedMatch]) -> dict[tuple[str, int], AgentMessage]:
        """Return the agents' messages among these matches, by profile and message id."""
        segments: dict[str, dict[int, str]] = {}
        for _, segment_id, profile, message_id, _ in (match.candidate for match in matches):
            if profile != WEB_UI and message_id is not None:
                segments.setdefault(profile, {})[message_id] = segment_id
        messages: dict[tuple[str, int], AgentMessage] = {}
        for profile, segment_of in segments.items():
            try:
                messages.update(self._messages_of(profile, segment_of))
            except AgentUnavailable as error:  # corrupt there, or gone since: its hits are left out
                self.warnings[str(error)] = None
        return messages

    def _messages_of(
        self, profile: str, segment_of: Mapping[int, str]
    ) -> dict[tuple[str, int], AgentMessage]:
        with self._agents.of_profile(profile).reading() as snapshot:
            return {
                (profile, message_id): AgentMessage(
                    snapshot.index_of(segment_of[message_id], message_id), read_message(message)
                )
                for message_id, message in snapshot.messages_by_id(list(segment_of)).items()
            }


def _is_between(at: float, wanted: MessageFilter) -> bool:
    return (wanted.since is None or at >= wanted.since) and (wanted.until is None or at < wanted.until)
