"""The JSON file of a session, the folder of them, and the trash."""

from . import document, editing, folder, reading, trash
from .document import Edit, Member
from .reading import Loaded, Outline, Written
from .trash import Entry

__all__ = [
    "Edit",
    "Entry",
    "Loaded",
    "Member",
    "Outline",
    "Written",
    "document",
    "editing",
    "folder",
    "reading",
    "trash",
]
