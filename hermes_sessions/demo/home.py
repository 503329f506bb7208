"""A made-up Hermes home to try things on: the files that the web UI and the agent would have written.

The same arguments make the same bytes. What people say in it is invented here.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..errors import InvalidValue, storing
from ..fields import FIELDS, other_keys, read_metadata
from ..model import Summary, last_message_at
from .agent import JOBS, Told, write_agent

LATEST = 1_790_000_000.0  # 21 September 2026: a fixed day, or no two homes would be the same
DAYS = 300
LONG = 400

Progress = Callable[[int, int], None]
Document = dict[str, Any]


class Tool(NamedTuple):
    """A tool that the assistant called, with what, and what came back."""

    name: str
    arguments: Mapping[str, Any]
    output: str


class Turn(NamedTuple):
    """What was asked, what was answered, the thoughts before it and the tool that was called."""

    asked: str
    answered: str
    reasoning: str = ""
    tool: Tool | None = None


class Subject(NamedTuple):
    """What a conversation is about; `{{name}}` stands for one of `WORDS[name]`."""

    title: str
    project: str | None
    turns: Sequence[Turn]


WORDS: Mapping[str, Sequence[str]] = {
    "service": ("billing", "search", "ingest", "gateway", "mailer", "thumbnails", "ledger", "scheduler"),
    "city": ("Lisbon", "Kyoto", "Tbilisi", "Oaxaca", "Ghent", "Trieste", "Essaouira", "Wellington"),
    "number": ("3", "7", "12", "24", "40", "64", "96", "250"),
    "dish": ("sourdough", "focaccia", "rye bread", "brioche", "flatbread"),
}
PROJECTS = (("Atlas", "#22c55e"), ("Kitchen", "#f59e0b"), ("Reise / 旅行", "#3b82f6"), ("Thesis", None))
MODELS = (
    ("anthropic/claude-sonnet-4.6", "openrouter"),
    ("gpt-5.4-mini", "openai-codex"),
    ("hermes-4-70b", "nous"),
)

SUBJECTS = (
    Subject(
        "{{service}} worker runs out of memory",
        "Atlas",
        (
            Turn(
                "The {{service}} worker is killed after about {{number}} minutes. Where do I start?",
                "Start with what grows. The resident size climbs by the same step at every batch, so "
                "something keeps the batches:\n\n```python\nseen: set[str] = set()\n\nfor batch in queue:\n"
                "    seen.update(batch.keys)   # never trimmed\n```\n\nA bounded cache of the last 100,000 "
                "keys is enough to drop repeats.",
                "A steady slope points to a collection that is never trimmed rather than to a large batch.",
                Tool(
                    "terminal",
                    {"command": "journalctl -u {{service}} -n 12"},
                    "\n".join(
                        f"09:{minute:02}:11 rss={210 + 31 * minute} MB batch=500 ok" for minute in range(12)
                    ),
                ),
            ),
            Turn(
                "Can you write the cache?",
                "```python\nclass Recent:\n    def __init__(self, size: int) -> None:\n"
                "        self._keys: dict[str, None] = {}\n        self._size = size\n\n"
                "    def add(self, key: str) -> bool:\n        known = key in self._keys\n"
                "        self._keys[key] = None\n        if len(self._keys) > self._size:\n"
                "            del self._keys[next(iter(self._keys))]\n        return not known\n```",
                "",
                Tool("write_file", {"path": "{{service}}/recent.py"}, "wrote 14 lines"),
            ),
            Turn(
                "It stays flat now. What should I watch?",
                "| figure | before | after |\n|---|---|---|\n| resident size | grows 31 MB a minute "
                "| 310 MB |\n| repeats let through | 0 | 0.02 % |\n\n"
                "Alert on the slope over an hour, not on the size.",
            ),
        ),
    ),
    Subject(
        "Explain the borrow checker",
        "Thesis",
        (
            Turn(
                'Why does this not compile? `let first = &v[0]; v.push(4); println!("{first}");`',
                "`push` may move the vector's memory, and `first` would then point to where it was. Copy the "
                'number instead:\n\n```rust\nlet first = v[0];\nv.push(4);\nprintln!("{first}");\n```',
                "i32 is Copy, so the simplest answer is to take the value and not a reference.",
            ),
            Turn(
                "And if the items are strings?",
                "Then clone the one you need, or finish with the reference before the push. "
                "The second costs nothing.",
            ),
            Turn(
                "Show me a test that proves it.",
                "```rust\n#[test]\nfn first_outlives_push() {\n    let mut v = vec![1, 2, 3];\n"
                "    let first = v[0];\n    v.push(4);\n    assert_eq!((first, v.len()), (1, 4));\n}\n```",
                "",
                Tool(
                    "terminal", {"command": "cargo test -q"}, "running 1 test\n.\ntest result: ok. 1 passed"
                ),
            ),
        ),
    ),
    Subject(
        "A week in {{city}} with two children",
        "Reise / 旅行",
        (
            Turn(
                "Plan five days in {{city}} with children of 6 and 9. No more than two things a day.",
                "1. **Arrival**: a walk to the water, ice cream, early bed.\n2. **Old town** in the morning, "
                "a playground after lunch.\n3. **A boat** there, the bus back.\n4. **Nothing planned.**\n"
                "5. **Market**, then the train.\n\nEvery day has an hour in the shade after lunch.",
            ),
            Turn(
                "What does it cost without the flights?",
                "About 1,{{number}}0 € for four, half of it the rooms.",
            ),
            Turn("And if it rains? 🌧️", "Swap day 3 for the aquarium 🐙: tickets are cheaper after 16:00."),
        ),
    ),
    Subject(
        "Better {{dish}}",
        "Kitchen",
        (
            Turn(
                "My {{dish}} comes out dense. 500 g flour, 300 g water, one night in the fridge.",
                "Sixty percent water is on the dry side, and a cold night from the start leaves little rise. "
                "Take 350 g of water and leave the dough two hours at room temperature first.",
                "Hydration 60 %, no bulk rise at room temperature: the second matters more.",
            ),
            Turn(
                "It is better, but it sticks.", "Wet hands, and a fold every half hour instead of kneading."
            ),
        ),
    ),
    Subject(
        "整理本周会议纪要",
        "Atlas",
        (
            Turn(
                "请把下面的会议记录整理成要点，并列出负责人。",
                "**要点**\n\n- 数据库升级推迟到下周三（负责人：林）\n"
                "- 会话列表的首屏时间从 4 秒降到 0.3 秒（负责人：周）\n"
                "- 下次会议前完成容量评估（负责人：陈）",
                "先找出决定，再找出待办事项。",
            ),
            Turn(
                "第二条再写得具体一些。",
                "列表改为按页读取索引，不再打开每一个文件；{{number}} 个用户的试用数据已经确认。",
            ),
        ),
    ),
    Subject(
        "日本語の敬語チェック",
        None,
        (
            Turn(
                "「資料を拝見させていただきました」は正しいですか。",
                "「拝見」がすでに謙譲語なので、二重敬語になります。「資料を拝見しました」で十分丁寧です。",
            ),
            Turn(
                "取引先へのメールを短くしてください。",
                "お世話になっております。資料を拝見しました。{{number}}日までにご返事いたします。",
            ),
        ),
    ),
    Subject(
        "مقارنة بين خطتي استضافة",
        "Atlas",
        (
            Turn(
                "قارن بين الخطتين من حيث السعر والذاكرة: الأولى 8 GB والثانية 16 GB.",
                "الخطة الأولى أرخص وتكفي حتى {{number}} مستخدمًا في الوقت نفسه. اختر الثانية إذا كانت "
                "قاعدة البيانات على الخادم نفسه.",
            ),
            Turn("وماذا عن النسخ الاحتياطي؟", "كلتاهما تحفظ نسخة يومية لمدة سبعة أيام."),
        ),
    ),
    Subject(
        "הסבר על אינדקסים ב-SQLite",
        "Thesis",
        (
            Turn(
                "למה השאילתה איטית למרות שיש אינדקס?",
                "כי הסדר של העמודות באינדקס לא מתאים למיון. נסה:\n\n"
                "```sql\nCREATE INDEX recent ON sessions (archived, updated_at DESC);\n```",
                "",
                Tool(
                    "terminal",
                    {"command": "sqlite3 app.db 'EXPLAIN QUERY PLAN SELECT …'"},
                    "SCAN sessions\nUSE TEMP B-TREE FOR ORDER BY",
                ),
            ),
        ),
    ),
    Subject(
        "Größere Datenbank sichern",
        "Atlas",
        (
            Turn(
                "Wie sichere ich eine SQLite-Datenbank von {{number}} GB, während sie benutzt wird?",
                "Mit `VACUUM INTO`: das liest einen festen Stand, ohne Schreiber aufzuhalten.\n\n"
                "```sh\nsqlite3 app.db \"VACUUM INTO '/backup/app.db'\"\n```\n\n"
                "Die Datei dabei nur zu kopieren genügt nicht: der Rest steht noch im WAL.",
                "Ein Kopieren mit cp wäre nicht in sich stimmig.",
            ),
            Turn(
                "Und wie prüfe ich die Kopie?",
                "`PRAGMA integrity_check`, und einmal im Monat wirklich zurückspielen.",
            ),
        ),
    ),
    Subject(
        "Отчёт о задержках {{service}}",
        None,
        (
            Turn(
                "Почему 99-й процентиль вырос, если среднее не изменилось?",
                "Потому что медленных запросов мало: {{number}} из тысячи. Среднее их почти не замечает. "
                "Посмотрите, не совпадают ли они со сборкой мусора.",
            ),
        ),
    ),
    Subject(
        "회의 일정 정리",
        None,
        (
            Turn(
                "다음 주 회의를 오전으로 모아 주세요.",
                "화요일과 목요일 오전으로 {{number}}건을 옮겼습니다. 겹치는 일정은 없습니다.",
            ),
        ),
    ),
    Subject(
        "Tests of {{service}} fail now and then",
        "Atlas",
        (
            Turn(
                "About one run in {{number}} fails at `test_upload`. Locally it never does.",
                "The test waits a fixed 0.1 s for a thread. Wait for the event instead:\n\n"
                "```diff\n-    time.sleep(0.1)\n+    assert uploaded.wait(timeout=5)\n```",
                "Only on the busy machine: that smells of a fixed pause.",
                Tool("terminal", {"command": "pytest -x -q --count 50"}, "50 passed in 12.41s"),
            ),
            Turn(
                "How is the token passed in CI?",
                "As an environment variable, `DEPLOY_TOKEN=made-up-value-of-a-demo-home`. "
                "Keep it out of the log.",
            ),
        ),
    ),
)
FOLLOW_UPS = (
    Turn("Can you say that in one sentence?", "Measure first, change one thing, measure again."),
    Turn(
        "Anything that I have missed?",
        "Only the case of an empty input: it is let through and should be refused.",
    ),
    Turn("Thanks, that was it.", "Good luck, and write down what you changed."),
)


# ---- the home -------------------------------------------------------------------------------------------


def write_home(folder: Path, *, sessions: int, seed: int = 1, progress: Progress | None = None) -> None:
    """Write a home of so many sessions into `folder`, which must be new or empty: else `InvalidValue`.

    Beside them it has a third as many conversations of the agent.

    `progress(done, total)` is called now and then. Raises `StorageError`.
    """
    with storing("cannot write the demo home"):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InvalidValue(f"{folder} exists and is not an empty folder")
        place = folder / "webui" / "sessions"
        place.mkdir(parents=True)
        _write(folder / "webui" / "projects.json", _projects())
        entries = []
        for number, document in enumerate(_documents(sessions, seed), 1):
            _write(place / f"{document['session_id']}.json", document)
            entries.append(_list_entry(document))
            if progress and (number % 100 == 0 or number == sessions):
                progress(number, sessions)
        _write(place / "_index.json", sorted(entries, key=lambda entry: -entry["updated_at"]))
        write_agent(folder, _told(max(1, sessions // 3), seed))


def _write(path: Path, value: Any) -> None:
    # The layout of json's indent=2, which in Python itself would take most of the time.
    path.write_bytes(msgspec.json.format(json.dumps(value, ensure_ascii=False).encode(), indent=2))


def _projects() -> list[Document]:
    return [
        {"project_id": _project_id(name), "name": name, "color": color, "created_at": LATEST - DAYS * 86_400}
        for name, color in PROJECTS
    ]


def _project_id(name: str) -> str:
    return f"{random.Random(name).getrandbits(48):012x}"


def _list_entry(document: Document) -> Document:
    metadata = read_metadata(document["session_id"], document, LATEST)
    messages = document["messages"]
    at = last_message_at(reversed(messages)) or document["updated_at"]
    summary = Summary(**metadata, extra=other_keys(document), message_count=len(messages), last_message_at=at)
    return summary.as_dict()


# ---- one session ----------------------------------------------------------------------------------------


def _documents(sessions: int, seed: int) -> Iterator[Document]:
    for number in range(sessions):
        rng = random.Random(f"{seed} {number}")
        subject = SUBJECTS[number % len(SUBJECTS)]
        turns = LONG // 2 if number == 1 else min(60, max(1, round(rng.lognormvariate(1.1, 0.8))))
        document = _document(rng, subject, turns, LATEST - DAYS * 86_400 * (number / sessions) ** 2)
        document.update(_peculiarities(number, rng, document))
        yield document


def _document(rng: random.Random, subject: Subject, turns: int, ended_at: float) -> Document:
    words = {name: rng.choice(choices) for name, choices in WORDS.items()}
    messages, cards = _transcript(rng, subject, turns, words, ended_at)
    model, provider = rng.choice(MODELS)
    size = sum(len(message["content"]) for message in messages)
    known = {
        "session_id": f"{rng.getrandbits(48):012x}",
        "title": _filled(subject.title, words),
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
        "session_id": known["session_id"],
        **{name: known.get(name) for name in FIELDS},
        "messages": messages,
        "tool_calls": cards,
        "context_messages": [],
    }


AGENT_SOURCES = ("cli", "telegram", "cron", "cli", "slack", "tool", "discord", "cli")


def _told(conversations: int, seed: int) -> Iterator[Told]:
    """Make up conversations with the agent, the newest first; a sub-agent's belongs to the one before it."""
    parent = None
    for number in range(conversations):
        rng = random.Random(f"{seed} agent {number}")
        source = AGENT_SOURCES[number % len(AGENT_SOURCES)]
        subject = SUBJECTS[(3 * number) % len(SUBJECTS)]
        words = {name: rng.choice(choices) for name, choices in WORDS.items()}
        ended_at = LATEST - 7_000 - DAYS * 86_400 * (number / conversations) ** 2
        messages, _ = _transcript(rng, subject, rng.randint(1, 6), words, ended_at)
        job = rng.choice(list(JOBS))
        begun = int(messages[0]["timestamp"])
        name = f"{'cron_' + job if source == 'cron' else 'agent'}_{begun}_{number}"
        title = None if source == "cron" else _filled(subject.title, words)
        yield Told(name, source, title, rng.choice(MODELS)[0], messages, parent if source == "tool" else None)
        parent = name


