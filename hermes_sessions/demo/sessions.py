"""The sample sessions of the web UI, one document for each sidecar, and the projects that they are in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from random import Random
from typing import Any, NamedTuple

from ..fields import FIELDS
from .languages import LANGUAGES
from .leading import MEMORY, MIGRATION, PORTING
from .living import LIVING
from .subjects import FIRST_WORDS, MODELS, PROJECTS, WORDS, Subject, Words
from .transcript import Document, choose_words, fill, make_transcript, spending_of
from .work import WORK

SPAN_SECONDS = 300 * 86_400  # from the oldest conversation to the newest
NEWEST_SECONDS = 240  # since the newest
STEEPNESS = 2.2  # most conversations are recent

_mixed = chain.from_iterable(zip_longest(WORK, LIVING, LANGUAGES))
SUBJECTS = (MEMORY, PORTING, MIGRATION, *(subject for subject in _mixed if subject))
# Conversations beyond these are about one of those that a word makes a different one.
REPEATED = tuple(subject for subject in SUBJECTS if "{{" in subject.title)


class TaggedSession(NamedTuple):
    """A sidecar, and the tags that were given to the session."""

    document: Document
    tags: Sequence[str]


def make_projects(now: float) -> list[Document]:
    """Return the entries of `projects.json`."""
    return [
        {"project_id": _project_id(name), "name": name, "color": color, "created_at": now - SPAN_SECONDS}
        for name, color in PROJECTS
    ]


def _project_id(name: str) -> str:
    return f"{Random(name).getrandbits(48):012x}"


def _capitalised(title: str) -> str:
    """Return a title whose first letter is a capital; the rest stays as it is."""
    return title[:1].upper() + title[1:]


def age_of(number: int, count: int) -> float:
    """Return how long ago the conversation of this number ended, in seconds; the newest has number 0."""
    return NEWEST_SECONDS + SPAN_SECONDS * float((number / count) ** STEEPNESS)


def make_sessions(count: int, seed: int, now: float) -> Iterator[TaggedSession]:
    """Yield `count` sessions, newest first."""
    for number in range(count):
        rng = Random(f"{seed} {number}")
        subject, words = _subject(number, rng)
        document = _make_session(rng, subject, words, now - age_of(number, count))
        yield TaggedSession({**document, **_differences(number, rng, subject, document)}, subject.tags)


def _subject(number: int, rng: Random) -> tuple[Subject, Words]:
    if number < len(SUBJECTS):
        return SUBJECTS[number], choose_words(rng)
    subject = REPEATED[number % len(REPEATED)]
    place = FIRST_WORDS + (number - len(SUBJECTS)) // len(REPEATED)
    others = {name: choices[place % len(choices)] for name, choices in WORDS.items()}
    return subject, {**choose_words(rng), **others}


def _make_session(rng: Random, subject: Subject, words: Words, ended_at: float) -> Document:
    messages, tool_calls = make_transcript(rng, subject, words, ended_at)
    model = rng.choice(MODELS)
    spent = spending_of(messages, model)
    metadata: Document = {
        "title": _capitalised(fill(subject.title, words)),
        "workspace": f"/srv/{(subject.project or 'home').split()[0].lower()}",
        "model": model.name,
        "model_provider": model.provider,
        "created_at": messages[0]["timestamp"] if messages else int(ended_at),
        "updated_at": int(ended_at),
        "pinned": False,
        "archived": False,
        "project_id": _project_id(subject.project) if subject.project else None,
        "profile": "default",
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "estimated_cost": spent.cost,
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


def _differences(number: int, rng: Random, subject: Subject, document: Document) -> Mapping[str, Any]:
    """Return the fields in which a session differs: as its subject says, random if that is repeated."""
    if number >= len(SUBJECTS):
        return {
            "pinned": rng.random() < 0.01,
            "archived": rng.random() < 0.1,
            "profile": rng.choice(("default", "default", "default", "work", None)),
        }
    if "pending_user_message" in subject.fields:
        return {**subject.fields, "pending_started_at": document["updated_at"]}
    return subject.fields
