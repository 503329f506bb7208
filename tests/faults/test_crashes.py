"""Every changing call, killed and refused at the system calls that it makes: old or new, never half.

strace counts the calls of each mutator first, and is then told at which one to kill the process, or to let
it fail with `EIO` or `ENOSPC`. By default every system call on files of ours is tried, and of SQLite's the
first, the last and one between. A kill is not tried after a call that left the disk as it was, an `fsync` or
one that failed: it would find what the kill before found. Those marked `long` try each of them, failures that
go on from a point, and failing reads: ten minutes on two cores.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Any, NamedTuple

import pytest

from ..support.crash_points import (
    CHANGING,
    GROWING,
    KILL,
    LOCKING,
    MUTATORS,
    OPENING,
    READING,
    WRITING,
    Fault,
    Point,
    Reference,
    Tried,
    attempt,
    begin,
    make_home,
    refer,
)
from ..support.figures import tell
from ..support.programs import need_strace

SPREAD = 3


class Kind(NamedTuple):
    """A fault, the system calls at which it is put in, and whether at each of SQLite's."""

    fault: Fault
    names: Sequence[str]
    each: bool = True


KILLED = {"some": Kind(KILL, (*CHANGING, *OPENING), each=False), "all": Kind(KILL, (*CHANGING, *OPENING))}
REFUSED = {
    "EIO of some": Kind(Fault("error=EIO"), (*CHANGING, *OPENING, *LOCKING), each=False),
    "ENOSPC of some": Kind(Fault("error=ENOSPC"), WRITING, each=False),
    "EIO of all": Kind(Fault("error=EIO"), (*CHANGING, *OPENING, *LOCKING)),
    "ENOSPC of all": Kind(Fault("error=ENOSPC"), GROWING),
    "EIO from then on": Kind(Fault("error=EIO", lasting=True), (*CHANGING, *OPENING)),
    "ENOSPC from then on": Kind(Fault("error=ENOSPC", lasting=True), GROWING),
    "EIO of reads": Kind(Fault("error=EIO"), READING),
}


def kinds(every: Mapping[str, Kind]) -> list[Any]:
    """Return the parameters of a test: those that try all of SQLite's calls are `long`."""
    return [
        pytest.param(heading, kind, id=heading, marks=[pytest.mark.long] if kind.each else [])
        for heading, kind in every.items()
    ]


def chosen(points: Sequence[Point], kind: Kind) -> list[Point]:
    """Return the points to try: our own, and of SQLite's so many as are wanted."""
    wanted = [point for point in points if point.name in kind.names and is_place(point, kind)]
    if kind.fault.kills and not kind.each:
        wanted = [point for point in wanted if point.of_sqlite or point.differs]
    sqlite = [point for point in wanted if point.of_sqlite]
    some = sqlite if kind.each else spread(sqlite)
    return [point for point in wanted if not point.of_sqlite or point in some]


def is_place(point: Point, kind: Kind) -> bool:
    """Whether a fault here tells anything: no kill where nothing is made, no unseen folder elsewhere."""
    if kind.fault.kills:
        return point.creates
    return point.name not in READING or point.what.startswith(("/webui", "/state.db"))


def spread(points: Sequence[Point]) -> list[Point]:
    """Return the first, the last, and some between."""
    last = len(points) - 1
    return (
        [points[at] for at in sorted({round(last * step / (SPREAD - 1)) for step in range(SPREAD)})]
        if points
        else []
    )


# ---- the workers ----------------------------------------------------------------------------------------


class Bench:
    """The processes that try the points, and what came of them."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool
        self.reference = cache(self._refer)
        self.table: dict[str, dict[str, Counter[str]]] = {}

    def _refer(self, name: str) -> Reference:
        return self._pool.submit(refer, name).result()

    def problems(self, name: str, heading: str, kind: Kind) -> list[str]:
        """Try the points of a mutator, and return what does not hold."""
        reference = self.reference(name)
        points = chosen(reference.points, kind)
        futures = [self._pool.submit(attempt, name, point, kind.fault, reference.after) for point in points]
        tried = [future.result() for future in futures]
        self.table.setdefault(name, {})[heading] = counted(points, tried)
        return [
            f"{point}: {problem}"
            for point, one in zip(points, tried, strict=True)
            for problem in one.problems
        ]


def counted(points: Sequence[Point], tried: Sequence[Tried]) -> Counter[str]:
    """Return how many points there were, and how they ended."""
    counts = Counter(one.outcome for one in tried)
    counts["points"] = len(points)
    counts["of SQLite"] = sum(point.of_sqlite for point in points)
    counts["not reached"] = sum(not one.reached for one in tried)
    counts["left debris"] = sum(bool(one.debris) for one in tried)
    return counts


def lines(table: Mapping[str, Mapping[str, Counter[str]]]) -> Iterator[str]:
    """Give out the table in words."""
    every = [counts for kinds in table.values() for counts in kinds.values()]
    total = sum(every, Counter[str]())
    yield f"points tried: {total['points']}, {total['of SQLite']} of them SQLite's, in {len(table)} mutators"
    yield f"not reached: {total['not reached']}, debris left by a kill: {total['left debris']}"
    for name, kinds in table.items():
        parts = (f"{heading} {told(counts)}" for heading, counts in kinds.items())
        yield f"  {name:22}{' | '.join(parts)}"


def told(counts: Counter[str]) -> str:
    """Return how many points there were and how they ended in words."""
    endings = ("old", "between", "new", "ok", "StorageError", "AgentUnavailable")
    return f"{counts['points']}: " + ", ".join(f"{counts[each]} {each}" for each in endings if counts[each])


@pytest.fixture(scope="module")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Workers that may trace their children; their table is printed at the end."""
    need_strace()
    home = tmp_path_factory.mktemp("crashes") / "home"
    follower = make_home(home)
    workers = min(4, len(os.sched_getaffinity(0)))
    context, known = get_context("spawn"), (home, follower)
    with ProcessPoolExecutor(workers, context, initializer=begin, initargs=known) as pool:
        bench = Bench(pool)
        try:
            bench.reference("update")
        except OSError as error:
            pytest.skip(f"strace may not attach to a process here: {error}")
        yield bench
    tell(request.config, lines(bench.table))


# ---- what must hold -------------------------------------------------------------------------------------


@pytest.mark.fault
@pytest.mark.parametrize("name", MUTATORS)
@pytest.mark.parametrize(("heading", "kind"), kinds(KILLED))
def test_a_call_killed_anywhere_leaves_each_file_old_or_new_and_the_next_call_works(
    bench: Bench, heading: str, kind: Kind, name: str
) -> None:
    problems = bench.problems(name, f"killed at {heading}", kind)
    assert not problems, "\n".join(problems)


@pytest.mark.fault
@pytest.mark.parametrize("name", MUTATORS)
@pytest.mark.parametrize(("heading", "kind"), kinds(REFUSED))
def test_what_the_system_refuses_is_told_and_leaves_nothing_half_done(
    bench: Bench, heading: str, kind: Kind, name: str
) -> None:
    problems = bench.problems(name, heading, kind)
    assert not problems, "\n".join(problems)
