"""One search over all stores: the search index, and the `state.db` of every agent; results in order."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from itertools import islice, pairwise
from types import TracebackType
from typing import NamedTuple, TypeAlias

from sqlalchemy import Connection

from ..agent import Agents, Snapshot
from ..errors import AgentUnavailable
from ..index import View, database, listed_summaries
from ..messages import Message, read_message
from ..model import Summary
from . import ranking, tables
from .agents import AgentMessages
from .evidence import Conversations, EvidenceFinder, Found, Key
from .forms import ANYTHING, ClauseForms, FormFinder, TermForms, exact_phrase
from .function_words import without_function_words
from .language import Term
from .long_queries import MOST_CLAUSES, telling_clauses
from .ranking import Closest, Evidence, Stage
from .request import SearchRequest
from .stems import Stemmer
from .stores import MessageStore, WebMessages
from .tables import WEB_UI, Occurrence

# Of the best conversations by their words alone, so many are compared by what else speaks for them, and so
# many of these by how close the words are.
COMPARED, RERANKED = 1_000, 60
AT_ONCE = 20  # matches whose best messages are looked for together
MOST_NEIGHBOURS = 4  # pairs of clauses that are looked for close to each other
MOST_COMPARED = 5_000  # conversations with a word, above which looking for more costs too much


class AgentMessage(NamedTuple):
    """A message of an agent's, and its position in its session."""

    position: int
    message: Message


class RankedMatch(NamedTuple):
    """A conversation that matches: its best message, in its segment, and what it has of the query.

    `number` is the position of the message, for an agent's message its id, and None if only the title
    matches. `missing` are the words that it lacks, as typed, and `clauses` all that were searched.
    """

    key: Key
    segment_id: str
    number: int | None
    in_title: bool
    score: float
    clauses: tuple[ClauseForms, ...]
    missing: tuple[str, ...] = ()

    @property
    def conversation_id(self) -> str:
        """The id of the conversation."""
        return self.key[1]


class RankedPage(NamedTuple):
    """A page of results: the matches in order, their conversations by id, and the agents' messages.

    The agents' messages are by profile and message id.
    """

    matches: list[RankedMatch]
    summaries: Mapping[str, Summary]
    agent_messages: Mapping[tuple[str, int], AgentMessage]


_Occurrences: TypeAlias = Mapping[Key, Sequence[Occurrence]]


class _Weighed(NamedTuple):
    """A conversation, when it was last active, and its relevance so far."""

    key: Key
    active_at: float
    length: int
    relevance: float


class _StageResult(NamedTuple):
    """What a stage found: the clauses, who has each and what it weighs, and the conversations with enough."""

    stage: Stage
    clauses: Sequence[ClauseForms]
    found: Sequence[Found]
    weights: Sequence[float]
    weighed: Sequence[_Weighed]


class Sources(NamedTuple):
    """What a search reads: the index of sessions, the search index, the agents, and the stems of words."""

    sessions: Connection
    search_index: Connection
    agents: Agents
    stemmer: Stemmer


