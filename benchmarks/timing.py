"""Timing: our operation and its floors in turns, so that the noise of the machine hits both alike."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Action = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Floor:
    """The least that could give the same result, done with bare tools."""

    name: str
    run: Action


@dataclass(frozen=True, slots=True)
class Case:
    """An operation beside its floors; `prepare` runs before each measurement of ours, outside the clock."""

    operation: str
    ours: Action
    floors: Sequence[Floor]
    repetitions: int = 30
    prepare: Action = lambda: None


@dataclass(frozen=True, slots=True)
class Size:
    """How large a home is: sidecars, and where a `state.db` is measured its sessions and messages."""

    sessions: int
    agent_sessions: int | None = None
    agent_messages: int | None = None
    indexed: bool = True

    def __str__(self) -> str:
        if self.agent_sessions is None:
            return f"{self.sessions:,}"
        index = "" if self.indexed else ", no index"
        return f"{self.sessions:,} + {self.agent_sessions:,}{index}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: ours beside one floor, in `unit`; `floor` is None where there is none."""

    operation: str
    size: Size
    ours: float
    ours_p90: float
    floor_name: str
    floor: float | None
    unit: str = "ms"

    @property
    def ratio(self) -> float | None:
        """How many times the floor ours is."""
        return None if self.floor is None else self.ours / self.floor


def measure(case: Case, size: Size) -> list[Figure]:
    """Return a figure for each floor of a case: ours, floor, ours, floor, ... after one round unmeasured."""
    ours: list[float] = []
    floors: list[list[float]] = [[] for _ in case.floors]
    for _ in range(case.repetitions + 1):
        case.prepare()
        ours.append(_milliseconds(case.ours))
        for times, floor in zip(floors, case.floors, strict=True):
            times.append(_milliseconds(floor.run))
    if not case.floors:
        return [_figure(case.operation, size, ours[1:])]
    return [
        _figure(case.operation, size, ours[1:], floor.name, times[1:])
        for floor, times in zip(case.floors, floors, strict=True)
    ]


def _milliseconds(action: Action) -> float:
    start = time.perf_counter()
    result = action()
    spent = time.perf_counter() - start
    del result  # freeing it is no part of the operation
    return spent * 1000


def _figure(
    operation: str, size: Size, ours: list[float], floor_name: str = "", floor: Sequence[float] = ()
) -> Figure:
    p90 = statistics.quantiles(ours, n=10, method="inclusive")[-1] if len(ours) > 1 else ours[0]
    least = statistics.median(floor) if floor else None
    return Figure(operation, size, statistics.median(ours), p90, floor_name, least)
