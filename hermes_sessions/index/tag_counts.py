"""Which tags there are, how many conversations have each, and which have one.

Runs portable SQL on a connection that the caller has from `database` or `freshness`.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from ..tag_names import tag_key
from .list_queries import listed_once
from .schema import AGENT_CONVERSATIONS, CONVERSATION_TAGS
from .tags import OF_WEB_UI


class Tagged(NamedTuple):
    """What has tags: a session of the web UI, or a conversation of a profile's agent."""

    profile: str
    session_id: str


def counts(connection: Connection) -> list[tuple[str, int]]:
    """Return each tag and how many conversations have it, the most frequent first."""
    tags, conversations = CONVERSATION_TAGS.c, AGENT_CONVERSATIONS.c
    number = sa.func.count().label("number")
    of_sessions = sa.select(tags.tag, tags.name, number).where(tags.profile == OF_WEB_UI)
    is_same = sa.and_(tags.profile == conversations.profile, tags.session_id == conversations.session_id)
    of_agents = sa.select(tags.tag, tags.name, number).join_from(
        CONVERSATION_TAGS, AGENT_CONVERSATIONS, is_same
    )
    spellings: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for query in (of_sessions, of_agents.where(*listed_once(()))):
        for key, name, count in connection.execute(query.group_by(tags.tag, tags.name)).all():
            spellings[key][name] += count
    found = ((_most_used(names), sum(names.values())) for names in spellings.values())
    return sorted(found, key=lambda each: (-each[1], tag_key(each[0])))


def _most_used(spellings: Mapping[str, int]) -> str:
    return min(spellings, key=lambda name: (-spellings[name], name))


def with_tag(connection: Connection, key: str) -> list[Tagged]:
    """Return every session and conversation with a tag, also those that no list shows."""
    tags = CONVERSATION_TAGS.c
    found = connection.execute(sa.select(tags.profile, tags.session_id).where(tags.tag == key)).all()
    return [Tagged(*row) for row in found]
