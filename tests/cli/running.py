"""Runs verbs of the command line, in this process or as the installed program."""

import json
import os
import pty
import re
import subprocess
import sys
import termios
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner, Result

from hermes_sessions.cli.main import main

PROGRAM = Path(sys.executable).with_name("hermes-sessions")
# What a terminal would act on, and text that may contain it.
NASTY = "\x1b]0;evil\x07\x9b31m\u202ertl[bold red]x[/] :smile:\r\x00\u2028\ud800"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def run(home: Path, *words: str, stdin: str | None = None) -> Result:
    """Run a verb in this process."""
    return CliRunner().invoke(main, ["--hermes-home", str(home), *words], input=stdin)


def done(home: Path, *words: str) -> str:
    """Run a verb that must succeed without a word on standard error, and return what it printed."""
    result = run(home, *words)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def parsed(home: Path, *words: str) -> Any:
    """Run a verb with --json, and return the value that it printed."""
    return json.loads(done(home, *words, "--json"), parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def ids(listed: Any) -> list[str]:
    """Return the ids of a list printed as JSON."""
    return [entry["session_id"] for entry in listed["sessions"]]


def start_program(home: Path, *words: str, **more: Any) -> subprocess.Popen[bytes]:
    """Start the installed program."""
    return subprocess.Popen([PROGRAM, "--hermes-home", home, *words], **more)


class Completed(NamedTuple):
    """What a process printed, where standard output or error is a terminal, and how it ended."""

    stdout: str
    stderr: str
    code: int


def run_program(
    home: Path, *words: str, terminal: Sequence[str] = (), columns: int = 100, **environment: str
) -> Completed:
    """Run the installed program with the streams named in `terminal` connected to one."""
    streams = {name: Stream(name in terminal, columns) for name in ("stdout", "stderr")}
    given = {"TERM": "xterm", **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}}
    ends = {name: stream.writer for name, stream in streams.items()}
    process = start_program(home, *words, env=given | environment, stdin=subprocess.DEVNULL, **ends)
    for stream in streams.values():
        stream.read()
    code = process.wait(timeout=60)
    return Completed(streams["stdout"].text(), streams["stderr"].text(), code)


class Stream:
    """A pipe, or a terminal so many columns wide, read to its end."""

    def __init__(self, terminal: bool, columns: int) -> None:
        self._reader, self.writer = pty.openpty() if terminal else os.pipe()
        if terminal:
            termios.tcsetwinsize(self.writer, (40, columns))
        self._found = b""
        self._thread = threading.Thread(target=self._collect)

    def read(self) -> None:
        """Begin to read; the process has its own copy of the other end."""
        os.close(self.writer)
        self._thread.start()

    def _collect(self) -> None:
        try:
            while some := os.read(self._reader, 65_536):
                self._found += some
        except OSError:  # how a terminal ends on Linux
            pass
        os.close(self._reader)

    def text(self) -> str:
        """Return all that was read."""
        self._thread.join()
        return self._found.decode(errors="replace").replace("\r\n", "\n")
