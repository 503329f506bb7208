"""The newest sample conversations: one with a picture and a failed command, a long and an interrupted one."""

from __future__ import annotations

from .subjects import Subject, Tool, Turn

_MODULES = ("accounts", "billing", "calendar", "contacts", "exports", "filters", "images", "imports")
_MORE_MODULES = ("invoices", "labels", "ledger", "mailer", "notes", "reports", "search", "settings")

MEMORY = Subject(
    "{{service}} worker runs out of memory",
    "Atlas",
    (
        Turn(
            "The {{service}} worker is killed after about {{number}} minutes. Here is its memory since this "
            "morning. Where do I start?",
            "Start with what grows. Resident memory climbs by the same amount with every batch, so "
            "something keeps a reference to them:\n\n```python\nseen: set[str] = set()\n\n"
            "for batch in queue:\n    seen.update(batch.keys)   # never trimmed\n```\n\n"
            "A bounded cache of the last 100,000 keys is enough to drop duplicates.",
            "A steady slope points to a collection that is never trimmed, not to a large batch.",
            (
                Tool(
                    "terminal",
                    {"command": "journalctl -u {{service}} -n 12"},
                    "\n".join(
                        f"09:{minute:02}:11 rss={210 + 31 * minute} MB batch=500 ok" for minute in range(12)
                    ),
                ),
            ),
            picture="memory",
        ),
        Turn(
            "Can you write the cache?",
            "```python\nclass Recent:\n    def __init__(self, size: int) -> None:\n"
            "        self._keys: dict[str, None] = {}\n        self._size = size\n\n"
            "    def add(self, key: str) -> bool:\n        known = key in self._keys\n"
            "        self._keys[key] = None\n        if len(self._keys) > self._size:\n"
            "            del self._keys[next(iter(self._keys))]\n        return not known\n```\n\n"
            "The first run of the tests failed because the folder was missing from the path; the second "
            "passed.",
            "",
            (
                Tool("write_file", {"path": "{{service}}/recent.py"}, "wrote 14 lines"),
                Tool(
                    "terminal",
                    {"command": "pytest {{service}}/test_recent.py -q"},
                    "ModuleNotFoundError: No module named '{{service}}'\n1 error in 0.12s",
                    2,
                ),
                Tool(
                    "terminal",
                    {"command": "PYTHONPATH=. pytest {{service}}/test_recent.py -q"},
                    "....                                                     [100%]\n4 passed in 0.08s",
                ),
            ),
        ),
        Turn(
            "It stays flat now. What should I watch?",
            "| metric | before | after |\n|---|---:|---:|\n| resident memory | grows 31 MB a minute "
            "| 310 MB |\n| duplicates let through | 0 | 0.02 % |\n| restarts a day | 9 | 0 |\n\n"
            "Alert on the slope over an hour, not on the size.",
        ),
    ),
    ("urgent",),
    {"pinned": True},
)
PORTING = Subject(
    "Port the test suite to the new fixtures",
    "Atlas",
    (
        Turn(
            "Next is `test_{{module}}.py`. What does it set up today?",
            "It builds a database, a user and {{count}} rows in `setUp`, for every one of its tests. Only "
            "the tests of *{{module}}* need the rows; the others would do with an empty database.",
            "",
            (
                Tool(
                    "terminal",
                    {"command": "grep -n 'def ' tests/test_{{module}}.py | head -4"},
                    "12:    def setUp(self):\n31:    def test_empty(self):\n38:    def "
                    "test_{{module}}_sorted(self):"
                    "\n52:    def test_rejects_unknown_fields(self):",
                ),
            ),
        ),
        Turn(
            "Move it to fixtures, and keep the names of the tests.",
            "Done. The setup is now two fixtures, and a test names the one that it needs:\n\n"
            "```python\n@pytest.fixture\ndef {{module}}(database: Database) -> {{Module}}:\n"
            "    return {{Module}}(database, rows={{count}})\n\n\n"
            "def test_{{module}}_sorted({{module}}: {{Module}}) -> None:\n"
            "    assert {{module}}.names() == sorted({{module}}.names())\n```",
        ),
        Turn(
            "Does it still pass?",
            "All of them pass, in {{seconds}} s instead of {{before}} s.",
            "",
            (
                Tool(
                    "terminal",
                    {"command": "pytest tests/test_{{module}}.py -q"},
                    "{{tests}} passed in {{seconds}}s",
                ),
            ),
        ),
        Turn(
            "And with the tests in random order?",
            "Two fail in one order out of five: they share a list that is created when the module is "
            "imported. I made it part of the fixture, and ten random orders pass.",
            "A failure that depends on the order points to state that outlives a test.",
            (
                Tool(
                    "terminal",
                    {"command": "pytest tests/test_{{module}}.py -q -p random_order --seed {{count}}"},
                    "2 failed, {{tests}} passed\nFAILED test_{{module}}_sorted - AssertionError",
                    1,
                ),
            ),
        ),
        Turn(
            "Is there anything in it that we can delete?",
            "`test_rejects_unknown_fields` stands here and in the tests of the schema. I would keep the one "
            "there and delete this one.",
        ),
        Turn("Agreed.", "Deleted, and committed as *Port the tests of {{module}} to fixtures*."),
        Turn(
            "Where are we?",
            "| file | tests | before | now |\n|---|---:|---:|---:|\n"
            "| `test_{{module}}.py` | {{tests}} | {{before}} s | {{seconds}} s |\n\n"
            "{{left}} files are left.",
        ),
        Turn("Good. Carry on with the next one.", "On to the next file."),
    ),
    ("tests", "long read"),
    ending=(
        Turn(
            "That was the last one. Two sentences for the team, please.",
            "All 21 files are on fixtures, and the suite takes 51 s instead of 211 s. Six tests that "
            "depended "
            "on the order, and nine that stood there twice, are gone.",
        ),
        Turn(
            "Thank you. That was a long one!",
            "It was. The next person who adds a test will not notice, and that is the point.",
        ),
    ),
    rounds=tuple(
        {
            "module": module,
            "Module": module.capitalize(),
            "count": str(20 + 7 * number),
            "tests": str(9 + 5 * number % 17),
            "before": f"{3 + number * 0.7:.1f}",
            "seconds": f"{0.4 + number % 5 * 0.1:.1f}",
            "left": str(20 - number),
        }
        for number, module in enumerate(
            (
                *_MODULES,
                *_MORE_MODULES,
                *("sharing", "storage", "tables", "tags", "tasks"),
            )
        )
    ),
)
MIGRATION = Subject(
    "Move the photo archive to the new disk",
    "House",
    (
        Turn(
            "Copy `/data/photos` to the new disk, check every file, and tell me what is left.",
            "41,208 of 41,211 files are copied and their checksums match. Three are left: the old disk "
            "cannot read them.",
            "Copy first, compare checksums afterwards, delete nothing.",
            (
                Tool(
                    "terminal",
                    {"command": "rsync -a --checksum /data/photos/ /mnt/new/photos/"},
                    "rsync: read errors mapping '2019/07/IMG_2204.jpg': Input/output error (5)\n"
                    "rsync error: some files could not be transferred (code 23)",
                    23,
                ),
                Tool("terminal", {"command": "find /mnt/new/photos -type f | wc -l"}, "41208"),
            ),
        ),
        Turn(
            "Are the three in the backup?",
            "Yes, all three, from the backup of last Sunday. Shall I restore them to the new disk?",
            "",
            (
                Tool(
                    "search_files",
                    {"pattern": "IMG_22*.jpg", "path": "/backup"},
                    "IMG_2204.jpg\nIMG_2205.jpg\nIMG_2219.jpg",
                ),
            ),
        ),
    ),
    ("backup",),
    {
        "active_stream_id": "9f2c41d07be35a18",
        "pending_user_message": "Yes, restore them and compare the checksums again.",
    },
)
