"""What the conversations of the demo home are about: invented questions, answers and tool calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Tool(NamedTuple):
    """A call of a tool: its name, its arguments and its output."""

    name: str
    arguments: Mapping[str, Any]
    output: str


class Turn(NamedTuple):
    """A question and its answer, with the reasoning and the tool call that come before the answer."""

    question: str
    answer: str
    reasoning: str = ""
    tool: Tool | None = None


class Subject(NamedTuple):
    """What a conversation is about. In its texts, `{{name}}` is replaced by one of `WORDS[name]`."""

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
                "Start with what grows. Resident memory climbs by the same amount with every batch, so "
                "something keeps a reference to them:\n\n```python\nseen: set[str] = set()\n\n"
                "for batch in queue:\n    seen.update(batch.keys)   # never trimmed\n```\n\n"
                "A bounded cache of the last 100,000 keys is enough to drop duplicates.",
                "A steady slope points to a collection that is never trimmed, not to a large batch.",
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
                "| metric | before | after |\n|---|---|---|\n| resident memory | grows 31 MB a minute "
                "| 310 MB |\n| duplicates let through | 0 | 0.02 % |\n\n"
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
                "`push` may move the vector in memory, which would leave `first` dangling. Copy the "
                'number instead:\n\n```rust\nlet first = v[0];\nv.push(4);\nprintln!("{first}");\n```',
                "i32 is Copy, so the simplest fix is to take the value, not a reference.",
            ),
            Turn(
                "And if the items are strings?",
                "Then clone the one you need, or stop using the reference before the push. "
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
                "Plan five days in {{city}} with children aged 6 and 9. No more than two things a day.",
                "1. **Arrival**: a walk by the water, ice cream, an early night.\n2. **Old town** in the "
                "morning, a playground after lunch.\n3. **By boat** to the island, back by bus.\n"
                "4. **Nothing planned.**\n5. **Market**, then the train.\n\n"
                "Every day leaves an hour for a rest after lunch.",
            ),
            Turn(
                "What will it cost without the flights?",
                "About 1,240 € for four, half of it for the rooms.",
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
                "Sixty percent water is on the dry side, and dough that goes straight into the fridge "
                "rises little. Use 350 g of water, and leave the dough at room temperature for two hours "
                "first.",
                "Hydration 60 %, no bulk rise at room temperature. The second matters more.",
            ),
            Turn(
                "Better, but now it sticks.",
                "Wet your hands, and fold it every half hour instead of kneading.",
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
        "Flaky tests in {{service}}",
        "Atlas",
        (
            Turn(
                "About one run in {{number}} fails in `test_upload`, but never on my machine.",
                "The test waits a fixed 0.1 s for a thread. Wait for the event instead:\n\n"
                "```diff\n-    time.sleep(0.1)\n+    assert uploaded.wait(timeout=5)\n```",
                "It fails only on a busy machine, which suggests a fixed delay.",
                Tool("terminal", {"command": "pytest -x -q --count 50"}, "50 passed in 12.41s"),
            ),
            Turn(
                "How do I pass the token in CI?",
                "As an environment variable, `DEPLOY_TOKEN=sample-value-of-a-demo-home`. "
                "Make sure that it never appears in the log.",
            ),
        ),
    ),
)
FOLLOW_UPS = (
    Turn("Can you say that in one sentence?", "Measure first, change one thing, measure again."),
    Turn(
        "Is there anything I missed?",
        "Only empty input: it is accepted and should be rejected.",
    ),
    Turn("Thanks, that was it.", "Good luck, and write down what you changed."),
)
