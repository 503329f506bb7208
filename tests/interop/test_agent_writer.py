"""The agent's own program writes while four readers read: it is never refused, they see what it wrote."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from hermes_sessions.agent.state import Agent

RELEASE = "0.19.0"
MESSAGES, READERS = 1_000, 4

# The module of the agent that writes `state.db` needs nothing but the standard library, and the wheel can
# stand on the path as it is. Between the two halves, and before the end, it waits for a word from the test.
WRITER = """
import sys, time, types
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import hermes_state

refusals = []
# It sleeps only to try again what a lock refused.
hermes_state.time = types.SimpleNamespace(**{**vars(time), "sleep": refusals.append})
count = int(sys.argv[3])
db = hermes_state.SessionDB(Path(sys.argv[2]))
db.create_session("talk", "cli", model="hermes-4")

def say(*words):
    print(*words, flush=True)
    assert sys.stdin.readline() == "go on\\n"

say("ready")
for number in range(count):
    db.append_message("talk", ("user", "assistant")[number % 2], f"message {number}")
    if number == count // 2 - 1:
        say("half")
say("all", len(refusals))
db.end_session("talk", "compression")
db.create_session("next", "cli", parent_session_id="talk")
db.append_message("next", "user", "after the compression")
say("continued", len(refusals))
db.close()
"""

# Reads until its input ends, and once after. Every answer must have been true at a moment, in order of time.
READER = """
import sys, threading
from pathlib import Path
from hermes_sessions.agent import Agent

ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
agent, seen, rounds, last = Agent(Path(sys.argv[1])), 0, 0, False
while not last:
    last = ended.is_set()
    texts = [message["content"] for message in agent.messages("talk")]
    assert texts == [f"message {number}" for number in range(len(texts))], texts[-3:]
    assert len(texts) >= seen, (len(texts), seen)
    seen = len(texts)
    for row in agent.sessions():
        assert row["id"] == "next" or row["actual_message_count"] >= seen, row
    assert agent.lineage(["talk", "next"]).keys() <= {"next"}
    rounds += 1
    if rounds == 1:
        print("reading", flush=True)
agent.close()
print(rounds, seen, flush=True)
"""


@pytest.fixture(scope="session")
def wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent's package as pip fetches it, kept with pytest's own cache."""
    cache: pytest.Cache | None = getattr(request.config, "cache", None)
    kept = cache.mkdir("hermes-agent") if cache else tmp_path_factory.mktemp("hermes-agent")
    path = kept / f"hermes_agent-{RELEASE}-py3-none-any.whl"
    if not path.exists():
        fetched = tmp_path_factory.mktemp("wheel")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        pip += ["--only-binary", ":all:", "--timeout", "20", "--dest", str(fetched)]
        done = subprocess.run([*pip, f"hermes-agent=={RELEASE}"], capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["for no reason it gave"])[-1]
            pytest.skip(f"pip could not fetch hermes-agent {RELEASE}: {reason}")
        # Copied under another name and then renamed: several runs can share the cache.
        copy = path.with_suffix(f".{os.getpid()}")
        copy.write_bytes((fetched / path.name).read_bytes())
        copy.replace(path)
    return path


class Other:
    """Another program, to whom one talks by lines."""

    def __init__(self, *command: str, home: Path) -> None:
        folders = dict.fromkeys(("HOME", "HERMES_HOME"), str(home))
        self.process = subprocess.Popen(
            [sys.executable, "-c", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **folders},
        )

    def hear(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, self.process.communicate()[1]
        return line

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def end(self) -> str:
        """End its input and return the rest of what it says; it must end well and without a complaint."""
        rest, complaint = self.process.communicate(timeout=60)
        assert (self.process.returncode, complaint) == (0, "")
        return rest.strip()

    def stop(self) -> None:
        """Kill it if a failed test left it running."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def programs() -> Iterator[ExitStack]:
    """Where programs are ended that a failed test left running."""
    with ExitStack() as stack:
        yield stack


def contents(agent: Agent) -> list[str]:
    return [message["content"] for message in agent.messages("talk")]


@pytest.mark.slow
def test_the_agent_writes_unhindered_while_readers_see_all_it_wrote(
    wheel: Path, tmp_path: Path, programs: ExitStack
) -> None:
    path = tmp_path / "state.db"

    def start(*command: str) -> Other:
        other = Other(*command, home=tmp_path)
        programs.callback(other.stop)
        return other

    writer = start(WRITER, str(wheel), str(path), str(MESSAGES))
    assert writer.hear() == "ready"
    readers = [start(READER, str(path)) for _ in range(READERS)]
    assert [reader.hear() for reader in readers] == ["reading"] * READERS
    said = [f"message {number}" for number in range(MESSAGES)]
    with closing(Agent(path)) as agent:
        writer.tell("go on")
        assert writer.hear() == "half"
        assert contents(agent) == said[: MESSAGES // 2]
        writer.tell("go on")
        assert writer.hear() == "all 0"
        assert contents(agent) == said
        writer.tell("go on")
        assert writer.hear() == "continued 0"
        check_continued(agent)
        for reader in readers:
            rounds, seen = reader.end().split()
            assert int(rounds) > 1
            assert int(seen) == MESSAGES
        writer.tell("go on")
        assert writer.end() == ""
        assert contents(agent) == said
        check_continued(agent)


def check_continued(agent: Agent) -> None:
    """See that the agent's own compression is read as one conversation of two segments."""
    [row] = agent.sessions()
    assert (row["id"], row["_lineage_root_id"], row["_compression_segment_count"]) == ("next", "talk", 2)
    assert agent.conversation("next") == ["talk", "next"]
    assert agent.lineage(["talk", "next"]).keys() == {"next"}


@pytest.mark.slow
def test_the_agent_reads_what_a_delete_of_ours_left(wheel: Path, tmp_path: Path, programs: ExitStack) -> None:
    path = tmp_path / "state.db"
    writer = Other(WRITER, str(wheel), str(path), "10", home=tmp_path)
    programs.callback(writer.stop)
    with closing(Agent(path)) as agent:
        for word in ("ready", "half", "all 0"):
            assert writer.hear() == word
            writer.tell("go on")
        assert writer.hear() == "continued 0"
        assert agent.delete("next")  # beside the living writer
        assert agent.sessions() == agent.messages("talk") == agent.messages("next") == []
        writer.tell("go on")
        assert writer.end() == ""
        again = Other(WRITER, str(wheel), str(path), "2", home=tmp_path)
        programs.callback(again.stop)
        for word in ("ready", "half", "all 0", "continued 0"):
            assert again.hear() == word
            again.tell("go on")
        assert again.end() == ""
        assert contents(agent) == ["message 0", "message 1"]
