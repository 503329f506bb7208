"""Sample conversations with the agent: on the command line, in messengers, by schedule and by its helpers."""

from __future__ import annotations

from .subjects import Subject, Tool, Turn

AGENT_SUBJECTS = (
    Subject(
        "Tidy up the downloads folder",
        None,
        (
            Turn(
                "Sort my downloads by type, and ask before you delete anything.",
                "214 files sorted into 6 folders. 31 installers are older than a year (2.1 GB); shall I "
                "delete "
                "those?",
                "",
                (
                    Tool(
                        "terminal",
                        {"command": "ls ~/Downloads | sed 's/.*\\.//' | sort | uniq -c | sort -rn | head -4"},
                        "     96 pdf\n     54 jpg\n     31 dmg\n     12 zip",
                    ),
                ),
            ),
            Turn("Yes, only those.", "Deleted 31 installers. 2.1 GB are free again."),
            Turn(
                "And the duplicates among the PDFs?",
                "Nine are there twice, with the same content. I kept the one with the older name of each "
                "pair.",
                "",
                (Tool("terminal", {"command": "fdupes -r ~/Downloads/pdf | grep -c ."}, "18"),),
            ),
            Turn("Good. Write down what you did.", "It is in `~/Downloads/sorted.md`."),
        ),
        ("backup",),
        source="cli",
    ),
    Subject(
        "Will it rain on Saturday?",
        None,
        (
            Turn("Will it rain on Saturday? We want to cycle", "Dry until about 15:00, then showers. 18°."),
            Turn("And Sunday", "Sunny, 21°, a light wind from the west. I would take Sunday."),
        ),
        (),
        source="telegram",
    ),
    Subject(
        "Morning digest",
        None,
        (
            Turn(
                "Summarise my mail, the calendar and the weather.",
                "**Today**\n\n- 10:00 review of the release notes\n- 15:30 dentist\n\n**Mail**: 14 new, "
                "two of "
                "them ask for an answer: the roofer's quote, and the room for the talk.\n\n**Weather**: "
                "17°, dry.",
            ),
        ),
        source="cron",
    ),
    Subject(
        "Reorganise the notes into folders",
        None,
        (
            Turn(
                "I have 380 notes in one folder. Propose a structure first.",
                "Four folders: *Projects*, *Reference*, *People*, *Journal*. 41 notes fit into none; most of "
                "them are lists that are done.",
                "Group by how the notes are used, not by topic.",
                (Tool("search_files", {"pattern": "*.md", "path": "~/notes"}, "380 files"),),
            ),
            Turn(
                "Do it, but leave the journal alone.",
                "Moved 302 notes. Links between them are mended: 118 in 64 files.",
                "",
                (
                    Tool(
                        "terminal",
                        {"command": "python move_notes.py --dry-run"},
                        "FileExistsError: notes/Reference/README.md",
                        1,
                    ),
                    Tool("terminal", {"command": "python move_notes.py --suffix 2"}, "302 moved, 118 links"),
                ),
            ),
            Turn(
                "Which links are broken now?",
                "Three, and all of them were broken before: they lead to notes that were deleted in spring.",
            ),
            Turn("Remove those.", "Removed, and noted in `CHANGES.md`."),
            Turn(
                "What is left to do?", "The 41 notes without a place. We could go through ten each morning."
            ),
        ),
        ("notes",),
        source="cli",
    ),
    Subject(
        "Check the sources of chapter 2",
        None,
        (
            Turn(
                "Check that every source of chapter 2 exists and says what is quoted.",
                "27 of 29 are right. One page number is off by ten, and one quotation leaves out a *not*.",
            ),
        ),
        (),
        source="tool",
    ),
    Subject(
        "Remind me about the tickets",
        None,
        (
            Turn("Remind me on Thursday to book the tickets", "I will, on Thursday at 9:00. 🎟️"),
            Turn("Make it 8", "8:00 it is."),
        ),
        source="telegram",
    ),
    Subject(
        "Weekly backup",
        None,
        (
            Turn(
                "Back up the home folder, and report what changed.",
                "4.3 GB in 1,204 files were added or changed; the check of 50 random files found no "
                "difference.",
                "",
                (
                    Tool(
                        "terminal",
                        {"command": "restic backup ~ --exclude-caches"},
                        "Files:  812 new, 392 changed, 61,340 unmodified\nsnapshot saved",
                    ),
                ),
            ),
        ),
        source="cron",
    ),
    Subject(
        "Photos from the weekend",
        None,
        (
            Turn(
                "Can you make an album of the photos from the weekend",
                "Done: 38 photos, the blurred ones left out.",
            ),
            Turn("Share it with the family", "The link is in the family chat. It works for 30 days."),
        ),
        ("family",),
        source="discord",
    ),
    Subject(
        "Find out why the fan is loud",
        None,
        (
            Turn(
                "My laptop is loud even when I do nothing. Find out why.",
                "The indexer reads the same folder again and again: it contains a link to itself. I "
                "excluded the "
                "folder, and the processor is at 4 %.",
                "Look for what uses the processor while nobody works.",
                (
                    Tool(
                        "terminal",
                        {"command": "top -b -n 1 | head -9 | tail -2"},
                        " 2211 me  39  19  98.7  indexer\n 1003 me  20   0   2.1  compositor",
                    ),
                    Tool("terminal", {"command": "readlink -f ~/Projects/old/old"}, "/home/me/Projects/old"),
                ),
            ),
            Turn("Will it come back?", "No. If you remove the link, you can index the folder again."),
        ),
        source="cli",
    ),
    Subject(
        "Standup notes for the team",
        None,
        (
            Turn(
                "Collect what everybody wrote since yesterday.",
                "- The import is merged; the documentation follows today.\n- The slow list was the missing "
                "index.\n"
                "- Nobody is blocked.",
            ),
        ),
        ("work",),
        source="slack",
    ),
    Subject(
        "Translate the menu",
        None,
        (
            Turn(
                "What is rivière de légumes on this menu",
                "A dish of thinly sliced vegetables, baked in rows.",
            ),
            Turn("Is there cheese in it", "Usually not, but ask: some cooks put goat cheese on top."),
        ),
        ("languages",),
        source="telegram",
    ),
    Subject(
        "Rename the scans by date",
        None,
        (
            Turn(
                "In ~/scans, name every file by the date in it.",
                "112 of 118 are renamed. Six have no date that I can read; they are in `~/scans/unread`.",
                "",
                (
                    Tool("terminal", {"command": "ocrmypdf --version"}, "command not found: ocrmypdf", 127),
                    Tool("terminal", {"command": "pdftotext scan_001.pdf - | head -3"}, "Invoice\n14 March"),
                ),
            ),
        ),
        source="cli",
    ),
    Subject(
        "Compare the two drafts",
        None,
        (
            Turn(
                "List what the second draft changes in meaning.",
                "Two things: the deadline moves by a week, and *must* became *should* in the third "
                "paragraph.",
            ),
        ),
        source="tool",
    ),
    Subject(
        "Shopping list",
        None,
        (
            Turn("Add oats and pears", "Added. Seven things are on the list."),
            Turn("What else was on it", "Bread, yoghurt, lemons, rice and dishwasher salt."),
        ),
        source="telegram",
    ),
    Subject(
        "Set up the new laptop",
        None,
        (
            Turn(
                "Install what the old one had, without the games.",
                "61 of 63 packages are installed. Two do not exist any more; their successors are listed "
                "below.",
                "",
                (
                    Tool(
                        "terminal",
                        {"command": "brew bundle --file old.txt"},
                        'Error: No available formula with the name "youcompleteme"',
                        1,
                    ),
                ),
            ),
            Turn("Take the successors.", "Installed. Your settings come from the backup of Sunday."),
        ),
        ("backup",),
        source="cli",
    ),
)
