"""Exports of many conversations: a folder, in which a later run writes only what has changed, or a zip."""

from .names import ENDINGS, file_name
from .tree import ExportTree, Missing
from .versions import with_versions
from .zipped import Exportable, zipped

__all__ = ["ENDINGS", "ExportTree", "Exportable", "Missing", "file_name", "with_versions", "zipped"]
