"""Masks credentials in what people and models wrote, unless the web UI's settings turn that off.

Every answer of the API passes through `api.encoding.masked_json`, so that a new field or key is masked too.
The pages mask with the filter `mask`, and the library masks exports and, before it cuts them, snippets.
"""

from collections.abc import Callable, Mapping
from typing import Any

from hermes_sessions.fields import COMPOSED
from hermes_sessions.messages import is_shown_as, mask_all

from .request_context import settings

# Never masked in the entry of a session or of a project: ids, because a masked one leads nowhere; models,
# paths and profiles, because clients send them back, and would store the mask or search for it.
SENT_BACK = frozenset(
    "session_id session_ids parent_session_id project_id segment_id profile workspace model "
    "model_provider".split()
)
_ENTRIES = ("session_id", "project_id")
# Of a session that is opened, `messages` among its keys, neither is what its composer holds: the client fills
# its form with that and saves it back. Lists, which fill no form, mask it.
_OPENED = SENT_BACK | {COMPOSED}
_NONE: frozenset[str] = frozenset()


def masker() -> Callable[[Any], Any]:
    """Return the function that masks a JSON value: `mask_all`, or one that changes nothing."""
    return mask_all if settings().mask_credentials else lambda value: value


def mask_answer(value: Any) -> Any:
    """Return an answer of the API with its credentials masked, but for what clients send back."""
    return mask_all(value, _kept) if settings().mask_credentials else value


def may_be_mask(text: str) -> bool:
    """Whether a text that was sent can be the mask of another one."""
    return settings().mask_credentials and ("***" in text or "..." in text)


def typed(text: str, stored: Callable[[], str | None]) -> str:
    """Return what was sent to replace a stored text, or that text if only its mask came back.

    Clients and forms show the mask, so it is what they send if nobody typed anything else.
    """
    if not may_be_mask(text):
        return text
    known = stored()
    return known if known is not None and is_shown_as(text, known) else text


def _kept(container: Mapping[str, Any]) -> frozenset[str]:
    if not any(name in container for name in _ENTRIES):
        return _NONE
    return _OPENED if "messages" in container else SENT_BACK
