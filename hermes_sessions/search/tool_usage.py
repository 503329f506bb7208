"""How often tools were called, and how often they failed, in the search index and in agents' files.

A call counts by its answer; a tool of which no answer is there counts by the messages that call it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from ..agent import Agents
from ..errors import AgentUnavailable
from ..index import database
from ..results import Filters, Usage
from . import agents as agent_tables
from .indexed_text import Feature, tool_key
from .numbers import numbers_of
from .roster import Roster, Rosters
from .tables import SEQUENCE_BITS

_OF_WEB = (
    f"SELECT t.tool, t.number >> {SEQUENCE_BITS}, sum(m.role = 'tool'), sum(m.role <> 'tool'), "  # noqa: S608
    f"sum(m.role = 'tool' AND m.features & {int(Feature.ERROR)}) "
    "FROM tools AS t CROSS JOIN messages AS m ON m.number = t.number GROUP BY 1, 2"
)


class _Calls(NamedTuple):
    """The calls of a tool in one conversation, given by its number."""

    tool: str
    conversation: int
    calls: int
    failed: int


class ToolSources(NamedTuple):
    """What is read: the index of sessions, the search index, the agents, and what lists show."""

    sessions: Connection
    search_index: Connection
    agents: Agents
    rosters: Rosters


def tool_usage(sources: ToolSources, filters: Filters) -> list[Usage]:
    """Return the calls of each tool in the conversations that match, the most called first.

    Raises `StorageError`, and `AgentUnavailable` for an agent that is there and cannot be read.
    """
    numbers = numbers_of(sources.search_index)
    roster = sources.rosters.of(sources.sessions, filters, numbers)
    found = list(_of_web(sources, roster))
    if filters.agent:
        found += _of_agents(sources, roster)
    by_tool: dict[str, list[_Calls]] = defaultdict(list)
    for each in found:
        by_tool[each.tool].append(each)
    sums = [_usage(tool, calls) for tool, calls in by_tool.items()]
    return sorted(sums, key=lambda each: (-(each.calls or 0), each.key or ""))


def _usage(tool: str, calls: list[_Calls]) -> Usage:
    return Usage(
        key=tool,
        sessions=len({each.conversation for each in calls}),
        messages=0,
        input_tokens=0,
        output_tokens=0,
        estimated_cost=None,
        priced=0,
        keys=(tool,),
        calls=sum(each.calls for each in calls),
        failed_calls=sum(each.failed for each in calls),
    )


def _of_web(sources: ToolSources, roster: Roster) -> Iterator[_Calls]:
    rows = database.raw_rows(sources.search_index, _OF_WEB)
    listed = roster.among(sources.sessions, {conversation for _, conversation, *_ in rows})
    for tool, conversation, answers, callers, failed in rows:
        if conversation in listed:
            yield _Calls(tool, conversation, answers or callers, failed)


def _of_agents(sources: ToolSources, roster: Roster) -> Iterator[_Calls]:
    for agent in sources.agents.all():
        try:
            with agent.reading() as snapshot:
                rows = agent_tables.count_tools(snapshot)
        except AgentUnavailable as error:
            if error.absent:
                continue
            raise  # sums without it would be too small, and nothing would say so
        yield from _listed(sources, roster, agent.profile, rows)


def _listed(
    sources: ToolSources, roster: Roster, profile: str, rows: Mapping[tuple[str, str], tuple[int, int]]
) -> Iterator[_Calls]:
    of_segments = roster.of_segments(sources.sessions, profile, {segment for segment, _ in rows})
    for (segment, tool), (calls, failed) in rows.items():
        if (conversation := of_segments[segment]) is not None:
            yield _Calls(tool_key(tool), conversation, calls, failed)
