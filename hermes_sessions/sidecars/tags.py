"""`tags.json`: the tags of conversations by their ids, read strictly and replaced atomically.

``{"tags": {"<id>": ["work", "urgent"]}}``. Other keys of the file, and names in it that no tag can have, stay
as they are.
"""

import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .. import files, json_text
from ..errors import Conflict, Unreadable, storing
from ..model import Signature
from ..tag_names import MOST_TAGS, read_tag, unique

TAGS = "tags"  # the key of the file that has them


class TagsFile(NamedTuple):
    """What `tags.json` holds: the whole document, and the version that was read, None without a file."""

    document: dict[str, Any]
    version: Signature | None

    @property
    def stored(self) -> dict[str, list[str]]:
        """The names by conversation, as the file has them."""
        names: dict[str, list[str]] = self.document.setdefault(TAGS, {})
        return names

    def names(self) -> dict[str, list[str]]:
        """Return the tags of each conversation that has any."""
        every = ((session_id, tags_of(names)) for session_id, names in self.stored.items())
        return {session_id: names for session_id, names in every if names}


def tags_of(names: Iterable[str]) -> list[str]:
    """Return the tags among the names that a file has for a conversation."""
    return unique(name for each in names if (name := read_tag(each)))[:MOST_TAGS]


def version_of(path: Path) -> Signature | None:
    """Return the version of the file, None without one; raise `StorageError`."""
    with storing(f"cannot read {path.name}"):
        try:
            return files.signature_of(path.stat())
        except FileNotFoundError:
            return None


def read(path: Path) -> TagsFile:
    """Return what the file holds, nothing without one; raise `Unreadable`, `StorageError`."""
    with storing(f"cannot read {path.name}"):
        try:
            with files.opened(path) as file:
                version = files.signature_of(os.fstat(file.fileno()))
                document = json_text.decode(file.read())
        except FileNotFoundError:
            return TagsFile({}, None)
        except json_text.Malformed as error:
            raise Unreadable(path, str(error)) from error
    if not isinstance(document, dict):
        raise Unreadable(path, "not an object")
    if not _is_mapping_of_names(document.get(TAGS, {})):
        raise Unreadable(path, f"{TAGS} is not an object with a list of names for each conversation")
    return TagsFile(document, version)


def _is_mapping_of_names(stored: object) -> bool:
    return isinstance(stored, dict) and all(
        isinstance(names, list) and all(isinstance(name, str) for name in names) for names in stored.values()
    )


def write(path: Path, read_file: TagsFile, changed: Mapping[str, list[str]]) -> Signature:
    """Write the changed names of some conversations, and return the new version of the file.

    No name is left of a conversation whose list is empty. Raises `Conflict` if the file is not the version
    that was read, and `StorageError`.
    """
    stored = {**read_file.stored, **changed}
    document = {**read_file.document, TAGS: {each: names for each, names in stored.items() if names}}
    text = json_text.encode(document, path.name)
    known = read_file.version
    new = files.create if known is None else partial(files.replace_version, known=known)
    with storing(f"cannot save {path.name}"):
        try:
            written = new(path, write=lambda file: file.write(text))
        except (files.Changed, FileExistsError):
            raise Conflict(f"{path.name} was changed by another program; nothing was saved") from None
    return files.signature_of(written.stat)
