"""The peak of resident memory of one operation, as a program: only a fresh process has a peak of its own.

python benchmarks/memory.py nothing|read|list|page STATE_DIR DATABASE_URL
"""

import os
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from hermes_sessions import SessionRepository


def nothing(_: str, __: str) -> None:
    """Load the library and do nothing: what Python and the libraries take."""


def read(state_dir: str, _: str) -> None:
    """Read the largest file and nothing else: what any program that reads a file whole must take."""
    with os.scandir(Path(state_dir) / "sessions") as entries:
        largest = max(entries, key=lambda entry: entry.stat().st_size)
    Path(largest.path).read_bytes()


def list_all(state_dir: str, database_url: str) -> None:
    """Hold every summary at once."""
    with SessionRepository.open(state_dir, database_url=database_url) as sessions:
        sessions.list()


def list_page(state_dir: str, database_url: str) -> None:
    """Hold the first page."""
    with SessionRepository.open(state_dir, database_url=database_url) as sessions:
        sessions.list(limit=50)


OPERATIONS: Mapping[str, Callable[[str, str], None]] = {
    "nothing": nothing,
    "read": read,
    "list": list_all,
    "page": list_page,
}


def peak() -> float:
    """Return this process's peak in MB.

    Linux hands `ru_maxrss` on from the parent through fork and exec, so that a small child of a large process
    seems large: there the kernel's own mark for this address space is read.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1000
    unit = 1_000_000 if sys.platform == "darwin" else 1000
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    OPERATIONS[sys.argv[1]](*sys.argv[2:4])
    print(peak())
