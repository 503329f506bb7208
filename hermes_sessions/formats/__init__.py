"""Files that people import: which are accepted, and the conversations in them."""

from .exports import as_document, read_documents

__all__ = ["as_document", "read_documents"]
