"""One search over all stores: the search index, and the `state.db` of every agent; results in order."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from heapq import nlargest
from itertools import islice, pairwise
from types import TracebackType
from typing import NamedTuple

from sqlalchemy import Connection

from ..agent import Agents, Snapshot
from ..errors import AgentUnavailable
from ..index import ListedConversation, View, database, listed_summaries, lists
from ..messages import Message, read_message
from ..model import Summary
from . import ranking, tables
from .agent_counts import state_of
from .agents import AgentMessages
from .evidence import Conversations, EvidenceFinder, Found, Occurrences
from .forms import ANYTHING, ClauseForms, FormFinder, TermForms, exact_phrase
from .function_words import without_function_words
from .language import Term
from .long_queries import MOST_CLAUSES, telling_clauses
from .numbers import numbers_of
from .ranking import Closest, Evidence, Stage
from .request import SearchRequest
from .roster import Rosters
from .stems import Stemmer
from .stores import AgentStore, Stores, WebMessages
from .tables import WEB_UI, EntryKey

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
    matches; `places` are the segments and numbers of the messages to cite, the best first. `missing` are the
    words that it lacks, as typed, and `clauses` all that were searched.
    """

    key: EntryKey
    segment_id: str
    number: int | None
    in_title: bool
    score: float
    clauses: tuple[ClauseForms, ...]
    missing: tuple[str, ...] = ()
    places: tuple[tuple[str, int], ...] = ()

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
    total: int


class _StageResult(NamedTuple):
    """What a stage found: the clauses, who has each and what it weighs, and the conversations with enough.

    `order` has the conversations, best first; `relevance` is how relevant each is so far.
    """

    stage: Stage
    clauses: Sequence[ClauseForms]
    found: Sequence[Found]
    weights: Sequence[float]
    listed: Mapping[int, ListedConversation]
    relevance: Mapping[int, float]
    order: Sequence[int]


class Sources(NamedTuple):
    """What a search reads: the index of sessions, the search index, the agents, and what is kept of them."""

    sessions: Connection
    search_index: Connection
    agents: Agents
    stemmer: Stemmer
    rosters: Rosters


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
            total = search.count()
        view = view._replace(agents_of=self._request.filters.profile)  # several can have the same id
        with database.errors_of(self._sources.sessions.engine):
            summaries = listed_summaries(
                self._sources.sessions, view, [each.conversation_id for each in matches]
            )
        return RankedPage(matches, summaries, self._agent_messages(matches), total)

    @contextmanager
    def _search(self) -> Iterator[_StagedSearch]:
        with ExitStack() as stack:
            agents = {store.profile: store for store in self._open_agents(stack)}
            stores = Stores(WebMessages(self._sources.search_index), agents)
            search = _StagedSearch(self._sources, self._request, stores)
            yield search
            self.warnings |= dict.fromkeys(map(str, search.failures))
            self.corrections = tuple(search.corrections)

    # ---- the agents -------------------------------------------------------------------------------------

    def _open_agents(self, stack: ExitStack) -> list[AgentStore]:
        """Open the agents to search; note a warning for each that cannot be read."""
        filters = self._request.filters
        stores: list[AgentStore] = []
        # Excluded words must not be in any message, also where titles alone are searched.
        if not filters.agent or not ("content" in self._request.searched_in or self._request.query.excluded):
            return stores
        for agent in self._sources.agents.all():
            if filters.profile not in (None, agent.profile):
                continue
            state, reading = state_of(agent), agent.reading()
            try:
                snapshot = reading.__enter__()
            except AgentUnavailable as error:
                if not error.absent:
                    self.warnings[str(error)] = None
            else:
                stack.push(partial(self._leave_agent, reading))
                stores.append(AgentMessages(agent, state, snapshot, partial(self._warn, agent.label)))
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
        wanted: dict[str, set[int]] = defaultdict(set)
        for match in matches:
            if match.key[0] != WEB_UI and match.number is not None:
                wanted[match.key[0]].update((match.number, *(number for _, number in match.places)))
        messages: dict[tuple[str, int], AgentMessage] = {}
        for profile, message_ids in wanted.items():
            try:
                messages.update(self._messages_of(profile, sorted(message_ids)))
            except AgentUnavailable as error:  # corrupt there, or gone since: its hits are left out
                self.warnings[str(error)] = None
        return messages

    def _messages_of(self, profile: str, message_ids: Sequence[int]) -> dict[tuple[str, int], AgentMessage]:
        with self._sources.agents.of_profile(profile).reading() as snapshot:
            positions = snapshot.positions_of(message_ids)
            return {
                (profile, message_id): AgentMessage(positions[message_id], read_message(message))
                for message_id, message in snapshot.messages_by_id(message_ids).items()
            }


