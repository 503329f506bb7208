"""The sample sessions of the web UI, one document for each sidecar, and the projects that they are in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

from ..fields import FIELDS
from .subjects import MODELS, PROJECTS, SUBJECTS, Subject
from .transcript import Document, choose_words, fill, make_transcript

LATEST = 1_790_000_000.0  # 21 September 2026; a fixed date, so that the same arguments make the same home
SPAN_SECONDS = 300 * 86_400
LONGEST_TURNS, MOST_USUAL_TURNS = 200, 60


def make_projects() -> list[Document]:
    """Return the entries of `projects.json`."""
    return [
        {"project_id": _project_id(name), "name": name, "color": color, "created_at": LATEST - SPAN_SECONDS}
        for name, color in PROJECTS
    ]


def _project_id(name: str) -> str:
    return f"{Random(name).getrandbits(48):012x}"


def make_sessions(count: int, seed: int) -> Iterator[Document]:
    """Yield the sidecars of `count` sessions, newest first."""
    for number in range(count):
        rng = Random(f"{seed} {number}")
        subject = SUBJECTS[number % len(SUBJECTS)]
        turns = LONGEST_TURNS if number == 1 else _usual_turns(rng)
        document = _make_session(rng, subject, turns, LATEST - SPAN_SECONDS * (number / count) ** 2)
        yield document | _differences(number, rng, document)


def _usual_turns(rng: Random) -> int:
    return min(MOST_USUAL_TURNS, max(1, round(rng.lognormvariate(1.1, 0.8))))


def _make_session(rng: Random, subject: Subject, turns: int, ended_at: float) -> Document:
    words = choose_words(rng)
    messages, tool_calls = make_transcript(rng, subject, turns, words, ended_at)
    model, provider = rng.choice(MODELS)
    size = sum(len(message["content"]) for message in messages)
    metadata = {
        "title": fill(subject.title, words),
        "workspace": f"/srv/{(subject.project or 'home').split()[0].lower()}",
        "model": model,
        "model_provider": provider,
        "created_at": messages[0]["timestamp"],
        "updated_at": messages[-1]["timestamp"],
        "pinned": False,
        "archived": False,
        "project_id": _project_id(subject.project) if subject.project else None,
        "profile": "default",
        "input_tokens": 3000 + size * turns // 4,
        "output_tokens": size // 4,
        "estimated_cost": round((3000 + size * turns) / 1e6, 6),
        "pending_attachments": [],
        "context_length": 200_000,
        "is_cli_session": False,
    }
    return {
        "session_id": f"{rng.getrandbits(48):012x}",
        **{name: metadata.get(name) for name in FIELDS},
        "messages": messages,
        "tool_calls": tool_calls,
        "context_messages": [],
    }


def _differences(number: int, rng: Random, document: Document) -> Document:
    """Return the fields in which a session differs: one case for each of the first, random for the rest."""
    first: Mapping[int, Document] = {
        0: {"pinned": True},
        2: {
            "title": "Untitled",
            "messages": [],
            "tool_calls": [],
            "active_stream_id": f"{rng.getrandbits(64):016x}",
            "pending_user_message": "Which trains run on Sunday?",
            "pending_started_at": document["updated_at"],
        },
        4: {"pinned": True, "profile": "work"},
        5: {"archived": True},
        7: {"source_tag": "cli", "session_source": "cli", "source_label": "CLI", "is_cli_session": True},
        8: {"source_tag": "telegram", "session_source": "messaging", "source_label": "Telegram"},
        10: {"source_tag": "cron", "session_source": "cron", "source_label": "Cron"},
    }
    if number < len(SUBJECTS):
        return first.get(number, {})
    return {
        "pinned": rng.random() < 0.01,
        "archived": rng.random() < 0.1,
        "profile": rng.choice(("default", "default", "default", "work", None)),
    }
