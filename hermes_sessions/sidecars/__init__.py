"""The JSON file of a session, the folder of them, and the trash."""

from . import backups, editing, folder, reading, trash
from .backups import Backup
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
    "Outline",
    "TrashEntry",
    "Written",
    "backups",
    "editing",
    "folder",
    "load",
    "outline_of",
    "outlined",
    "outlined_as_known",
    "path_of",
    "reading",
    "signature",
    "trash",
]