def _peculiarities(number: int, rng: random.Random, document: Document) -> Document:
    """Return what sets a session apart: of the first few each something else, of the rest by chance."""
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
        10: {
            "source_tag": "cron",
            "session_source": "cron",
            "source_label": "Cron",
        },
    }
    if number < len(SUBJECTS):
        return first.get(number, {})
    return {
        "pinned": rng.random() < 0.01,
        "archived": rng.random() < 0.1,
        "profile": rng.choice(("default", "default", "default", "work", None)),
    }


def _transcript(
    rng: random.Random, subject: Subject, turns: int, words: Mapping[str, str], ended_at: float
) -> tuple[list[Document], list[Document]]:
    messages: list[Document] = []
    cards: list[Document] = []
    for turn in islice(cycle((*subject.turns, *FOLLOW_UPS)), turns):
        messages.append({"role": "user", "content": _filled(turn.asked, words)})
        if turn.tool:
            cards.append(_card(rng, turn.tool, words, len(messages)))
            messages += _called(cards[-1], _filled(turn.tool.output, words))
        messages.append({"role": "assistant", "content": _filled(turn.answered, words)})
        if turn.reasoning:
            messages[-1]["reasoning"] = turn.reasoning
    at = ended_at
    for message in reversed(messages):
        message["timestamp"] = int(at)
        at -= rng.uniform(2, 400 if message["role"] == "user" else 30)
    return messages, cards


def _card(rng: random.Random, tool: Tool, words: Mapping[str, str], index: int) -> Document:
    arguments = {name: _filled(str(value), words) for name, value in tool.arguments.items()}
    return {
        "name": tool.name,
        "snippet": _filled(tool.output, words)[:200],
        "tid": f"call_{rng.getrandbits(48):012x}",
        "assistant_msg_idx": index,
        "args": arguments,
    }


def _called(card: Document, output: str) -> list[Document]:
    function = {"name": card["name"], "arguments": json.dumps(card["args"], ensure_ascii=False)}
    call = {"id": card["tid"], "type": "function", "function": function}
    return [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": card["tid"], "content": output},
    ]


def _filled(text: str, words: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: words[match[1]], text)
