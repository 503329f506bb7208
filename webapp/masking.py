"""Masks credentials in what people and models wrote, unless the web UI's settings turn that off."""

from collections.abc import Callable
from typing import Any

from hermes_sessions.messages import mask_all, may_hold_credential

from .request_context import settings

# The keys of a session that hold such text. Ids, paths and models are never masked: clients send them back.
WRITTEN_KEYS = (
    "title",
    "parent_title",
    "pending_user_message",
    "pending_attachments",
    "messages",
    "tool_calls",
    "composer_draft",
    "compression_anchor_summary",
)


def masker() -> Callable[[Any], Any]:
    """Return the function that masks a JSON value: `mask_all`, or one that changes nothing."""
    return mask_all if settings().mask_credentials else lambda value: value


def mask_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON object of a session with the values of `WRITTEN_KEYS` masked."""
    return mask_entries([entry])[0]


def mask_entries(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the JSON objects of several sessions, each as `mask_entry` returns it."""
    if not settings().mask_credentials:
        return entries
    written = [(place, key) for place, entry in enumerate(entries) for key in WRITTEN_KEYS if entry.get(key)]
    values = [entries[place][key] for place, key in written]
    texts = [value for value in values if isinstance(value, str)]
    # One question about all texts of a page of 50 sessions saves 100 calls: most pages hold no credential.
    if len(texts) == len(values) and not may_hold_credential("\n".join(texts)):
        return entries
    masked = mask_all(values)
    if masked == values:
        return entries
    copies = [entry.copy() for entry in entries]
    for (place, key), value in zip(written, masked, strict=True):
        copies[place][key] = value
    return copies
