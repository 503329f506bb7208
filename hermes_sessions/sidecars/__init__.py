"""The JSON file of a session, the folder of them, and the trash."""

from . import editing, folder, reading, trash
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
    "Loaded",
    "Outline",
    "TrashEntry",
    "Written",
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
