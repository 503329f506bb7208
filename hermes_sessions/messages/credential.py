"""What the rules of redaction are made of: a credential that was found, and a rule that finds one kind."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class Shown(StrEnum):
    """What stays visible of a credential: its ends if it is long enough, nothing, or the frame of a key."""

    ENDS = "ends"
    NOTHING = "nothing"
    FRAME = "frame"


class Credential(NamedTuple):
    """A credential in the UTF-8 bytes of a text, from `start` to before `end`."""

    start: int
    end: int
    shown: Shown = Shown.ENDS


class Match(NamedTuple):
    """A part of a text's bytes in which the beginning of a rule matched."""

    start: int
    end: int


Finder: TypeAlias = Callable[[bytes, Match], Credential | None]
Examples: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of credential.

    `begins` is a pattern for RE2. Where it matches, `find` decides whether there is a credential and where it
    ends. `masks` are texts and what they become; `leaves` are texts that stay as they are.
    """

    name: str
    begins: bytes
    find: Finder
    masks: Examples
    leaves: tuple[str, ...] = ()
