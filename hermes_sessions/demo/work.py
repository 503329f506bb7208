"""Sample conversations about programs and studies."""

from __future__ import annotations

from .subjects import Subject, Tool, Turn

WORK = (
    Subject(
        "Review the release notes #release",
        "Atlas",
        (
            Turn(
                "Here are the notes for 4.2. Are they clear to someone who has not followed the project?\n\n"
                "> Reworked the scheduler. Fixed several races. Deprecated `run_all`.",
                "Not yet: they say what you did, not what changes for the reader. Perhaps:\n\n"
                "- **Jobs start on time again** when the computer wakes from sleep.\n"
                "- **Two jobs of the same name** no longer overwrite each other's output.\n"
                "- `run_all` still works and prints a warning; use `run` without arguments instead. It will "
                "be removed in 5.0.",
                "Release notes answer one question: what do I have to do, and what gets better?",
            ),
            Turn(
                "Much better. And the headline?",
                "*Jobs that start on time*: it is the one change that everybody will notice.",
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
                (
                    Tool(
                        "terminal",
                        {"command": "cargo test -q"},
                        "running 1 test\n.\ntest result: ok. 1 passed",
                    ),
                ),
            ),
        ),
        ("rust",),
        {"profile": "work"},
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
                (
                    Tool(
                        "terminal",
                        {"command": "pytest -x -q --count 50 --load 4"},
                        "FAILED test_upload.py::test_upload - AssertionError: nothing was uploaded\n"
                        "1 failed, 31 passed in 18.90s",
                        1,
                    ),
                    Tool("terminal", {"command": "pytest -x -q --count 50"}, "50 passed in 12.41s"),
                ),
            ),
            Turn(
                "How do I pass the token in CI?",
                "As an environment variable, `DEPLOY_TOKEN=sample-value-of-a-demo-home`. "
                "Make sure that it never appears in the log.",
            ),
        ),
        ("tests", "ci"),
    ),
    Subject(
        "Index for the {{service}} query",
        "Atlas",
        (
            Turn(
                "This takes {{number}} seconds on two million rows. What is missing?\n\n"
                "```sql\nSELECT * FROM events\nWHERE account = ? AND kind = 'login'\n"
                "ORDER BY created_at DESC LIMIT 50;\n```",
                "An index that has the two columns that you compare, and then the one that you sort by:\n\n"
                "```sql\nCREATE INDEX events_recent ON events (account, kind, created_at DESC);\n```\n\n"
                "| | rows read | time |\n|---|---:|---:|\n| before | 2,013,447 | {{number}} s |\n"
                "| after | 50 | 2 ms |",
                "Equality columns first, then the order; then LIMIT can stop early.",
            ),
            Turn(
                "Does it make writing slower?",
                "By about 4 % for an insert. One index that is used is worth it; drop `events_kind`, which "
                "nothing uses any more.",
            ),
        ),
        ("database",),
    ),
    Subject(
        "Name for the chapter on caching",
        "Thesis",
        (
            Turn(
                "Chapter 4 is about caches that know when they are stale. I need a title.",
                "1. *Knowing When to Forget*\n2. *Caches That Notice*\n3. *Stale by Design*\n\n"
                "I would take the first: it says what the chapter is about and can be understood alone.",
            ),
        ),
        ("writing",),
    ),
    Subject(
        "Compare three ways to store events",
        "Atlas",
        (
            Turn(
                "Rows, one JSON file for each day, or a log? We write 40 events a second and read rarely.",
                "| | write | read a day | repair | size a year |\n|---|---|---|---|---:|\n"
                "| rows | 1 ms | 30 ms | tools exist | 140 GB |\n| JSON per day | rewrite the file | 2 s "
                "| by hand | 310 GB |\n| log, compressed | append | 0.4 s | cut off the tail | 19 GB |\n\n"
                "**The log.** You append, you read in order, and a torn last line costs one event.",
                "Write-heavy, rarely read, always in order: that is what logs are for.",
            ),
            Turn(
                "How would I find one account in it?",
                "Keep a small index beside the log: for each account the days on which it occurs. It is "
                "rebuilt from the log in a minute, so it may be lost.",
            ),
            Turn(
                "Show me how much we would save.",
                "The same 120 days, in gigabytes. The log stays under a seventh of the rows:",
                drawn="sizes",
            ),
        ),
        ("database", "decision"),
        {"pinned": True},
    ),
    Subject(
        "Statistics for the user study",
        "Thesis",
        (
            Turn(
                "24 people, two interfaces, time in seconds for each. Which test?",
                "The same people used both, so the differences are what counts. With 24 of them, and times "
                "that have a long tail, use the **Wilcoxon signed-rank test**, and report the median of the "
                "differences with its interval: **6.2 s** (95 % between 3.9 s and 8.8 s).",
                "Paired, not normal, small: signed-rank rather than a t-test.",
                (
                    Tool(
                        "python",
                        {"code": "wilcoxon(times.old, times.new)"},
                        "NameError: name 'wilcoxon' is not defined",
                        1,
                    ),
                    Tool(
                        "python",
                        {
                            "code": "from scipy.stats import wilcoxon\nwilcoxon(times.old, times.new)",
                        },
                        "WilcoxonResult(statistic=41.0, pvalue=0.0009)",
                    ),
                ),
            ),
            Turn(
                "Do I have to correct for testing three tasks?",
                "Yes: Holm's method, which loses less than dividing by three. All three stay significant.",
            ),
        ),
        ("writing", "statistics"),
    ),
    Subject(
        "Refactor the date picker",
        "Atlas",
        (
            Turn(
                "The date picker has 900 lines and five flags. How do I take it apart without a rewrite?",
                "Take out what decides, leave what draws:\n\n1. `monthGrid(year, month)` returns six weeks "
                "of dates.\n2. `selectable(date, limits)` says whether a day can be chosen.\n3. The "
                "component only draws the two.\n\n```js\nexport function monthGrid(year, month) {\n"
                "  const first = new Date(year, month, 1);\n  const start = 1 - ((first.getDay() + 6) % 7);\n"
                "  return Array.from({ length: 42 }, (_, day) => new Date(year, month, start + "
                "day));\n}\n```",
                "Pure functions first: they can be tested before anything else moves.",
            ),
            Turn(
                "Three of the flags are for keyboard users.",
                "Then they are no flags: arrow keys, Page Up and Page Down, Home and End should always work. "
                "Two flags are left, and both are about appearance.",
            ),
        ),
        ("frontend",),
    ),
    Subject(
        "Read a 4 GB log without running out of memory",
        "Atlas",
        (
            Turn(
                "I only need the slowest 20 requests in `access.log`. It is 4 GB.",
                "Read it line by line and keep only the 20 largest:\n\n```python\nfrom heapq import "
                "nlargest\n\n"
                'with open("access.log") as log:\n    slowest = nlargest(20, log, key=duration)\n```\n\n'
                "That needs as much memory as 20 lines.",
                "",
                (
                    Tool(
                        "terminal",
                        {"command": "/usr/bin/time -f '%M kB' python slowest.py"},
                        "14320 kB",
                    ),
                ),
            ),
        ),
    ),
    Subject(
        "Outline for the talk on local-first software #talk",
        "Thesis",
        (
            Turn(
                "25 minutes, an audience that has not heard of it. What is the thread?",
                "One story: *a train goes into a tunnel*.\n\n| minute | what |\n|---:|---|\n"
                "| 0 | The note that was lost in the tunnel |\n| 4 | Whose copy is the real one? |\n"
                "| 10 | Merging, with two pens and one sheet of paper |\n| 18 | What it costs |\n"
                "| 22 | The tunnel again |",
            ),
            Turn("And if there are only 15?", "Leave out what it costs, and answer it in the questions."),
        ),
        ("writing",),
    ),
    Subject(
        "Regular expression for version numbers",
        None,
        (
            Turn(
                "Match 1.4, 1.4.2 and 1.4.2rc1, but not 1.4. or v1.",
                "`^\\d+\\.\\d+(?:\\.\\d+)?(?:rc\\d+)?$`\n\nIf you only compare versions, use a parser: "
                "`1.10` is newer than `1.9`, and texts sort it the other way round.",
            ),
        ),
        (),
        {"source_tag": "cli", "session_source": "cli", "source_label": "CLI", "is_cli_session": True},
    ),
    Subject(
        "Deploy checklist for {{service}}",
        "Atlas",
        (
            Turn(
                "Make a checklist from the last three deployments.",
                "- The migration ran on a copy of the data\n- The old version can read the new rows\n"
                "- Someone else has read the change\n- The alert for {{service}} is switched on\n"
                "- You know how to go back, and have tried it",
                "",
                (
                    Tool(
                        "read_file",
                        {"path": "runbooks/{{service}}.md"},
                        '{"error": "runbooks/{{service}}.md does not exist"}',
                    ),
                    Tool("search_files", {"pattern": "deploy", "path": "notes"}, "notes/deploys-2026.md"),
                ),
            ),
        ),
        ("release",),
    ),
    Subject(
        "Why is the build slow?",
        "Atlas",
        (
            Turn(
                "The build takes 11 minutes. Where does the time go?",
                "| step | minutes |\n|---|---:|\n| install | 4 |\n| lint | 1 |\n| test | 6 |\n\n"
                "Four minutes go into installing what has not changed. Cache that folder by the hash of the "
                "lock file, and run the linter beside the tests: 11 minutes become about 6.",
                "Look at the longest step that repeats the same work.",
            ),
        ),
        ("ci",),
        {"archived": True},
    ),
    Subject(
        "Commit message for the new importer",
        "Atlas",
        (
            Turn(
                "It reads four formats now, and importing twice changes nothing. One line, please.",
                "*Import four formats; importing the same file again changes nothing*",
            ),
        ),
    ),
    Subject(
        "Questions for the interview",
        None,
        (
            Turn(
                "Someone for support, part-time. Questions that are not a test of nerves?",
                "1. Tell me about a question that you could not answer at once.\n2. What do you write when "
                "the "
                "mistake is ours?\n3. Which of our help pages would you rewrite first?\n\nSend the third "
                "one the "
                "day before: it shows how someone works, not how quickly.",
            ),
        ),
        ("people",),
        {"profile": "work"},
    ),
    Subject(
        "Convert the survey to a table",
        "Thesis",
        (
            Turn(
                "`survey.csv` has one row per answer. I need one row per person.",
                '```python\nimport pandas as pd\n\nanswers = pd.read_csv("survey.csv")\n'
                'people = answers.pivot(index="person", columns="question", values="answer")\n'
                'people.to_csv("people.csv")\n```\n\nThree people answered question 7 twice; the later '
                "answer "
                "counts.",
                "A pivot fails when a pair occurs twice, so those have to be settled first.",
                (
                    Tool(
                        "terminal",
                        {"command": "python pivot.py"},
                        "ValueError: Index contains duplicate entries, cannot reshape",
                        1,
                    ),
                    Tool("terminal", {"command": "python pivot.py --keep last"}, "wrote 118 rows"),
                ),
            ),
        ),
        ("statistics",),
    ),
    Subject(
        "Keyboard shortcuts for the editor",
        "Atlas",
        (
            Turn(
                "Which ten are worth learning first?",
                "| keys | what |\n|---|---|\n| `Ctrl P` | open a file by its name |\n| `Ctrl D` | select "
                "the next "
                "occurrence |\n| `Alt ↑` | move the line up |\n| `F2` | rename everywhere |\n| `F8` | next "
                "problem |"
                "\n\nFive are enough for this week.",
            ),
        ),
    ),
)
