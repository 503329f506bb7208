"""One call of a tool: its arguments are read, the tool runs, and what goes wrong becomes an answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import NamedTuple

from ..errors import SessionsError, StorageError
from .home import BackgroundHome
from .parameters import read_arguments
from .tools import CHANGING, READING, OfferedTool

logger = logging.getLogger(__name__)
LONGEST_ERROR = 2_000  # characters


class Answer(NamedTuple):
    """What a tool says. `is_error` is for faults that no model can mend: clients give up after three."""

    text: str
    is_error: bool = False


class Toolbox:
    """The tools of one server over a home."""

    def __init__(self, home: BackgroundHome, *, allow_changes: bool) -> None:
        self._home = home
        self.tools: Sequence[OfferedTool] = (*READING, *CHANGING) if allow_changes else READING

    def call(self, name: str, arguments: Mapping[str, object]) -> Answer:
        """Call a tool."""
        tool = next((each for each in self.tools if each.name == name), None)
        if tool is None:
            return Answer(self._unknown(name))
        try:
            values = read_arguments(tool.parameters, arguments)
            return Answer(_function(tool)(self._home.sessions(), **values))
        except StorageError as error:
            return Answer(_sentence(error), is_error=True)
        except SessionsError as error:
            return Answer(_sentence(error))
        except Exception:  # a fault of this program: it goes to the log, and the client needs an answer
            logger.exception("the tool %s failed", tool.name)
            return Answer(f"{tool.name} failed. The server's log says why.", is_error=True)

    def _unknown(self, name: str) -> str:
        if any(each.name == name for each in CHANGING):
            return f"{name} is not allowed. The user allows it by starting the server with --allow-changes."
        return f"There is no such tool. There are {', '.join(each.name for each in self.tools)}."


def _function(tool: OfferedTool) -> Callable[..., str]:
    """Return the function of a tool; its module loads the database, which the start does not wait for."""
    module, _, name = tool.run.partition(":")
    function: Callable[..., str] = getattr(import_module(f".{module}", __package__), name)
    return function


def _sentence(error: SessionsError) -> str:
    from .text import line  # noqa: PLC0415  # start-up: loads the rules of credentials

    text = line(str(error), LONGEST_ERROR).rstrip(".")
    is_name = "." in text.partition(" ")[0]  # of a file
    return f"{text if is_name else text[:1].upper() + text[1:]}."
