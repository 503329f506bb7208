"""The JSON file of a session, the folder of them, and the trash."""

from . import backups, editing, folder, journal, reading, tags, trash, trash_pages
from .backups import Backup
from .journal import Mark, TranscriptChange
from .layout import LARGEST_AT_ONCE
from .outline import (
    Loaded,
    Outline,
    Written,
    load,
    outline_of,
    outlined,
    outlined_as_known,
    path_of,
    signature,
)
from .trash import TrashEntry

__all__ = [
    "LARGEST_AT_ONCE",
    "Backup",
    "Loaded",
    "Mark",
    "Outline",
    "TranscriptChange",
    "TrashEntry",
    "Written",
    "backups",
    "editing",
    "folder",
    "journal",
    "load",
    "outline_of",
    "outlined",
    "outlined_as_known",
    "path_of",
    "reading",
    "signature",
    "tags",
    "trash",
    "trash_pages",
]
