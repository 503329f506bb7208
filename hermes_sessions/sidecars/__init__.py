"""The JSON file of a session, the folder of them, and the trash."""

from . import backups, editing, folder, journal, reading, summaries, tags, trash, trash_pages
from .backups import Backup
from .journal import Mark, TranscriptChange
from .layout import LARGEST_AT_ONCE
from .outline import (
    KnownVersion,
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
from .summaries import NamedFile, ReadFile, ReadFiles, UnreadableFile
from .trash import TrashEntry

__all__ = [
    "LARGEST_AT_ONCE",
    "Backup",
    "KnownVersion",
    "Loaded",
    "Mark",
    "NamedFile",
    "Outline",
    "ReadFile",
    "ReadFiles",
    "TranscriptChange",
    "TrashEntry",
    "UnreadableFile",
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
    "summaries",
    "tags",
    "trash",
    "trash_pages",
]
