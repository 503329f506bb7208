"""The value of the change feed: which conversations changed since an earlier moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class Pause(NamedTuple):
    """For how many seconds to wait before the next look for changes."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Changes:
    """The ids of conversations that lists show otherwise than at an earlier moment, the latest last.

    `changed` are new or different: `summary` returns each as it is now. No list shows those `removed`.
    `token` names this moment, for the next question. Unless `complete`, more may have changed than is known,
    and the list is to be read again.
    """

    token: str
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    complete: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON, by name."""
        ids = {"changed": list(self.changed), "removed": list(self.removed)}
        return {"token": self.token, **ids, "complete": self.complete}
