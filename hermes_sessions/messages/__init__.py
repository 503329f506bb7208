"""What a message says: its content, masked credentials, Markdown, exports."""

from . import content, export
from .content import Fields
from .redact import mask, mask_all

__all__ = [
    "Fields",
    "content",
    "export",
    "mask",
    "mask_all",
]
