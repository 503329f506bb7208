"""One change to one session: its file, then its row; and projects."""

from typing import TYPE_CHECKING

from ..loading import load_on_use

if TYPE_CHECKING:
    from .adopting import (
        agent_share,
        delete_everywhere,
        delete_here,
        held_by_agent,
        import_agent_session,
        refuse_agent_session,
        take_import_away,
    )
    from .bulk import Outcomes, each_alone, each_together
    from .change import (
        append_messages,
        clear_session,
        remove_last_turn,
        truncate_session,
        update_session,
        would_update,
    )
    from .composing import read_composed, save_composed
    from .create import duplicate_session, fork_session, import_documents, new_session
    from .expiry import erase, expired, purge
    from .leftovers import Leftovers, find_leftovers, has_unreadable_folder, settle_leftovers
    from .lost import LostUpdates
    from .members import ProjectMembers
    from .pages import message_reader, read_page
    from .projects import Projects
    from .restore import delete_empty_sessions, restore_deleted_session, restore_session
    from .reversing import earlier_tags, earlier_values
    from .save import recover_session, save_session
    from .store import Store, after_the_file, checked_metadata, session_without_messages
    from .tags import TagChange, TagStore, TagTarget
    from .undoing import change_to_undo, undo_change

__all__ = [
    "Leftovers",
    "LostUpdates",
    "Outcomes",
    "ProjectMembers",
    "Projects",
    "Store",
    "TagChange",
    "TagStore",
    "TagTarget",
    "after_the_file",
    "agent_share",
    "append_messages",
    "change_to_undo",
    "checked_metadata",
    "clear_session",
    "delete_empty_sessions",
    "delete_everywhere",
    "delete_here",
    "duplicate_session",
    "each_alone",
    "each_together",
    "earlier_tags",
    "earlier_values",
    "erase",
    "expired",
    "find_leftovers",
    "fork_session",
    "has_unreadable_folder",
    "held_by_agent",
    "import_agent_session",
    "import_documents",
    "message_reader",
    "new_session",
    "purge",
    "read_composed",
    "read_page",
    "recover_session",
    "refuse_agent_session",
    "remove_last_turn",
    "restore_deleted_session",
    "restore_session",
    "save_composed",
    "save_session",
    "session_without_messages",
    "settle_leftovers",
    "take_import_away",
    "truncate_session",
    "undo_change",
    "update_session",
    "would_update",
]

_NAMES = {
    "adopting": "agent_share delete_everywhere delete_here held_by_agent import_agent_session "
    "refuse_agent_session take_import_away",
    "bulk": "Outcomes each_alone each_together",
    "change": "append_messages clear_session remove_last_turn truncate_session update_session would_update",
    "composing": "read_composed save_composed",
    "create": "duplicate_session fork_session import_documents new_session",
    "leftovers": "Leftovers has_unreadable_folder find_leftovers settle_leftovers",
    "lost": "LostUpdates",
    "pages": "message_reader read_page",
    "members": "ProjectMembers",
    "projects": "Projects",
    "expiry": "erase expired purge",
    "reversing": "earlier_tags earlier_values",
    "restore": "delete_empty_sessions restore_deleted_session restore_session",
    "save": "recover_session save_session",
    "store": "Store after_the_file checked_metadata session_without_messages",
    "tags": "TagChange TagStore TagTarget",
    "undoing": "change_to_undo undo_change",
}
if not TYPE_CHECKING:  # type checkers would accept any name
    __getattr__ = load_on_use(__name__, _NAMES)
