"""Timing: our operation and its floors in turns, so that the noise of the machine hits both alike."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Action = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Floor:
    """The least that gives the same result, by bare tools; `aim` is how many times as long ours may take.

    `prepare` runs before it each time, outside the clock.
    """

    name: str
    run: Action
    aim: float | None = None
    prepare: Action = lambda: None


@dataclass(frozen=True, slots=True)
class Case:
    """An operation beside its floors; `prepare` and `finish` run around ours each time, outside the clock.

    `most` is the most milliseconds that it may take, if that is an aim.
    """

    operation: str
    ours: Action
    floors: Sequence[Floor]
    repetitions: int = 30
    prepare: Action = lambda: None
    finish: Action = lambda: None
    most: float | None = None


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
    """One line of the table: ours beside one floor, in `unit`; `floor` is None where there is none.

    Aims, where there are: `aim` is the most that the ratio may be, `most` the most that ours may be.
    """

    operation: str
    size: Size
    ours: float
    ours_p90: float
    floor_name: str
    floor: float | None
    unit: str = "ms"
    aim: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the aims are met; None without any."""
        if self.aim is None and self.most is None:
            return None
        far = self.aim is not None and self.ratio is not None and self.ratio > self.aim
        return not far and (self.most is None or self.ours <= self.most)

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
        case.finish()
        for times, floor in zip(floors, case.floors, strict=True):
            floor.prepare()
            times.append(_milliseconds(floor.run))
    if not case.floors:
        return [_figure(case, size, ours[1:])]
    return [
        _figure(case, size, ours[1:], floor, times[1:])
        for floor, times in zip(case.floors, floors, strict=True)
    ]


def _milliseconds(action: Action) -> float:
    start = time.perf_counter()
    result = action()
    spent = time.perf_counter() - start
    del result  # freeing it is no part of the operation
    return spent * 1000


def _figure(
    case: Case, size: Size, ours: list[float], floor: Floor | None = None, times: Sequence[float] = ()
) -> Figure:
    p90 = statistics.quantiles(ours, n=10, method="inclusive")[-1] if len(ours) > 1 else ours[0]
    least = statistics.median(times) if times else None
    name, aim = (floor.name, floor.aim) if floor else ("", None)
    return Figure(case.operation, size, statistics.median(ours), p90, name, least, aim=aim, most=case.most)
