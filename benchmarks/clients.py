"""Clients that ask a server for what people do, at moments that are fixed beforehand; and how long each took.

A request's time is counted from the moment at which it was due, so that a slow answer also delays the next
one of its client, as it delays a person.
"""

import http.client
import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args
from urllib.parse import quote, urlsplit

from .homes import PHRASE, WORD

Kind = Literal["list", "open", "search", "rename", "page"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SHARES: Mapping[Kind, int] = {"list": 45, "open": 20, "search": 10, "rename": 10, "page": 15}  # percent
QUESTIONS = (PHRASE, WORD, "данные", f"{WORD} größe", "naïve", "renamed")
RENAMED = 50  # of the most recent sessions: what people rename
TIMEOUT = 60.0


class Request(NamedTuple):
    """What is asked for `at` this second after the start."""

    at: float
    kind: Kind
    path: str
    body: bytes | None = None


class Answer(NamedTuple):
    """How many milliseconds after it was due a request was answered, and after how many of them it was sent.

    It is sent late if its client still waits for the answer before, such as that of a search.
    """

    kind: Kind
    milliseconds: float
    sent: float


class Load(NamedTuple):
    """How many clients ask, how many requests a second they make together, for how long, and for what not."""

    clients: int = 8
    rate: float = 35.0
    seconds: float = 60.0
    without: Kind | None = None


def schedule(ids: Sequence[str], load: Load, seed: int = 7) -> list[list[Request]]:
    """Return the requests of each client: the same for the same ids, load and seed."""
    return [_of_client(random.Random(f"{seed}-{number}"), ids, load) for number in range(load.clients)]


def _of_client(rng: random.Random, ids: Sequence[str], load: Load) -> list[Request]:
    at, found = 0.0, list[Request]()
    shares = [0 if each == load.without else SHARES[each] for each in KINDS]
    while (at := at + rng.expovariate(load.rate / load.clients)) < load.seconds:
        kind = rng.choices(KINDS, shares)[0]
        path, body = request_of(kind, rng, ids)
        found.append(Request(at, kind, path, body))
    return found


def request_of(kind: Kind, rng: random.Random, ids: Sequence[str]) -> tuple[str, bytes | None]:
    """Return the path and the body of a request."""
    opened = ids[int(len(ids) * rng.random() ** 3)]  # recent ones more often
    if kind == "list":
        return "/api/sessions?limit=50", None
    if kind == "open":
        return f"/api/session?session_id={opened}&msg_limit=30", None
    if kind == "search":
        return f"/api/sessions/search?q={quote(rng.choice(QUESTIONS))}&limit=20", None
    if kind == "page":
        return f"/session/{opened}", None
    renamed = {"session_id": rng.choice(ids[:RENAMED]), "title": f"Renamed {rng.randrange(10**6)}"}
    return "/api/session/rename", json.dumps(renamed).encode()


def run(url: str, schedules: Sequence[Sequence[Request]]) -> list[Answer]:
    """Ask as scheduled, each client in a thread, and return the answers; exit if one is refused."""
    answers: list[Answer] = []
    problems: list[str] = []
    start = time.perf_counter() + 0.2

    def client(requests: Sequence[Request]) -> None:
        connection = _Connection(url)
        for request in requests:
            due = start + request.at
            time.sleep(max(0.0, due - time.perf_counter()))
            sent = time.perf_counter()
            problems.extend(connection.ask(request))
            answered = time.perf_counter()
            answers.append(Answer(request.kind, (answered - due) * 1000, (sent - due) * 1000))

    threads = [threading.Thread(target=client, args=(each,)) for each in schedules]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise SystemExit(f"{len(problems)} requests were refused, the first one: {problems[0]}")
    return answers


class _Connection:
    """A connection that is kept open, and opened again when the server has closed it."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self._open = http.client.HTTPConnection(self._host, timeout=TIMEOUT)

    def ask(self, request: Request) -> list[str]:
        """Read an answer, and return what was wrong with it."""
        status = self._status(request, retry=True)
        return [] if status == 200 else [f"{request.path}: {status}"]

    def _status(self, request: Request, *, retry: bool) -> int | str:
        method, headers = (
            ("GET", {}) if request.body is None else ("POST", {"Content-Type": "application/json"})
        )
        try:
            self._open.request(method, request.path, request.body, headers)
            answer = self._open.getresponse()
            answer.read()
        except (http.client.HTTPException, OSError) as error:
            self._open.close()
            if retry and isinstance(error, ConnectionError):
                return self._status(request, retry=False)
            return repr(error)
        return answer.status


def percentile(answers: Sequence[Answer], kind: Kind, share: float) -> float:
    """Return the time within which this share of the answers of a kind came; not a number without any."""
    return _within(sorted(each.milliseconds for each in answers if each.kind == kind), share)


def percentile_from_sending(answers: Sequence[Answer], kind: Kind, share: float) -> float:
    """Return the same from the moment on at which each request was sent."""
    return _within(sorted(each.milliseconds - each.sent for each in answers if each.kind == kind), share)


def _within(times: Sequence[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))] if times else float("nan")
