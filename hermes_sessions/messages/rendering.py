"""Loads the renderer of Markdown when it is first used: it needs libraries that are not always installed."""

from typing import TYPE_CHECKING

from ..errors import SessionsError

if TYPE_CHECKING:
    from .markdown import MarkdownRenderer


def markdown_renderer() -> "MarkdownRenderer":
    """Return a renderer for the texts of one page.

    Raises `SessionsError` if the libraries of the extra `web` are not installed.
    """
    try:
        from .markdown import MarkdownRenderer
    except ModuleNotFoundError as error:
        raise SessionsError(
            f"{error.name} is not installed. Install it with: pip install 'hermes-sessions[web]'"
        ) from error
    return MarkdownRenderer()
