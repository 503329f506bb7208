"""What each kind of finding means to the person whose conversations these are, and which call mends it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from .findings import Finding, FindingKind
from .lost_words import in_one


class Mending(StrEnum):
    """Who mends a finding: one of the repository's calls, the program itself, or a person by hand."""

    RESTORE = "restore"
    RECOVER = "recover"
    PUT_BACK = "put_back"
    LEAVE_PROJECT = "leave_project"  # `update` with a project of None
    AUTOMATIC = "automatic"
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True)
class FindingWords:
    """A kind of finding in words: what is the matter, what it means, and what to do about it.

    `mending` says who mends it, and `act` names the button of a call that does. None of the texts has a
    command in it: those stand in the `remedy` of the finding.
    """

    title: str
    explanation: str
    mending: Mending = Mending.BY_HAND
    act: str = ""


def words_of(finding: Finding) -> FindingWords:
    """Return the words for a finding."""
    return CAME_BACK if finding.field == "deleted" else FINDING_WORDS[finding.kind]


def by_conversation(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings with one for all lost changes of a conversation, which one call puts back.

    Its `field` is that of the first.
    """
    of = dict[object, list[Finding]]()
    for place, each in enumerate(findings):
        is_lost = each.kind is FindingKind.LOST_UPDATE
        of.setdefault((each.session_id, each.remedy) if is_lost else place, []).append(each)
    return [replace(same[0], meaning=in_one([each.meaning for each in same])) for same in of.values()]


def is_problem(finding: Finding) -> bool:
    """Whether a person has to do something about a finding."""
    return not finding.note and words_of(finding).mending is not Mending.AUTOMATIC


_LISTED_AGAIN = "The program reads it again by itself. No conversation is lost."
_NOT_OVERWRITTEN = "It is never overwritten. Correct it in a text editor, or replace it by one from a backup."
_SET_ASIDE = "Compare it with the file in use, copy what is missing, and delete it."

CAME_BACK = FindingWords(
    "A conversation that you deleted came back",
    "Another program wrote it again. Delete again moves it to the trash, with what that program added. To "
    "keep it, open it and choose Keep it.",
    Mending.PUT_BACK,
    "Delete again",
)

FINDING_WORDS: Mapping[FindingKind, FindingWords] = {
    FindingKind.UNREADABLE_FOLDER: FindingWords(
        "The folder of the conversations cannot be read",
        "Its conversations cannot be opened or changed until it can be read again. Give the user that runs "
        "this program access to it, or mount its disk. What lists say of them is as it was last read.",
    ),
    FindingKind.UNREADABLE_TRASH: FindingWords(
        "The trash cannot be read",
        "No conversation can be deleted or restored until it can be read again. Give the user that runs this "
        "program access to the folder.",
    ),
    FindingKind.UNREADABLE_FILE: FindingWords(
        "A file cannot be read",
        "Its conversation is missing from lists and searches. The file is never overwritten: correct it in a "
        "text editor, or move it out of the folder.",
    ),
    FindingKind.NO_INDEX: FindingWords(
        "The conversations are not in the list yet",
        _LISTED_AGAIN,
        Mending.AUTOMATIC,
    ),
    FindingKind.ROW_WITHOUT_FILE: FindingWords(
        "The list has a conversation whose file is gone",
        "The program removes it from the list by itself.",
        Mending.AUTOMATIC,
    ),
    FindingKind.FILE_WITHOUT_ROW: FindingWords(
        "A conversation is not in the list yet", _LISTED_AGAIN, Mending.AUTOMATIC
    ),
    FindingKind.STALE_ROW: FindingWords(
        "The list shows an earlier version of a conversation", _LISTED_AGAIN, Mending.AUTOMATIC
    ),
    FindingKind.WRONG_COUNT_IN_INDEX: FindingWords(
        "The list shows a wrong number of messages", _LISTED_AGAIN, Mending.AUTOMATIC
    ),
    FindingKind.WRONG_ROW: FindingWords("The list differs from the files", _LISTED_AGAIN, Mending.AUTOMATIC),
    FindingKind.WRONG_MIRROR: FindingWords(
        "The list differs from the agent’s database", _LISTED_AGAIN, Mending.AUTOMATIC
    ),
    FindingKind.WRONG_COUNT_IN_FILE: FindingWords(
        "A file states a wrong number of messages",
        "All its messages are shown. The next change of the conversation corrects the number.",
        Mending.AUTOMATIC,
    ),
    FindingKind.ID_DIFFERS: FindingWords(
        "A file has the id of another conversation",
        "The conversation is listed by the name of its file. Other programs may take it for the other one: "
        "rename the file, or correct the id in it.",
    ),
    FindingKind.UNREADABLE_TIME: FindingWords(
        "A time cannot be read",
        "The conversation is complete, and is listed by its other times. To correct it, write the time into "
        "the file as in 2026-01-31T09:30:00Z.",
    ),
    FindingKind.DEBRIS: FindingWords(
        "An interrupted write left a file",
        "No conversation needs it. The program deletes it by itself.",
        Mending.AUTOMATIC,
    ),
    FindingKind.UNSEEN_VERSION: FindingWords(
        "Another program’s version of a conversation was set aside",
        "The program moves it to the trash by itself, so that nothing of it is lost.",
        Mending.AUTOMATIC,
    ),
    FindingKind.UNSEEN_PROJECTS: FindingWords(
        "Another program’s version of the projects was set aside",
        f"Projects that were created or renamed there may be missing here. {_SET_ASIDE}",
    ),
    FindingKind.UNSEEN_TAGS: FindingWords(
        "Another program’s version of the tags was set aside",
        f"Tags that were added there may be missing here. {_SET_ASIDE}",
    ),
    FindingKind.COPY_IN_TRASH: FindingWords(
        "A move to or from the trash was interrupted",
        "The conversation is complete in its place. The program deletes the copy in the trash by itself.",
        Mending.AUTOMATIC,
    ),
    FindingKind.BACKUP_WITHOUT_SESSION: FindingWords(
        "Only a backup is left of a conversation",
        "The conversation is neither in the list nor in the trash. Restore brings it back from its backup.",
        Mending.RESTORE,
        "Restore",
    ),
    FindingKind.UNREADABLE_BACKUP: FindingWords(
        "A backup cannot be read",
        "The conversation itself is not affected, but cannot be restored from this backup. Correct the file "
        "in a text editor, or delete it.",
    ),
    FindingKind.LONGER_BACKUP: FindingWords(
        "A conversation is shorter than its backup",
        "Messages were removed from it, by you or by another program. Restore brings the longer version back "
        "and keeps the shorter one in the trash.",
        Mending.RESTORE,
        "Restore",
    ),
    FindingKind.LOST_UPDATE: FindingWords(
        "Another program has overwritten your change",
        "That program had not read the change. Put back makes the change again, and keeps what the other "
        "program added.",
        Mending.PUT_BACK,
        "Put back",
    ),
    FindingKind.INTERRUPTED_TURN: FindingWords(
        "A message waits for an answer that nobody is writing",
        "The answer was interrupted. Stop waiting keeps your message, marks it as not answered, and the "
        "conversation can go on.",
        Mending.RECOVER,
        "Stop waiting",
    ),
    FindingKind.UNREADABLE_PROJECTS: FindingWords(
        "The projects cannot be read",
        f"Conversations are listed without their projects. {_NOT_OVERWRITTEN}",
    ),
    FindingKind.UNREADABLE_TAGS: FindingWords(
        "The tags cannot be read", f"Conversations are listed without their tags. {_NOT_OVERWRITTEN}"
    ),
    FindingKind.UNKNOWN_PROJECT: FindingWords(
        "A conversation is in a project that does not exist",
        "No project shows it. Move it to another project, or take it out of this one.",
        Mending.LEAVE_PROJECT,
        "Move out of the project",
    ),
    FindingKind.AGENT_UNAVAILABLE: FindingWords(
        "The agent’s database is not available",
        "Its conversations are listed as they were last read, and cannot be opened. If the agent has never "
        "run here, there are none yet; otherwise close what locks its database, or repair that.",
    ),
    FindingKind.AGENT_NOT_LISTED: FindingWords(
        "Some of the agent’s conversations are not listed",
        "Their ids cannot be used here. The agent itself shows them.",
    ),
    FindingKind.AGENT_COLUMN_MISSING: FindingWords(
        "The agent is of another version than this program expects",
        "What it does not store is missing from its conversations here. Update the agent.",
    ),
    FindingKind.AGENT_INDEX_MISSING: FindingWords(
        "Opening the agent’s conversations is slow",
        "Its database lacks an index. The agent makes one when it starts.",
    ),
    FindingKind.AGENT_DAMAGED: FindingWords(
        "The agent’s database is damaged",
        "This program never writes to it. Stop the agent, keep a copy of its database, and recover it.",
    ),
    FindingKind.AGENT_FULL_TEXT_DAMAGED: FindingWords(
        "The agent’s search is damaged",
        "Its conversations are complete, but a search may miss their messages. Stop the agent, and have its "
        "search table built again.",
    ),
    FindingKind.DAMAGED_INDEX: FindingWords(
        "A damaged index was replaced",
        "It was built again from the files, and nothing is missing. You can delete the damaged file.",
        Mending.AUTOMATIC,
    ),
    FindingKind.RESCUED_VERSION: FindingWords(
        "The trash keeps a version that another program wrote",
        "It was written while this program saved the conversation. Look whether it has messages that the "
        "conversation lacks.",
    ),
    FindingKind.OLD_TRASH: FindingWords(
        "The trash holds conversations for longer than it keeps them",
        "They are deleted permanently when the server starts.",
        Mending.AUTOMATIC,
    ),
    FindingKind.OLD_REVISION: FindingWords(
        "The index is of an earlier version of this program",
        "The program brings it up to date when it starts, after a copy.",
        Mending.AUTOMATIC,
    ),
}
