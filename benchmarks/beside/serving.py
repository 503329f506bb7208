"""The loop of a process that is measured: a line on its input names an operation, a line out is milliseconds.

Imports only the standard library, because a web UI's process runs it with that web UI's own Python.
"""

import sys
import time
from collections.abc import Callable, Mapping

Prepared = Callable[[], Callable[[], object]]


def serve(operations: Mapping[str, Prepared]) -> None:
    """Answer until the input ends. Each operation is first prepared, outside the clock."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # what the program itself prints is no answer
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        run = operations[line.strip()]()
        started = time.perf_counter()
        run()
        print((time.perf_counter() - started) * 1000, file=answers, flush=True)
