"""The calls that find conversations by what people call them: part of an id, a title, a query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple, Unpack, get_args

from .. import fields, naming, search
from ..errors import AgentUnavailable, InvalidId, InvalidValue, NotFound, SessionsError
from ..index import LARGEST_PAGE, listed_summaries, named
from ..messages import mask
from ..model import Summary
from ..results import FilterFields, Filters, Page, Sort, combined_filters
from ..sidecars import trash
from .base import HomeCalls

EVERY_AGENT = Filters(agent=True)


class NamedSessions(NamedTuple):
    """Conversations that were named, each once, and why others were not found, by what they were called."""

    summaries: tuple[Summary, ...]
    errors: Mapping[str, SessionsError]


class ChoosingCalls(HomeCalls):
    """The calls that find conversations by what people call them."""

    def find(self, text: str) -> Summary:
        """Return the conversation with this id, else the only one whose id begins so or that is titled so.

        The beginning of an id has at least four characters; a title is compared exactly. Conversations of the
        web UI and of the agents are found. Raises `InvalidValue`, which names them, for several, `NotFound`
        for none, `Unreadable`, `StorageError`, `AgentUnavailable`.
        """
        if not fields.check_bindable("text", text):
            raise InvalidValue("say which session: its id, the beginning of its id, or its title")
        try:
            return self._home.listed_summary(text)
        except (NotFound, InvalidId, AgentUnavailable) as error:
            titles = self._titles_of(text)
            if not titles and not isinstance(error, InvalidId):
                raise
        return self._home.listed_summary(naming.only_one(text, titles))

    def _titles_of(self, text: str) -> dict[str, str]:
        """Return the titles, masked, of the conversations that are called so, by id."""
        home = self._home
        with home.freshness.current() as index:
            ids = named.candidates(index.connection, text)
            known = listed_summaries(index.connection, home.view(Filters()), ids)
        titles = {key: each.title for key, each in known.items()}
        return {key: mask(title) for key, title in titles.items() if naming.is_named(text, key, title)}

    def find_many(self, texts: Iterable[str]) -> NamedSessions:
        """Return the conversations that are called so, as `find` returns one; one failure stops no other."""
        known, failed = self._home.chosen(list(texts))
        found = {each.session_id: each for each in known}
        errors: dict[str, SessionsError] = {}
        for text, error in failed.items():
            if not isinstance(error, (NotFound, InvalidId, AgentUnavailable)):
                errors[text] = error
                continue
            try:
                one = self.find(text)
                found[one.session_id] = one
            except SessionsError as reason:
                errors[text] = reason
        return NamedSessions(tuple(found.values()), errors)

    def find_deleted(self, text: str) -> str:
        """Return the id of the only session in the trash that is called so, else of one that is not there.

        The names are those of `find`; raises as that.
        """
        if fields.is_id(text) and trash.newest(text, self.config.trash_dir) is not None:
            return text
        entries = map(trash.describe, trash.entries(self.config.trash_dir))
        deleted = {each.session_id: each.title for each in entries}
        titles = {key: mask(title) for key, title in deleted.items() if naming.is_named(text, key, title)}
        return naming.only_one(text, titles) if titles else self.find(text).session_id

    def matching(
        self, query: str, filters: Filters | None = None, **keywords: Unpack[FilterFields]
    ) -> Page[Summary]:
        """Return all conversations that fulfil a query, the most relevant first, for a change of them all.

        They are those of `search` that have all the words as they are typed: nothing is found for words that
        were corrected. The warnings say so, and what could not be searched. A query of operators alone lists.
        Call `complete_search` first, or sessions that are not indexed yet are missing. The filters and the
        errors are those of `search`; raises `InvalidValue` for an empty query.
        """
        chosen = combined_filters(filters, keywords, default=EVERY_AGENT, call=self.matching)
        within = search.message_filter(None, chosen.since, chosen.until, None)
        request = search.search_request(query, "all", replace(chosen, since=None, until=None), within)
        if request.is_empty:
            raise InvalidValue(
                "an empty query chooses nothing: say which sessions, for example before:2026-01"
            )
        hits = self._home.search(request, True, 0, LARGEST_PAGE)
        exact = [] if hits.corrections else [hit.summary for hit in hits if not hit.missing]
        corrected = (f"Nothing has {typed}. Did you mean {found}?" for typed, found in hits.corrections)
        unread = [f"{hits.missing} sessions could not be searched."] if hits.missing else []
        return Page(exact, None, len(exact), (*corrected, *unread, *hits.warnings))

    def cursor_after(self, session_id: str, *, sort: Sort = "activity") -> str:
        """Return the cursor with which `list` continues, in this order, after where a conversation is now.

        Raises `NotFound` if no list has it, `InvalidValue` for the order, `StorageError`.
        """
        fields.check_choice("sort", sort, get_args(Sort))
        with self._home.freshness.current() as index:
            cursor = named.cursor_after(index.connection, fields.check_id(session_id), sort)
        if cursor is None:
            raise NotFound(f"no session {session_id} in lists")
        return cursor
