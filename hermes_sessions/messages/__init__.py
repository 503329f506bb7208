"""What a message says: its content, masked credentials, Markdown, exports."""

from . import content, export
from .content import Fields
from .redact import mask, mask_all
from .rendering import markdown_renderer

__all__ = [
    "Fields",
    "content",
    "export",
    "markdown_renderer",
    "mask",
    "mask_all",
]
