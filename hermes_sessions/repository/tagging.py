"""The calls about tags: which there are, and which a conversation has."""

from __future__ import annotations

from ..changes import TagChange
from ..model import Summary
from ..tag_names import check_tags, tag_key
from .base import HomeCalls


class TaggingCalls(HomeCalls):
    """The calls about tags of conversations, of the web UI and of the agents."""

    def tags(self) -> dict[str, int]:
        """Return how many conversations have each tag, by its name, the most frequent first.

        These are the conversations of `list(tag=..., agent=True, hidden=True)`. Raises `StorageError`.
        """
        return self._home.tag_counts()

    def tag(self, session_id: str, *names: str) -> Summary:
        """Add tags to a conversation, the web UI's or an agent's, without changing its file or its time.

        A `#` before a name is left out, and `work` is the same tag as `Work`: the spelling in use is kept. A
        name has 1 to 50 characters on one line, no comma, and no `-` at its beginning. A conversation can
        have 100 tags. Raises `InvalidValue`, `Unreadable` if tags.json is damaged, and as `summary`.
        """
        return self._home.tag(session_id, TagChange(add=check_tags(names)))

    def untag(self, session_id: str, *names: str) -> Summary:
        """Remove tags from a conversation; those that it does not have are ignored.

        Raises as `tag`, and `InvalidValue` for a tag that stands in the title, as a word with `#` before it.
        """
        return self._home.tag(session_id, TagChange(remove=frozenset(map(tag_key, check_tags(names)))))
