"""Loads the renderer of Markdown when it is first used: it needs libraries that are not always installed."""

from typing import TYPE_CHECKING

from ..errors import SessionsError

if TYPE_CHECKING:
    from .markdown import MarkdownRenderer
    from .rendered_texts import RenderedTexts


# A step is a character that can be markup, or a cell of a table. The 200,000 characters of a page have 22,000
# steps if they are prose and 33,000 if they are code. The most expensive steps, `![`, take 17 microseconds
# each, so formatting takes a page a second at most.
STEPS_A_PAGE = 50_000
STEPS_ON_REQUEST = 100_000  # of one text that somebody asks for: no text of a page has so many characters
STEPS_AN_EXPORT = 1_000_000


def markdown_renderer(steps: int, kept: "RenderedTexts | None" = None) -> "MarkdownRenderer":
    """Return a renderer for texts that share some steps: one of the numbers above.

    It takes from `kept` what was rendered before, and puts there what it renders.

    Raises `SessionsError` if the libraries of the extra `web` are not installed.
    """
    try:
        from .markdown import MarkdownRenderer
    except ModuleNotFoundError as error:
        raise SessionsError(
            f"{error.name} is not installed. Install it with: pip install 'hermes-sessions[web]'"
        ) from error
    return MarkdownRenderer(steps=steps, kept=kept)