class _StagedSearch:
    """The stages of one search, over stores that are open."""

    def __init__(self, sources: Sources, request: SearchRequest, stores: Stores) -> None:
        self._request, self._sessions = request, sources.sessions
        self._now, self._total = time.time(), tables.count_entries(sources.search_index)
        self._forms = FormFinder(sources.search_index, sources.stemmer)
        self._numbers = numbers_of(sources.search_index)
        roster = sources.rosters.of(sources.sessions, request.filters, self._numbers)
        self._conversations = Conversations(sources.sessions, roster)
        self._finder = EvidenceFinder(sources.search_index, stores, self._conversations, request)
        self.failures = self._finder.failures
        self.corrections: dict[tuple[str, str], None] = {}
        self._yielded: set[int] = set()
        self._counted: int | None = None
        self._words: _StageResult | None = None  # unless the stage after it began
        self._unwanted_numbers: set[int] = set()

    def count(self) -> int:
        """Return how many conversations `ranked` yields in all, also if it was not asked for all of them."""
        if self._counted is not None:
            return self._counted
        if self._words is not None and Stage.PARTS in self._stages_of(len(self._request.query.required)):
            return self._number_with_parts(self._words)
        return len(self._yielded)  # the other stages are for searches that find nothing before

    def _number_with_parts(self, words: _StageResult) -> int:
        """Return how many conversations have the words or longer ones; without ranking, that is soon done."""
        found = [self._finder.find(clause) for clause in self._with_parts(words.clauses)]
        more = _with_all(found) - self._yielded - self._unwanted_numbers
        return len(self._yielded) + len(self._conversations.among(more))

    def ranked(self) -> Iterator[RankedMatch]:
        """Yield each conversation once, best first."""
        if not self._request.query.required and not self._request.messages.is_of_messages:
            yield from self._without_words()
            return
        for result in self._stages():
            new = [key for key in result.order if key not in self._yielded]
            self._yielded.update(new)
            self._words = result if result.stage is Stage.WORDS else None
            yield from self._in_order(result, new)
        self._counted = len(self._yielded)

    def _stages(self) -> Iterator[_StageResult]:
        query = self._request.query
        telling = telling_clauses(query.required, self._forms.frequencies)
        clauses = self._forms.exact(without_function_words(telling))
        if not clauses and self._request.messages.is_of_messages:
            clauses = [ANYTHING]
        unwanted = self._unwanted_numbers = self._unwanted(query.excluded)
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
            found_any = found_any or bool(result.order)
            yield result

    def _without_words(self) -> Iterator[RankedMatch]:
        """Yield the conversations that have none of the excluded words, as lists have them."""
        unwanted_numbers = self._unwanted(self._request.query.excluded)
        unwanted = set(map(self._numbers.key, unwanted_numbers))
        self._counted = self._number_without(unwanted_numbers)
        wanted = (key for key in self._all() if key not in unwanted)
        for place, key in enumerate(wanted):
            yield RankedMatch(key, key[1], None, True, ranking.score(Stage.WORDS, 1 / (2 + place)), ())

    def _number_without(self, unwanted: Set[int]) -> int:
        """Return how many conversations pass the filters and are not unwanted."""
        with database.errors_of(self._sessions.engine):
            number = lists.count(self._sessions, self._request.list_filters)
        return number - len(self._conversations.among(unwanted))

    def _all(self) -> Iterator[EntryKey]:
        """Yield every conversation that passes the filters, in the order of lists."""
        with database.errors_of(self._sessions.engine):
            for each in lists.all_summaries(self._sessions, self._request.list_filters):
                yield (each.profile or "") if each.of_agent else WEB_UI, each.session_id

    def _with_parts(self, clauses: Sequence[ClauseForms]) -> list[ClauseForms]:
        """Return clauses with longer words that contain their terms, but of those that very many have."""
        return self._forms.with_parts(
            clauses, lambda clause: len(self._finder.find(clause).counts) <= MOST_COMPARED
        )

    @staticmethod
    def _stages_of(length: int) -> tuple[Stage, ...]:
        # Of a long query, only words are searched that some text has as they are.
        if length == 0:
            return (Stage.WORDS,)
        return tuple(Stage) if length <= MOST_CLAUSES else (Stage.WORDS, Stage.SOME)

    def _unwanted(self, excluded: Sequence[Term]) -> set[int]:
        clauses = [ClauseForms((TermForms(term, (exact_phrase(term),)),)) for term in excluded]
        return set().union(*map(self._finder.find_anywhere, clauses))

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
        self, stage: Stage, clauses: Sequence[ClauseForms], found: Sequence[Found], unwanted: set[int]
    ) -> _StageResult:
        """Return the conversations that have all clauses, or enough of them in the last stage, best first."""
        self._request.check_wanted()
        weights = [ranking.rarity(len(each.keys), self._total) if each.keys else 0.0 for each in found]
        shares = ranking.shares(weights)
        keys = _with_share(found, shares) if stage is Stage.SOME else _with_all(found)
        words = [Evidence(share, each.counts, each.titles) for share, each in zip(shares, found, strict=True)]
        listed = self._conversations.among(keys - unwanted)
        relevance = ranking.relevance(words, {key: each.message_count for key, each in listed.items()})
        result = _StageResult(stage, clauses, found, shares, listed, relevance, ())
        order = self._in_quality(result, relevance)
        result = result._replace(order=order)
        return self._compared(result) if len(order) > 1 else result

    def _in_quality(self, result: _StageResult, relevance: Mapping[int, float]) -> list[int]:
        """Return conversations, best first; of equal ones in the order of their numbers."""
        active_at = [result.listed[key].active_at for key in relevance]
        quality = ranking.quality(relevance, active_at, self._now)
        return sorted(sorted(quality), key=quality.__getitem__, reverse=True)

    def _compared(self, result: _StageResult) -> _StageResult:
        """Return a result whose first conversations are ordered by what else speaks for them."""
        extras = [*self._near(result), *self._as_typed(result)]
        if not extras:
            return result
        first, rest = result.order[:COMPARED], result.order[COMPARED:]
        lengths = {key: result.listed[key].message_count for key in first}
        more = ranking.bonus(extras, lengths)
        relevance = {key: result.relevance[key] + more[key] for key in first}
        order = [*self._in_quality(result, relevance), *rest]
        return result._replace(relevance={**result.relevance, **relevance}, order=order)

    def _near(self, result: _StageResult) -> Iterator[Evidence]:
        """Yield who has neighbouring clauses close to each other in a message."""
        each = list(zip(result.clauses, result.found, result.weights, strict=True))
        neighbours = [
            (one, other, one_share + other_share)
            for (one, with_one, one_share), (other, with_other, other_share) in pairwise(each)
            if min(len(with_one.counts), len(with_other.counts)) <= MOST_COMPARED
        ][:MOST_NEIGHBOURS]
        total = sum(share for _, _, share in neighbours) or 1.0
        for one, other, share in neighbours:
            yield Evidence(ranking.NEARNESS * share / total, self._finder.near(one, other))

    def _as_typed(self, result: _StageResult) -> Iterator[Evidence]:
        """Yield who has clauses as they were typed, and not only in another form."""
        for clause, each, share in zip(result.clauses, result.found, result.weights, strict=True):
            if clause.as_typed != clause and len(each.counts) <= MOST_COMPARED:
                typed = self._finder.find(clause.as_typed)
                yield Evidence(ranking.AS_TYPED * share, typed.counts, typed.titles)

    # ---- the best messages ------------------------------------------------------------------------------

    def _in_order(self, result: _StageResult, keys: Sequence[int]) -> Iterator[RankedMatch]:
        """Yield matches best first; of the first `RERANKED`, it counts too how close the words are."""
        count = RERANKED if len(result.clauses) > 1 else 0
        yield from sorted(self._matches(result, keys[:count]), key=lambda match: (-match.score, match.key))
        for at in range(count, len(keys), AT_ONCE):
            yield from self._matches(result, keys[at : at + AT_ONCE])

    def _matches(self, result: _StageResult, keys: Sequence[int]) -> list[RankedMatch]:
        self._request.check_wanted()
        occurrences = self._finder.occurrences(result.clauses, keys)
        return [self._match(result, key, occurrences) for key in keys]

    def _match(self, result: _StageResult, number: int, occurrences: Sequence[Occurrences]) -> RankedMatch:
        key, relevance = self._numbers.key(number), result.relevance[number]
        segments = {key[1]}.union(*(self._conversations.segments_with(each, number) for each in result.found))
        nearest = _nearest(result, number, occurrences, segments, max(1, self._request.passages))
        segment_id, best = nearest[0] if nearest else (key[1], None)
        if best is not None and len(result.clauses) > 1:
            relevance += ranking.CLOSENESS * best.closeness
        active_at = result.listed[number].active_at
        quality = ranking.quality({number: relevance}, [active_at], self._now)[number]
        has = [number in each.keys for each in result.found]
        return RankedMatch(
            key,
            segment_id,
            None if best is None else best.occurrence.position,
            all(number in each.titles for each, present in zip(result.found, has, strict=True) if present),
            ranking.score(result.stage, quality),
            tuple(result.clauses),
            tuple(clause.typed for clause, present in zip(result.clauses, has, strict=True) if not present),
            tuple((segment, each.occurrence.position) for segment, each in nearest[: self._request.passages]),
        )


def _nearest(
    result: _StageResult,
    number: int,
    occurrences: Sequence[Occurrences],
    segments: Collection[str],
    count: int,
) -> list[tuple[str, Closest]]:
    """Return the best messages of a conversation's segments, each with the segment that has it."""
    found: list[tuple[str, Closest]] = []
    for segment_id in sorted(segments):
        words = [
            (weight, each.get((number, segment_id), ()))
            for weight, each in zip(result.weights, occurrences, strict=True)
        ]
        found += [(segment_id, each) for each in ranking.closest(words, count)]
    return nlargest(count, found, key=lambda each: each[1].closeness)


def _with_all(found: Sequence[Found]) -> set[int]:
    """Return the conversations that have every clause."""
    first, *others = sorted((each.keys for each in found), key=len)
    return set(first.intersection(*others))


def _with_share(found: Sequence[Found], shares: Sequence[float]) -> set[int]:
    """Return the conversations that have clauses of at least `LEAST_SHARE` of the weight of all."""
    sums: dict[int, float] = defaultdict(float)
    for share, each in zip(shares, found, strict=True):
        for key in each.keys:
            sums[key] += share
    return {key for key, share in sums.items() if share >= ranking.LEAST_SHARE}