class SearchRun:
    """One search in progress, over one state of each store.

    `warnings` has, as keys, what could not be searched.
    """

    def __init__(self, sources: Sources, request: SearchRequest) -> None:
        self._sources, self._request = sources, request
        self.warnings: dict[str, None] = {}
        self.corrections: tuple[tuple[str, str], ...] = ()

    def page(self, offset: int, limit: int, view: View) -> RankedPage:
        """Return at most `limit` results, the first of them at `offset`."""
        with self._search() as search:
            matches = list(islice(search.ranked(), offset, offset + limit))
        view = view._replace(agents_of=self._request.filters.profile)  # several can have the same id
        with database.errors_of(self._sources.sessions.engine):
            summaries = listed_summaries(
                self._sources.sessions, view, [each.conversation_id for each in matches]
            )
        return RankedPage(matches, summaries, self._agent_messages(matches))

    @contextmanager
    def _search(self) -> Iterator[_StagedSearch]:
        with ExitStack() as stack:
            stores: list[MessageStore] = [WebMessages(self._sources.search_index)]
            stores += self._open_agents(stack)
            search = _StagedSearch(self._sources, self._request, stores)
            yield search
            self.warnings |= dict.fromkeys(map(str, search.failures))
            self.corrections = tuple(search.corrections)

    # ---- the agents -------------------------------------------------------------------------------------

    def _open_agents(self, stack: ExitStack) -> list[MessageStore]:
        """Open the agents to search; note a warning for each that cannot be read."""
        filters = self._request.filters
        stores: list[MessageStore] = []
        # Excluded words must not be in any message, also where titles alone are searched.
        if not filters.agent or not ("content" in self._request.searched_in or self._request.query.excluded):
            return stores
        for agent in self._sources.agents.all():
            if filters.profile not in (None, agent.profile):
                continue
            reading = agent.reading()
            try:
                snapshot = reading.__enter__()
            except AgentUnavailable as error:
                if not error.absent:
                    self.warnings[str(error)] = None
            else:
                stack.push(partial(self._leave_agent, reading))
                stores.append(AgentMessages(agent, snapshot, partial(self._warn, agent.label)))
        return stores

    def _warn(self, label: str, sentence: str) -> None:
        self.warnings[f"Of {label}, {sentence}"] = None

    def _leave_agent(
        self,
        reading: AbstractContextManager[Snapshot],
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Close an agent; a change while it was read without a lock is a warning.

        An error in the block is another store's, which must not become one of this agent.
        """
        try:
            reading.__exit__(None, None, None)
        except AgentUnavailable as changed:
            self.warnings[str(changed)] = None

    def _agent_messages(self, matches: Sequence[RankedMatch]) -> dict[tuple[str, int], AgentMessage]:
        """Return the agents' messages among these matches, by profile and message id."""
        segments: dict[str, dict[int, str]] = {}
        for match in matches:
            if match.key[0] != WEB_UI and match.number is not None:
                segments.setdefault(match.key[0], {})[match.number] = match.segment_id
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
        with self._sources.agents.of_profile(profile).reading() as snapshot:
            return {
                (profile, message_id): AgentMessage(
                    snapshot.index_of(segment_of[message_id], message_id), read_message(message)
                )
                for message_id, message in snapshot.messages_by_id(list(segment_of)).items()
            }


class _StagedSearch:
    """The stages of one search, over stores that are open."""

    def __init__(self, sources: Sources, request: SearchRequest, stores: Sequence[MessageStore]) -> None:
        self._request = request
        self._now, self._total = time.time(), tables.count_entries(sources.search_index)
        self._forms = FormFinder(sources.search_index, sources.stemmer)
        self._conversations = Conversations(sources.sessions, request.filters)
        self._finder = EvidenceFinder(sources.search_index, stores, self._conversations, request)
        self.failures = self._finder.failures
        self.corrections: dict[tuple[str, str], None] = {}

    def ranked(self) -> Iterator[RankedMatch]:
        """Yield each conversation once, best first."""
        if not self._request.query.required and not self._request.messages.is_of_messages:
            yield from self._without_words()
            return
        yielded: set[Key] = set()
        for result in self._stages():
            new = [each for each in result.weighed if each.key not in yielded]
            yielded.update(each.key for each in new)
            yield from self._in_order(result, new)

    def _stages(self) -> Iterator[_StageResult]:
        query = self._request.query
        telling = telling_clauses(query.required, self._forms.frequencies)
        clauses = self._forms.exact(without_function_words(telling))
        if not clauses and self._request.messages.is_of_messages:
            clauses = [ANYTHING]
        unwanted = self._unwanted(query.excluded)
        found_any = False
        for stage in self._stages_of(len(query.required)) if clauses else ():
            if stage > Stage.PARTS and found_any:
                return
            if stage is Stage.PARTS:
                clauses = self._with_parts(clauses)
            found = [self._finder.find(clause) for clause in clauses]
            if stage is Stage.CORRECTED:
                clauses, found = self._corrected(clauses, found)
            result = self._result(stage, clauses, found, unwanted)
            found_any = found_any or bool(result.weighed)
            yield result

    def _without_words(self) -> Iterator[RankedMatch]:
        """Yield the conversations that have none of the excluded words, as lists have them."""
        unwanted = self._unwanted(self._request.query.excluded)
        wanted = (key for key in self._conversations.all(self._request.list_filters) if key not in unwanted)
        for place, key in enumerate(wanted):
            yield RankedMatch(key, key[1], None, True, ranking.score(Stage.WORDS, 1 / (2 + place)), ())

    def _with_parts(self, clauses: Sequence[ClauseForms]) -> list[ClauseForms]:
        """Return clauses with longer words that contain their terms, but of those that very many have."""
        return [
            clause if len(self._finder.find(clause).counts) > MOST_COMPARED else each
            for clause, each in zip(clauses, self._forms.with_parts(clauses), strict=True)
        ]

    @staticmethod
    def _stages_of(length: int) -> tuple[Stage, ...]:
        # Of a long query, only words are searched that some text has as they are.
        if length == 0:
            return (Stage.WORDS,)
        return tuple(Stage) if length <= MOST_CLAUSES else (Stage.WORDS, Stage.SOME)

    def _unwanted(self, excluded: Sequence[Term]) -> set[Key]:
        clauses = [ClauseForms((TermForms(term, (exact_phrase(term),)),)) for term in excluded]
        return {key for clause in clauses for key in self._finder.find_anywhere(clause)}

    def _corrected(
        self, clauses: Sequence[ClauseForms], found: Sequence[Found]
    ) -> tuple[list[ClauseForms], list[Found]]:
        """Return the clauses, those that nothing has with the words that were probably meant."""
        corrected = [
            clause if each.keys else self._forms.corrected(clause)
            for clause, each in zip(clauses, found, strict=True)
        ]
        again = [
            each if each.keys else self._finder.find(clause)
            for clause, each in zip(corrected, found, strict=True)
        ]
        for clause in corrected:
            for forms in clause.alternatives:
                self.corrections.update(((forms.term.typed, word), None) for word in forms.corrections[:1])
        return corrected, again

    # ---- one stage --------------------------------------------------------------------------------------

    def _result(
        self, stage: Stage, clauses: Sequence[ClauseForms], found: Sequence[Found], unwanted: set[Key]
    ) -> _StageResult:
        """Return the conversations that have all clauses, or enough of them in the last stage, best first."""
        weights = [
            ranking.rarity(len(each.keys), self._total) if each.counts or each.titles else 0.0
            for each in found
        ]
        shares = ranking.shares(weights)
        keys = _with_share(found, shares) if stage is Stage.SOME else _with_all(found)
        words = [Evidence(share, each.counts, each.titles) for share, each in zip(shares, found, strict=True)]
        weighed = [
            _Weighed(
                key, each.active_at, each.message_count, ranking.relevance(words, key, each.message_count)
            )
            for key, each in self._conversations.among(keys - unwanted).items()
        ]
        weighed.sort(key=self._order)
        if len(weighed) > 1:
            weighed[:COMPARED] = self._compared(clauses, found, shares, weighed[:COMPARED])
        return _StageResult(stage, clauses, found, shares, weighed)

    def _order(self, each: _Weighed) -> tuple[float, Key]:
        return -ranking.quality(each.relevance, each.active_at, self._now), each.key

    def _compared(
        self,
        clauses: Sequence[ClauseForms],
        found: Sequence[Found],
        shares: Sequence[float],
        weighed: Sequence[_Weighed],
    ) -> list[_Weighed]:
        """Return conversations with what else speaks for them, best first."""
        extras = [*self._near(clauses, found, shares), *self._as_typed(clauses, found, shares)]
        if not extras:
            return list(weighed)
        more = [
            each._replace(relevance=each.relevance + ranking.bonus(extras, each.key, each.length))
            for each in weighed
        ]
        return sorted(more, key=self._order)

    def _near(
        self, clauses: Sequence[ClauseForms], found: Sequence[Found], shares: Sequence[float]
    ) -> Iterator[Evidence]:
        """Yield who has neighbouring clauses close to each other in a message."""
        each = list(zip(clauses, found, shares, strict=True))
        neighbours = [
            (one, other, one_share + other_share)
            for (one, with_one, one_share), (other, with_other, other_share) in pairwise(each)
            if min(len(with_one.counts), len(with_other.counts)) <= MOST_COMPARED
        ][:MOST_NEIGHBOURS]
        total = sum(share for _, _, share in neighbours) or 1.0
        for one, other, share in neighbours:
            yield Evidence(ranking.NEARNESS * share / total, self._finder.near(one, other).counts)

    def _as_typed(
        self, clauses: Sequence[ClauseForms], found: Sequence[Found], shares: Sequence[float]
    ) -> Iterator[Evidence]:
        """Yield who has clauses as they were typed, and not only in another form."""
        for clause, each, share in zip(clauses, found, shares, strict=True):
            if clause.as_typed != clause and len(each.counts) <= MOST_COMPARED:
                typed = self._finder.find(clause.as_typed)
                yield Evidence(ranking.AS_TYPED * share, typed.counts, typed.titles)

    # ---- the best messages ------------------------------------------------------------------------------

    def _in_order(self, result: _StageResult, weighed: Sequence[_Weighed]) -> Iterator[RankedMatch]:
        """Yield matches best first; of the first `RERANKED`, it counts too how close the words are."""
        count = RERANKED if len(result.clauses) > 1 else 0
        yield from sorted(self._matches(result, weighed[:count]), key=lambda match: (-match.score, match.key))
        for at in range(count, len(weighed), AT_ONCE):
            yield from self._matches(result, weighed[at : at + AT_ONCE])

    def _matches(self, result: _StageResult, weighed: Sequence[_Weighed]) -> list[RankedMatch]:
        occurrences = [
            self._occurrences(clause, found, [each.key for each in weighed])
            for clause, found in zip(result.clauses, result.found, strict=True)
        ]
        return [self._match(result, each, occurrences) for each in weighed]

    def _occurrences(self, clause: ClauseForms, found: Found, keys: Sequence[Key]) -> _Occurrences:
        """Return the messages that have a clause, by the profile and the id of their session."""
        sessions: dict[str, list[str]] = defaultdict(list)
        for key in keys:
            if with_clause := found.segments_of(key):  # none in a store that is not searched
                sessions[key[0]] += with_clause
        occurrences: dict[Key, Sequence[Occurrence]] = {}
        for profile, session_ids in sessions.items():
            of_sessions = self._finder.occurrences(profile, clause, session_ids)
            occurrences.update(((profile, each), messages) for each, messages in of_sessions.items())
        return occurrences

    def _match(
        self, result: _StageResult, weighed: _Weighed, occurrences: Sequence[_Occurrences]
    ) -> RankedMatch:
        key, relevance = weighed.key, weighed.relevance
        segment_id, best = _closest(result, key, occurrences)
        if best is not None and len(result.clauses) > 1:
            relevance += ranking.CLOSENESS * best.closeness
        has = [each.has(key) for each in result.found]
        return RankedMatch(
            key,
            segment_id,
            None if best is None else best.occurrence.position,
            all(key in each.titles for each in result.found if each.has(key)),
            ranking.score(result.stage, ranking.quality(relevance, weighed.active_at, self._now)),
            tuple(result.clauses),
            tuple(clause.typed for clause, present in zip(result.clauses, has, strict=True) if not present),
        )


def _closest(
    result: _StageResult, key: Key, occurrences: Sequence[_Occurrences]
) -> tuple[str, Closest | None]:
    """Return the best message of a conversation, and the segment that has it."""
    segments = {segment for each in result.found for segment in each.segments_of(key)}
    best_segment, best = key[1], None
    for segment_id in sorted(segments):
        words = [
            (weight, each.get((key[0], segment_id), ()))
            for weight, each in zip(result.weights, occurrences, strict=True)
        ]
        found = ranking.closest(words)
        if found is not None and (best is None or found.closeness > best.closeness):
            best_segment, best = segment_id, found
    return best_segment, best


def _with_all(found: Sequence[Found]) -> set[Key]:
    """Return the conversations that have every clause."""
    first, *others = sorted(found, key=lambda each: len(each.counts) + len(each.titles))
    return {key for key in first.keys if all(each.has(key) for each in others)}


def _with_share(found: Sequence[Found], shares: Sequence[float]) -> set[Key]:
    """Return the conversations that have clauses of at least `LEAST_SHARE` of the weight of all."""
    sums: dict[Key, float] = defaultdict(float)
    for share, each in zip(shares, found, strict=True):
        for key in each.keys:
            sums[key] += share
    return {key for key, share in sums.items() if share >= ranking.LEAST_SHARE}
