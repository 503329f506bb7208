"""Addresses of pages. Those of pages beside the sidebar keep its filters."""

from collections.abc import Mapping

from flask import g, request

from hermes_sessions.hits import Hit, Passage

from .addresses import address
from .list_filters import FURTHER, unreadable_filters

FILTERS = ("profile", "project_id", "source", *FURTHER)


def search_text() -> str:
    """Return what the request searches for in all conversations."""
    return request.args.get("q", "").strip()


def kept_filters() -> Mapping[str, str]:
    """Return the filters of the request's query, and the order, which are read once for each request.

    Those that cannot be read are left out: a link would lead to the same error.
    """
    known: Mapping[str, str] | None = g.get("kept_filters")
    if known is None:
        unreadable = unreadable_filters()
        names = (name for name in (*FILTERS, "archived", "sort") if name not in unreadable)
        given = {name: request.args.get(name) for name in names}
        given["q"] = search_text()
        known = g.kept_filters = {name: value for name, value in given.items() if value}
    return known


def is_filtered() -> bool:
    """Whether the request asks for fewer conversations than the active ones; a search is no filter."""
    return any(
        name not in ("q", "sort") and (name, value) != ("archived", "0")
        for name, value in kept_filters().items()
    )


def list_link(**changes: str | None) -> str:
    """Return the address of the list's first page with the request's filters, changed; None removes one."""
    return beside("pages.list.show", **changes)


def beside(endpoint: str, **values: str | int | None) -> str:
    """Return the address of a page or a form that keeps the request's filters in the sidebar."""
    return address(endpoint, **{**kept_filters(), **values})


def session_link(session_id: str, **values: str | int | None) -> str:
    """Return the address of a conversation."""
    return beside("pages.conversation.show", session_id=session_id, **values)


def hit_link(hit: Hit) -> str:
    """Return the address of the message that matches, or of the conversation if its title matches."""
    if hit.message_index is None:
        return session_link(hit.session_id)
    return _message_link(hit.segment_id, hit.message_index)


def passage_link(passage: Passage) -> str:
    """Return the address of a message that matches."""
    return _message_link(passage.segment_id, passage.message_index)


def _message_link(segment_id: str, index: int) -> str:
    return session_link(segment_id, at=index, find=search_text(), _anchor=f"m{index}")
