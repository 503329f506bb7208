"""One change to one session: its file, then its row; and projects."""

from . import adopting, leftovers, pages, recovery, store
from .projects import Projects
from .recovery import is_interrupted
from .store import Store

__all__ = [
    "Projects",
    "Store",
    "adopting",
    "is_interrupted",
    "leftovers",
    "pages",
    "recovery",
    "store",
]
