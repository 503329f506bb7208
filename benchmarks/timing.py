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
class Figure:
    """One line of the table: ours beside one floor, in `unit`."""

    operation: str
    sessions: int
    ours: float
    ours_p90: float
    floor_name: str
    floor: float
    unit: str = "ms"

    @property
    def ratio(self) -> float:
        """How many times the floor ours is."""
        return self.ours / self.floor


def measure(case: Case, sessions: int) -> list[Figure]:
    """Return a figure for each floor of a case: ours, floor, ours, floor, ... after one round unmeasured."""
    ours: list[float] = []
    floors: list[list[float]] = [[] for _ in case.floors]
    for _ in range(case.repetitions + 1):
        case.prepare()
        ours.append(_milliseconds(case.ours))
        for times, floor in zip(floors, case.floors, strict=True):
            times.append(_milliseconds(floor.run))
    return [
        _figure(case.operation, sessions, ours[1:], floor.name, times[1:])
        for floor, times in zip(case.floors, floors, strict=True)
    ]


def _milliseconds(action: Action) -> float:
    start = time.perf_counter()
    result = action()
    spent = time.perf_counter() - start
    del result  # freeing it is no part of the operation
    return spent * 1000


def _figure(operation: str, sessions: int, ours: list[float], floor_name: str, floor: list[float]) -> Figure:
    p90 = statistics.quantiles(ours, n=10, method="inclusive")[-1] if len(ours) > 1 else ours[0]
    return Figure(operation, sessions, statistics.median(ours), p90, floor_name, statistics.median(floor))
