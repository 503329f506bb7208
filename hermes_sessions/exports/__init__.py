"""Exports of many conversations into one folder, of which a later run writes only what has changed."""

from .tree import ExportTree, Missing
from .versions import with_versions

__all__ = ["ExportTree", "Missing", "with_versions"]
