"""A really served home: the command line's `serve` in a process of its own, on a port that was free."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STOP_SECONDS = 20
PROGRAM = "from hermes_sessions.cli import main; main()"


def start(home: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start `serve` over `home`; what it prints can be read from `stdout`, errors included."""
    command = [sys.executable, "-c", PROGRAM, "--hermes-home", str(home), "serve", *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HERMES_")}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=kept | environment
    )


def address(server: subprocess.Popen[str]) -> str:
    """Return the address that a started server prints, without the last slash."""
    assert server.stdout is not None
    said = ""
    for line in server.stdout:
        said += line
        found = re.search(r"http://\S+:[1-9][0-9]*(?=/)", line)
        if found:
            return found[0]
    raise AssertionError(f"no address in: {said}")


def stop(server: subprocess.Popen[str]) -> str:
    """Stop a server as a service manager does and return what else it said."""
    server.terminate()
    try:
        said, _ = server.communicate(timeout=STOP_SECONDS)
    finally:
        server.kill()
    return said


@contextmanager
def served(home: Path, **environment: str) -> Iterator[str]:
    """Serve `home` for the block, which gets the address."""
    server = start(home, "--port", "0", **environment)
    try:
        yield address(server)
    finally:
        stop(server)
