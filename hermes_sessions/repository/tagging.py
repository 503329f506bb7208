"""The calls about tags: which there are, and which a conversation has."""

from __future__ import annotations

from collections.abc import Sequence

from ..changes import TagChange
from ..home import Chosen
from ..index import Progress
from ..model import Summary
from ..results import BulkReport
from ..tag_names import check_tag, check_tags, tag_key
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

    def tag_many(
        self,
        chosen: Chosen,
        *names: str,
        order: Sequence[str] = (),
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> BulkReport:
        """Add tags to many conversations, with one write of tags.json.

        `chosen` are their ids, or `Filters`. A tag comes before those that come after it in `order`, else
        last. `progress(done, total)` counts conversations. With `dry_run` nothing is changed. One that is
        unknown, or would have too many tags, is reported, and does not stop the others. Raises as `tag`.
        """
        change = TagChange(add=check_tags(names), order=check_tags(order))
        return self._home.tag_many(chosen, change, progress, dry_run=dry_run)

    def untag_many(
        self, chosen: Chosen, *names: str, dry_run: bool = False, progress: Progress | None = None
    ) -> BulkReport:
        """Remove tags from many conversations; the arguments are those of `tag_many`.

        A conversation in whose title one of the tags stands is reported, and keeps all of them.
        """
        change = TagChange(remove=frozenset(map(tag_key, check_tags(names))))
        return self._home.tag_many(chosen, change, progress, dry_run=dry_run)

    def rename_tag(self, old: str, new: str) -> BulkReport:
        """Give a tag another name everywhere, also in the trash; if there is one of that name, merge them.

        Conversations in whose titles it stands keep it there, and are reported. Raises as `tag`.
        """
        return self._home.replace_tag(check_tag(old), check_tag(new))

    def remove_tag(self, name: str) -> BulkReport:
        """Remove a tag from all conversations; those in whose titles it stands are reported, as above."""
        return self._home.replace_tag(check_tag(name), None)

    def removed_masked_tags(self) -> Sequence[str]:
        """Return the tags that hold a credential and that no conversation has any more, the latest first.

        They are kept for 30 days, so that a change of them can be taken back by whoever saw only their masks.
        Raises `StorageError`.
        """
        return self._home.tags.removed_masked()

    def restore_tag(self, name: str) -> BulkReport:
        """Take back the latest `rename_tag` or `remove_tag` of this tag, also in the trash.

        The conversations get the tags that they had, but for others that were added or removed since. Raises
        `NotFound` if there was no such change in the last 30 days, and as `tag`.
        """
        return self._home.tags.restore(tag_key(check_tag(name)))
