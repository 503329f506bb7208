"""The agent's originals of conversations that were imported from a messaging platform.

People go on writing there, so the agent often has messages that the session's file lacks.
"""

from contextlib import suppress
from dataclasses import replace

from ..errors import AgentUnavailable, NotFound
from ..home import OpenHome
from ..message_range import MessageRange
from ..model import Metadata, Summary
from ..results import MessagePage
from ..sources import Source

SHORTENED = "intentional_shrink_generation"  # a key of the file: somebody removed messages on purpose


def can_have_more(session: Metadata) -> bool:
    """Whether a session can be an imported messaging conversation, and nobody removed messages here.

    Early imports do not say where they come from.
    """
    is_imported = session.source is Source.MESSAGING or (session.is_cli_session and not session.source_tag)
    return is_imported and not session.extra.get(SHORTENED)


def longer_original(home: OpenHome, session: Metadata, message_count: int) -> Summary | None:
    """Return the agent's original of a session if it has more messages, None if it has not."""
    if not can_have_more(session):
        return None
    with suppress(AgentUnavailable, NotFound), home.agents.reading_mirrors() as connection:
        original = home.agents.summary_of_original(connection, session.session_id)
        # Its own count may be of other rows.
        counted = home.agents.page(connection, original, MessageRange(limit=0)).total
        if original.source is Source.MESSAGING and counted > message_count:
            return replace(original, message_count=counted)
    return None


def original_page(home: OpenHome, original: Summary, wanted: MessageRange) -> MessagePage:
    """Return some messages of an original; raise `AgentUnavailable`."""
    with home.agents.reading_mirrors() as connection:
        return home.agents.page(connection, original, wanted)
