"""Keeps the HTML of texts that were rendered before: a page that is opened again costs no second rendering.

A text is found by its hash, so nothing here can become outdated: another text is another entry.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

from markupsafe import Markup

MOST_CHARACTERS = 4_000_000  # of HTML, of all texts together


class RenderedText(NamedTuple):
    """The HTML of a text, and the steps that rendering it took, in their order.

    `is_complete` says that no code was left in one colour for want of time.
    """

    html: Markup
    steps: tuple[int, ...]
    is_complete: bool = True


class RenderedTexts:
    """The texts that were used last, up to a number of characters; safe for threads."""

    def __init__(self, most: int = MOST_CHARACTERS) -> None:
        self._most = most
        self._size = 0
        self._texts: OrderedDict[bytes, RenderedText] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes) -> RenderedText | None:
        """Return what was kept for a key of `key_of`, None if it was not kept or dropped since."""
        with self._lock:
            found = self._texts.get(key)
            if found is not None:
                self._texts.move_to_end(key)
            return found

    def keep(self, key: bytes, rendered: RenderedText) -> None:
        """Keep a complete text, and drop those that were used longest ago."""
        if not rendered.is_complete:
            return
        with self._lock:
            old = self._texts.pop(key, None)
            self._size += len(rendered.html) - (len(old.html) if old else 0)
            self._texts[key] = rendered
            while self._size > self._most:
                self._size -= len(self._texts.popitem(last=False)[1].html)


def key_of(text: str, pictures: Sequence[str]) -> bytes:
    """Return the hash of all that the HTML of a text depends on."""
    whole = "\0".join((str(len(text)), text, *pictures))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).digest()
