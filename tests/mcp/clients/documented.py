"""The configurations of clients that the documentation gives, for a home and a program of a test."""

import re
from pathlib import Path

from ...cli.running import PROGRAM

PAGE = Path(__file__).parents[3] / "docs/mcp.md"


def documented(language: str, home: Path) -> str:
    """Return the example in a language, with the places of its reader replaced."""
    (example,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    places = {"/home/ada/.local/bin/hermes-sessions": str(PROGRAM), "/home/ada/.hermes": str(home)}
    for place, actual in places.items():
        assert place in example
        example = example.replace(place, actual)
    return str(example)
