"""The sessions of a project: which they are, and moving all of them at once."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sqlalchemy import Engine

from ..errors import NotFound
from ..index import Freshness, database, lists
from ..metadata import MetadataChange
from ..results import BulkReport, Filters
from .bulk import each_together
from .store import Store


class Home(Protocol):
    """What is used here of an open home."""

    store: Store
    engine: Engine
    freshness: Freshness[Any]


class ProjectMembers:
    """The sessions of the projects of one home, which is looked up for each call: it can be opened anew."""

    def __init__(self, home: Callable[[], Home]) -> None:
        self._home = home

    def of(self, project_id: str) -> list[str]:
        """Return the ids of all sessions of a project, hidden ones too; raise `StorageError`."""
        home = self._home()
        home.freshness.catch_up()
        with database.reading(home.engine) as connection:
            return lists.ids(connection, Filters(project_id=project_id, hidden=True))

    def move(self, session_ids: Sequence[str], before: str | None, after: str | None) -> BulkReport:
        """Move those sessions that are still in the project `before` to `after`; None is no project.

        Sessions that were deleted since are in neither part of the report.
        """
        from .change import update_session  # noqa: PLC0415  # slow to load, and a list needs none of it

        change = MetadataChange({"project_id": after})

        def move(store: Store, session_id: str) -> bool:
            if store.summary(session_id).project_id != before:
                return False
            update_session(store, session_id, change, touch=False)
            return True

        outcomes = each_together(self._home().store, session_ids, move)
        gone = set(outcomes.failed_with(NotFound))
        failed = {each: error for each, error in outcomes.failed.items() if each not in gone}
        return BulkReport.of(outcomes.changed, failed)
