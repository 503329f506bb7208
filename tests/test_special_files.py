"""A pipe, a socket, a device, a folder or a loop of links where a file should be: no call waits for it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .support.agent_db import filled_state


def make_socket(path: Path) -> None:
    """Leave a socket: by a short path, since the system allows about a hundred characters."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{os.open(path.parent, os.O_RDONLY)}/{path.name}")


def link_to_pipe(path: Path) -> None:
    """Make a pipe, and a link to it."""
    os.mkfifo(f"{path}.pipe")
    path.symlink_to(f"{path}.pipe")


CHECKOUT = Path(__file__).parents[1]
KINDS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "socket": make_socket,
    "folder": Path.mkdir,
    "loop of links": lambda path: path.symlink_to(path),
    "link to a pipe": link_to_pipe,
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
}
FILES = (
    "webui/last_workspace.txt webui/projects.json webui/tags.json webui/settings.json "
    "webui/sessions/one.json "
    "webui/sessions/kept.json.bak webui/trash/one.1777000000000000000.deleted.json webui/search.db "
    "webui/locks/projects.lock webui/locks/tags.lock webui/locks/search.lock cron/jobs.json state.db "
    "profiles/work/state.db sessions/session_kept.json"
).split()
# A device that cannot be read to its end would fill the memory, and a wait would end the process. One process
# makes each call once in an ordinary home, and forks one for each other home: starting Python, importing and
# compiling took four times as long as the calls.
PROGRAM = """
import gc, os, resource, signal, sys
from hermes_sessions import SessionRepository, SessionsError
from tests.support import compiled
compiled.share_statements()
CALLS = (
    lambda s: s.list(agent=True), lambda s: s.search("hello"), lambda s: s.get("kept"),
    lambda s: s.get("one"),
    lambda s: s.new(title="x"), lambda s: s.append("kept", [{"role": "user", "content": "x"}]),
    lambda s: s.projects.list(), lambda s: s.projects.create("new"),
    lambda s: s.tag("kept", "a"), lambda s: s.tags(), lambda s: s.untag("kept", "b"),
    lambda s: s.agent.sessions(),
    lambda s: s.agent.job_names(), lambda s: s.restore("kept"), lambda s: s.trash(),
    lambda s: s.recover("kept"),
    lambda s: s.check(deep=True), lambda s: s.repair(apply=True),
    lambda s: s.backup(s.config.hermes_home / "backup"),
    lambda s: s.delete("one"), lambda s: s.why("one"), lambda s: s.rebuild(),
)

def call_all(home):
    try:
        with SessionRepository.open(hermes_home=home) as sessions:
            for call in CALLS:
                try:
                    call(sessions)
                except SessionsError:
                    pass
    except SessionsError:
        pass

ordinary, *homes = sys.argv[1:]
call_all(ordinary)
gc.freeze()  # the collector would copy every page that a child shares
for home in homes:
    child = os.fork()
    if not child:
        signal.alarm(20)
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        call_all(home)
        sys.exit(0)  # by the way of a program: one that hangs at its exit must show
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


IN_EVERY_RUN = ("pipe", "link to a device")  # of the others, none waits, and each takes seven seconds


def make_home(home: Path) -> Path:
    """Make a home with a session and an agent."""
    for folder in ("webui/sessions", "webui/trash", "webui/locks", "cron", "profiles/work", "sessions"):
        (home / folder).mkdir(parents=True)
    filled_state(home / "state.db")
    document = {"title": "kept", "messages": [{"role": "user", "content": "hello"}]}
    (home / "webui/sessions/kept.json").write_text(json.dumps(document))
    return home


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.slow if kind in IN_EVERY_RUN else pytest.mark.long)
        for kind in KINDS
    ],
)
def test_no_call_waits_for_what_is_no_file(tmp_path: Path, kind: str) -> None:
    homes = [make_home(tmp_path / str(number)) for number in range(len(FILES))]
    for home, name in zip(homes, FILES, strict=True):
        (home / name).unlink(missing_ok=True)
        KINDS[kind](home / name)
    ordinary, device = make_home(tmp_path / "ordinary"), Path("/dev/zero").stat().st_mode
    program: list[str | Path] = [sys.executable, "-c", PROGRAM, ordinary, *homes]
    ran = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False, cwd=CHECKOUT)
    assert ran.returncode == 0, ran.stderr[-2000:]
    ended = dict(zip(FILES, ran.stdout.split(), strict=True))
    assert device == Path("/dev/zero").stat().st_mode
    assert {name: code for name, code in ended.items() if code != "0"} == {}, ran.stderr[-2000:]
