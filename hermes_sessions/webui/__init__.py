"""What the web UI's own server answers beyond the repository's lists: its sidebar, its pages of messages."""

from .views import WebUI

__all__ = ["WebUI"]
