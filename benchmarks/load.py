"""Requests a second and the slowest percent, under load by wrk, beside a bare handler with the same bytes.

python -m benchmarks.load [--sessions 20000 | --home DIR] [--seconds 5] [--connections 8]
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from hermes_sessions import SessionRepository

from . import homes
from .homes import MIDDLE

ADDRESS = re.compile(r"http://127\.0\.0\.1:[1-9][0-9]*")
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


class Request(NamedTuple):
    """What is asked for, by its name; `unchanged` asks with the entity tag that the server gave."""

    name: str
    path: str
    unchanged: bool = False


REQUESTS = (
    Request("list of 50, not modified", "/api/sessions?limit=50", unchanged=True),
    Request("list of 50", "/api/sessions?limit=50"),
    Request("whole list, not modified", "/api/sessions", unchanged=True),
    Request("last 30 of 2,000 messages", f"/api/session?session_id={MIDDLE}&msg_limit=30"),
    Request("search, 20 hits", f"/api/sessions/search?q={quote('данные')}&limit=20"),
)


class Load(NamedTuple):
    """What wrk found: requests a second, and the time of the slowest percent in milliseconds."""

    rate: float
    slowest: float


def main() -> None:
    """Print the table."""
    asked = _arguments()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: nothing can be measured")
    print(f"{asked.connections} connections, {asked.seconds} s each, {os.cpu_count()} processors\n")
    print("| request | bytes | requests/s | p99, ms | bare handler, requests/s | p99, ms | ratio |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="load-") as name:
        home = Path(name, "home")
        if asked.home:
            homes.copy(asked.home, home)
        else:
            homes.generate(home, asked.sessions)
        with SessionRepository.open(hermes_home=home) as sessions:
            sessions.complete_search()  # or what is measured is the indexing in the background
        for line in _lines(home, Path(name, "answer"), asked):
            print(line, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--home", type=Path, help="a home to copy in the place of a made-up one")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=8)
    return parser.parse_args()


def _lines(home: Path, answer: Path, asked: argparse.Namespace) -> Iterator[str]:
    program = "from hermes_sessions.cli import main; main()"
    ours = [sys.executable, "-c", program, "--hermes-home", str(home), "serve", "--port", "0"]
    with _served(ours) as url:
        for request in REQUESTS:
            try:
                headers, body = _first(url, request)
            except urllib.error.HTTPError as missing:
                missing.close()
                continue
            loaded = _load(f"{url}{request.path}", headers, asked)
            answer.write_bytes(b"" if request.unchanged else body)
            bare = [
                sys.executable,
                "-m",
                "benchmarks.bare",
                str(answer),
                "304" if request.unchanged else "200",
            ]
            with _served(bare) as floor:
                least = _load(f"{floor}/", headers, asked)
            yield (
                f"| {request.name} | {answer.stat().st_size:,} | {loaded.rate:,.0f} | {loaded.slowest:.1f} | "
                f"{least.rate:,.0f} | {least.slowest:.1f} | {least.rate / loaded.rate:.1f} |"
            )


@contextmanager
def _served(command: list[str]) -> Iterator[str]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield next(found[0] for line in server.stdout if (found := ADDRESS.search(line)))
        finally:
            server.terminate()


def _first(url: str, request: Request) -> tuple[Mapping[str, str], bytes]:
    """Ask once: for the bytes, and the entity tag to ask with."""
    with urllib.request.urlopen(f"{url}{request.path}", timeout=120) as response:
        body = response.read()
        return ({"If-None-Match": response.headers["ETag"]} if request.unchanged else {}), body


def _load(url: str, headers: Mapping[str, str], asked: argparse.Namespace) -> Load:
    named = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    options = ["-t1", f"-c{asked.connections}", f"-d{asked.seconds}s", "--latency", *named]
    said = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        sys.exit(f"{url} was refused:\n{said}")
    rate, slowest = (
        re.search(r"Requests/sec:\s+([0-9.]+)", said),
        re.search(r"99%\s+([0-9.]+)(us|ms|s)", said),
    )
    assert rate is not None
    assert slowest is not None
    return Load(float(rate[1]), float(slowest[1]) * MILLISECONDS[slowest[2]])


if __name__ == "__main__":
    main()
