"""The calls that read: lists, searches, sums, and one session."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar, Unpack, cast, get_args

from .. import fields, hits, messages, results, search
from ..errors import InvalidValue
from ..index import Entries, Progress, usage
from ..message_range import MessageRange
from ..model import Session, Summary
from ..query_help import Suggestions
from ..results import FilterFields, Filters, combined_filters
from ..sums import Sums
from .base import HomeCalls

EVERYTHING = Filters(agent=True, hidden=True)
T = TypeVar("T")
MOST_PASSAGES = 20  # of one conversation


class ListingQuery(NamedTuple):
    """The filters that a query of operators stands for; `warnings` say what it names that there is not."""

    filters: Filters
    warnings: tuple[str, ...] = ()


class ReadingCalls(HomeCalls):
    """The calls that read conversations, of the web UI and of the agents."""

    # ---- lists ------------------------------------------------------------------------------------------

    def list(
        self,
        filters: Filters | None = None,
        *,
        sort: results.Sort = "activity",
        limit: int | None = None,
        cursor: str | None = None,
        unless: Callable[[str], bool] | None = None,
        **keywords: Unpack[FilterFields],
    ) -> results.Page[Summary]:
        """Return the conversations that match, pinned ones first, then by latest activity.

        Another `sort` is `created` (the newest first), `title` (in alphabetical order, whatever the case and
        the accents), `messages` or `cost` (the most first), or `latest` (by activity, like the usual order);
        pinned ones are then among the others.
        `filters` are given as a `Filters`, as keywords of the same names, or as both: a keyword replaces the
        field of `filters`. `limit` is the most to return (None: all); `cursor` is the `next_cursor` of the
        page before. If `unless(version)` is true for the index's version, the page is empty and `unchanged`.
        An agent that cannot be read is among the page's warnings. Raises `InvalidValue`, `StorageError`.
        """
        chosen = combined_filters(filters, keywords, call=self.list)
        return self._home.page(chosen, limit, cursor, unless, sort)

    def entries(
        self,
        make: Callable[[Entries], T],
        filters: Filters | None = None,
        *,
        sort: results.Sort = "activity",
        limit: int | None = None,
        cursor: str | None = None,
        unless: Callable[[str], bool] | None = None,
        active_streams: Collection[str] = (),
        **keywords: Unpack[FilterFields],
    ) -> results.Page[T]:
        """Return a page of what `make` returns for the list entries, of which it gets some hundred at a time.

        The entries equal `Summary.as_dict(active_streams)` of the summaries in `list`, and are made in a
        third of the time; `make` may change and keep them. It is called while the index is being read, so it
        should only compute. The other arguments and the errors are those of `list`.
        """
        request = self._home.list_request(
            combined_filters(filters, keywords, call=self.entries), limit, cursor, sort
        )
        with self._home.freshness.current() as index:
            page = self._home.lists.entries(index, request, unless, make, active_streams)
        return self._home.explained(page, request.filters)

    def count(self, filters: Filters | None = None, **keywords: Unpack[FilterFields]) -> int:
        """Return how many conversations `list` returns for the same filters; errors as of `list`."""
        chosen = combined_filters(filters, keywords, call=self.count)
        with self._home.freshness.current() as index:
            return self._home.lists.count(index, chosen)

    def facets(self, *, agent: bool = False, version: str | None = None) -> results.Facets:
        """Return how many conversations each project, tag and state has, counted together.

        `agent` adds the agents' conversations. Each number is that of `count` with that filter and
        `archived=False`; only `archived` is that with `archived=True`. With the `version` of a page of a
        list that was just read, counts that are known of it are not checked again. Raises `StorageError`.
        """
        fields.check_flag("agent", agent)
        if version and (known := self._home.lists.known_facets(version, agent)):
            return known
        with self._home.freshness.current() as index:
            return self._home.lists.facets(index, agent)

    def usage(
        self,
        *,
        by: results.UsageBy | Sequence[results.UsageBy] = "day",
        filters: Filters | None = None,
        **keywords: Unpack[FilterFields],
    ) -> Sums:
        """Return sums of sessions, messages, tokens and cost, with warnings about what could not be read.

        `by` is one of `day week month model source project profile tag`, or two of them for the sums of
        each pair, such as `["project", "week"]`; or `tool`, for its calls and the failed ones among them.
        Those are read from the search index, which is completed first. The conversations are those that
        `list` returns for the same filters; without filters all of them, since hidden ones cost money
        too. Each counts whole, on the local day of its last activity, and for each of its tags. Days,
        weeks and months come in order, other keys by their tokens, the most first. Raises `InvalidValue`,
        `StorageError`, and for tools `AgentUnavailable`.
        """
        chosen = combined_filters(filters, keywords, default=EVERYTHING, call=self.usage)
        keys = fields.check_one_or_two("by", by, get_args(results.UsageBy))
        if "tool" in keys and len(keys) > 1:
            raise InvalidValue("by must be tool alone: its calls cannot be divided by another key")
        with self._home.freshness.current() as index:
            warnings = index.unread(agents=bool(chosen.agent))
            columns = cast(Sequence[results.UsageBy], keys)
            sums = None if "tool" in keys else usage.usage(index.connection, chosen, columns)
        if sums is None:  # the search index has those of tools
            sums = self._home.searcher.tool_usage(chosen)
        return Sums(sums, warnings if sums else (*warnings, *self._home.reasons_for_none(chosen)))

    def usage_total(self, filters: Filters | None = None, **keywords: Unpack[FilterFields]) -> results.Usage:
        """Return the sums over all conversations that `usage` is about, each once; errors as of `usage`."""
        chosen = combined_filters(filters, keywords, default=EVERYTHING, call=self.usage_total)
        with self._home.freshness.current() as index:
            return usage.total(index.connection, chosen)

    def version(self) -> str:
        """Return an opaque text that changes whenever a list could have changed; raise `StorageError`."""
        return self._home.freshness.version()

    # ---- searching ----------------------------------------------------------------------------------------

    def search(
        self,
        text: str,
        *,
        filters: Filters | None = None,
        limit: int = 20,
        offset: int = 0,
        scope: hits.Scope = "all",
        role: str | None = None,
        depth: int | None = None,
        redact: bool = True,
        passages: int = 0,
        is_wanted: Callable[[], bool] | None = None,
        wait: float = 0.0,
        **keywords: Unpack[FilterFields],
    ) -> hits.Hits:
        """Return the conversations that contain these words, one hit for each, the best first.

        Any text is a query: words, "phrases", `-without`, `begin*`, parts of identifiers, scripts without
        spaces. `scope` searches titles, messages or both. The filters are those of `list`, but include the
        agents' conversations unless they are given. Of the messages that match, `since` and `until` limit
        the times, `role` the role, and `depth` how far into a session they are; the times of a title are
        those of the last activity. `passages` is how many messages of each conversation the hits cite.
        Credentials are masked unless `redact=False`. `is_wanted()` is asked between the steps of a search:
        once it returns False, the search ends with a warning and no hits. While the search index lacks
        messages, the search waits for up to `wait` seconds; `Hits.missing` counts the conversations that are
        not searched even then. Raises `InvalidValue`, `StorageError`.
        """
        chosen = combined_filters(filters, keywords, default=Filters(agent=True), call=self.search)
        within = search.message_filter(role, chosen.since, chosen.until, depth)
        request = search.search_request(text, scope, replace(chosen, since=None, until=None), within)
        request = request._replace(
            passages=fields.check_whole("passages", passages, 0, MOST_PASSAGES),
            wait=fields.check_amount("wait", wait),
        )
        if is_wanted is not None:
            request = request._replace(is_wanted=is_wanted)
        return self._home.search(request, redact, offset, limit)

    def listing_of(self, text: str, filters: Filters) -> ListingQuery | None:
        """Return what a query of operators alone lists; None if it has words, or is about single messages.

        Raises `InvalidValue`, `StorageError`.
        """
        within = search.message_filter(None, filters.since, filters.until, None)
        request = search.search_request(text, "all", replace(filters, since=None, until=None), within)
        if request.is_empty:
            return None
        request = search.narrow(request, self._home.known_names)
        return ListingQuery(request.list_filters, request.warnings) if request.is_list else None

    def suggest(self, text: str, at: int | None = None, *, redact: bool = True) -> Suggestions:
        """Return what may be typed at a position of a query: operators, and the values that a home has.

        `at` counts characters; None is the end. Values with credentials are left out unless `redact=False`.
        Raises `InvalidValue`, `Unreadable` if the projects cannot be read, `StorageError`.
        """
        at = len(text) if at is None else min(fields.check_whole("at", at), len(text))
        found = search.suggest(text, at, self._home.known_names, time.time())
        if not redact:
            return found
        return found._replace(
            items=tuple(each for each in found.items if messages.mask(each.text) == each.text)
        )

    def complete_search(self, *, progress: Progress | None = None) -> int:
        """Index every message now, not in the background; return how many sessions could not be read.

        `progress(done, total)` counts sessions. Raises `StorageError`.
        """
        self._home.freshness.refresh()
        return self._home.searcher.complete(progress)

    # ---- one session ------------------------------------------------------------------------------------

    def summary(self, session_id: str) -> Summary:
        """Return a session without its messages, the web UI's or an agent's, as lists show it.

        Raises `NotFound`, `InvalidId`, `Unreadable`, `StorageError`, `AgentUnavailable`.
        """
        return self._home.listed_summary(session_id)

    def get(self, session_id: str) -> Session:
        """Return a whole session, the web UI's or an agent's; raises as `summary`."""
        return self._home.session(session_id)

    def messages(
        self,
        session_id: str,
        *,
        before: int | None = None,
        limit: int | None = None,
        after: int | None = None,
    ) -> results.MessagePage:
        """Return the last `limit` messages before index `before`; None is no limit, and the end.

        With `after`, return the first `limit` messages from this index on instead, and before `before` if
        both are given. A page goes on with `after=page.end` and goes back with `before=page.offset`. Reads
        little more than these messages from the file. Raises as `summary`, and `InvalidValue`.
        """
        return self._home.messages(session_id, MessageRange(before, limit, after).checked())

    def segments(self, session_id: str) -> Sequence[str]:
        """Return the ids of the agent's segments of a conversation, oldest first; none for fewer than two."""
        return self._home.segments(fields.check_bindable("session_id", session_id))

    def export(self, session_id: str, format: results.ExportFormat = "json", *, redact: bool = True) -> str:
        """Return a session as text, with credentials masked unless `redact=False`.

        ``"json"`` has every key of the sidecar, as `import_document` takes it; ``"html"`` is one file that
        loads nothing and runs nothing. Raises as `summary`, `InvalidValue`, and `SessionsError` for HTML if
        the libraries of the extra ``web`` are missing.
        """
        fields.check_choice("format", format, get_args(results.ExportFormat))
        return messages.export_session(self.get(session_id), format, redact)
