"""Homes to measure on: made up, the same for the same number of sessions, or a copy of one that is there."""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

SMALL, MIDDLE, LARGE = "aa0000000012", "aa0000002000", "aa0050000000"
LARGE_BYTES = 50_000_000
PHRASE, WORD = "quarterly budget review", "deployment"
_POOL_WORDS = 400_000
_SYLLABLES = "ka to ri men sta pro con ver lo per dis ex al qu in tra ble ment ing er".split()
# One word in 25: most of what people and programs write is ASCII, and little of it wholly so.
_OTHER_SCRIPTS, _OTHERS_SHARE = (
    "größe naïve данные сервер 数据库 会话 検索 메시지 → “quoted” ✅".split(),
    0.04,
)
Messages = Callable[[random.Random, "Texts", str], Iterator[dict[str, Any]]]
_METADATA: dict[str, Any] = {
    "workspace": "/srv",
    "model": "hermes-4-70b",
    "model_provider": "openrouter",
    "project_id": None,
    "profile": "default",
    "estimated_cost": 0.25,
    "personality": None,
    "active_stream_id": None,
    "pending_user_message": None,
    "pending_attachments": [],
    "pending_started_at": None,
    "compression_anchor_visible_idx": None,
    "compression_anchor_message_key": None,
    "context_length": 200_000,
    "threshold_tokens": None,
    "last_prompt_tokens": None,
    "parent_session_id": None,
    "is_cli_session": False,
    "source_tag": None,
    "session_source": None,
    "source_label": None,
    "enabled_toolsets": None,
}


def generate(home: Path, sessions: int) -> None:
    """Write a home with this many sessions: long-tailed, about 60 kB each, and the three named ones.

    0 is a home without any, for an agent alone.
    """
    _generate(home, sessions, _messages)


def generate_small(home: Path, sessions: int) -> None:
    """Write a home with this many sessions of about a kilobyte each, and the three named ones."""
    _generate(home, sessions, _two_messages)


def _generate(home: Path, sessions: int, messages: Messages) -> None:
    _folder_of(home).mkdir(parents=True)
    if not sessions:
        return
    texts = Texts()
    for name in (SMALL, MIDDLE, LARGE):
        _write(home, name, texts, _messages)
    for number in range(3, sessions):
        _write(home, f"{number * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFF:012x}", texts, messages)


def copy(source: Path, home: Path) -> None:
    """Copy the sidecars of a home that must stay as it is, and add the three named ones unless it has none.

    The copies are hard links, but of the sessions that get measured: 20,000 real ones are a gigabyte. Neither
    side notices, since a sidecar is always replaced, never written in place.
    """
    folder = _folder_of(home)
    folder.mkdir(parents=True)
    for path in _folder_of(source).glob("*.json"):
        link(path, folder / path.name)
    if not has_sidecars(home):
        return
    texts = Texts()
    for name in (SMALL, MIDDLE, LARGE):
        given = _folder_of(source) / f"{name}.json"
        if given.exists():
            (folder / given.name).unlink()
            shutil.copyfile(given, folder / given.name)
        else:
            _write(home, name, texts, _messages)


def has_sidecars(home: Path) -> bool:
    """Whether there is a session in files."""
    return any(not path.name.startswith("_") for path in _folder_of(home).glob("*.json"))


def _folder_of(home: Path) -> Path:
    return home / "webui" / "sessions"


def link(path: Path, target: Path) -> None:
    """Make a hard link, or else a copy."""
    with suppress(OSError):  # another disk, or a file of somebody else
        os.link(path, target)
        return
    shutil.copyfile(path, target)


class Texts:
    """A pool of made-up words, a few of them very frequent, cut at random places."""

    def __init__(self) -> None:
        rng = random.Random(7)
        words = [self._word(rng) for _ in range(20_000)]
        self._pool = " ".join(words[int(20_000 ** rng.random()) - 1] for _ in range(_POOL_WORDS))

    def _word(self, rng: random.Random) -> str:
        if rng.random() < _OTHERS_SHARE:
            return rng.choice(_OTHER_SCRIPTS)
        return "".join(rng.choices(_SYLLABLES, k=rng.randint(1, 4)))

    def take(self, rng: random.Random, length: int) -> str:
        """Return a piece of this many characters."""
        at = rng.randrange(len(self._pool) - length)
        return self._pool[at : at + length]


def _write(home: Path, name: str, texts: Texts, messages: Messages) -> None:
    rng = random.Random(name)
    document = _document(rng, texts, name, list(messages(rng, texts, name)))
    text = json.dumps(document, ensure_ascii=False).encode()
    (_folder_of(home) / f"{name}.json").write_bytes(msgspec.json.format(text, indent=2))


def _document(rng: random.Random, texts: Texts, name: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    started = messages[0]["timestamp"] - 1
    return {
        "session_id": name,
        "title": texts.take(rng, rng.randint(18, 60)).strip() or "Chat",
        "created_at": started,
        "updated_at": messages[-1]["timestamp"] + 1,
        "pinned": rng.random() < 0.01,
        "archived": rng.random() < 0.08,
        "input_tokens": rng.randint(1000, 900_000),
        "output_tokens": rng.randint(100, 90_000),
        **_METADATA,
        "messages": messages,
        "tool_calls": [],
        "context_messages": [],
    }


def _sought(rng: random.Random) -> str:
    """Return what searches look for: a phrase in one message of 500, a word in one of four."""
    drawn = rng.random()
    return f" {PHRASE}" if drawn < 0.002 else f" {WORD}" if drawn < 0.25 else ""


def _messages(rng: random.Random, texts: Texts, name: str) -> Iterator[dict[str, Any]]:
    at, room = 1_760_000_000.0 - rng.random() * 26_000_000, LARGE_BYTES
    wanted = {SMALL: 12, MIDDLE: 2000, LARGE: LARGE_BYTES}.get(name) or round(rng.lognormvariate(2.5, 1.3))
    for number in range(max(2, min(wanted, 1500 if name not in (SMALL, MIDDLE, LARGE) else wanted))):
        at += rng.uniform(2, 400)
        text = texts.take(rng, length(rng, number, heavy=name == LARGE)) + _sought(rng)
        role = ("user", "assistant", "tool")[number % 3]
        room -= len(text.encode()) + 110
        if room < 0:
            return
        yield {"role": role, "content": text, "timestamp": at}


def _two_messages(rng: random.Random, texts: Texts, _name: str) -> Iterator[dict[str, Any]]:
    at = 1_760_000_000.0 - rng.random() * 26_000_000
    for role, seconds in (("user", 0.0), ("assistant", 20.0)):
        yield {"role": role, "content": texts.take(rng, rng.randint(20, 100)), "timestamp": at + seconds}


def length(rng: random.Random, number: int, heavy: bool) -> int:
    """Return a message's length: a tool's answer is sometimes a whole log, in the largest session often."""
    if number % 3 == 2 and rng.random() < (0.3 if heavy else 0.03):
        return rng.randint(20_000, 100_000)
    return int(min(8000, 200 + rng.expovariate(1 / 1200)))
