"""What an answer depends on, as one value made from the versions of files and of the index."""

import time
from collections.abc import Iterable

from .. import files
from ..agent import FileVersions
from ..home import OpenHome
from ..index import tag_sync
from ..results import Filters
from ..sidecars import signature

EVERYTHING = Filters(agent=True)
MINUTE_NS = 60_000_000_000


def of_lists(home: OpenHome) -> object:
    """Return what differs once a list does; None unless the index was found current a moment ago."""
    observed = home.freshness.current_state()
    return None if observed is None else (observed, home.view(EVERYTHING))


def of_searches(home: OpenHome) -> object:
    """Return what differs once the answer to a search does; None if a change could leave no sign now.

    Brings the index up to date first, which takes a hundredth of the time of a search.
    """
    now = time.time_ns()
    observed = home.freshness.current_state()
    if observed is None:
        home.freshness.refresh()
        observed = home.freshness.current_state()
    if observed is None:
        return None
    if not _show_all_commits(observed.outside.agents.values(), now):
        return None
    # A minute later, results may be in another order, and words such as `today` mean another time.
    return (observed, home.view(EVERYTHING), signature(home.config.projects_file), now // MINUTE_NS)


def of_session(home: OpenHome, session_id: str) -> object:
    """Return what differs once a session or its messages do; None if a change could leave no sign now.

    A session is read from its file or from its agent's, whether or not the index is current.
    """
    now, version = time.time_ns(), signature(home.store.path_of(session_id))
    observed = home.freshness.observe()
    if observed is None:
        return None
    outside = observed.outside
    of_folders = (outside.folder_time, outside.trash_time, tag_sync.modified_at(outside.tags_version))
    of_file = () if version is None else (version.mtime_ns,)
    if not (_are_settled((*of_file, *of_folders), now) and _show_all_commits(outside.agents.values(), now)):
        return None
    return (version, observed, home.view(EVERYTHING))


def _show_all_commits(agents: Iterable[FileVersions], now: int) -> bool:
    return all(each.show_all_commits(now) for each in agents)


def _are_settled(times: Iterable[int | None], now: int) -> bool:
    return all(each is not None and files.is_settled(each, now) for each in times)
