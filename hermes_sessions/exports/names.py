"""The names of exported files: by the month and the day of the creation, the title, and the id. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b

from ..results import ExportFormat

ENDINGS: Mapping[ExportFormat, str] = {
    "json": "json",
    "jsonl": "jsonl",
    "markdown": "md",
    "html": "html",
    "text": "txt",
}
LONGEST_TITLE, LONGEST_ID = 80, 130  # bytes in a name, of which file systems allow 255
NO_DATE = "no-date"
EARLIEST, LATEST = 86_400, 4_102_444_800  # times outside are wrong, such as 0 or milliseconds
_ENDING = "|".join(ENDINGS.values())
_NAME = re.compile(rf"(?:\d{{4}}-\d\d|no-date)/[^/.\0][^/\0]{{0,250}}\.(?:{_ENDING})")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def file_name(session_id: str, title: str, created_at: float, ending: str) -> str:
    """Return the name of a conversation's file in the folder, such as `2026-09/21-budget-ab12.md`.

    `created_at` is in seconds since the epoch; the date is the local one.
    """
    folder, day = _date(created_at)
    parts = filter(None, (day, _words(title), _safe_id(session_id)))
    return f"{folder}/{'-'.join(parts)}.{ending}"


def is_file_name(name: str, session_id: str) -> bool:
    """Whether `file_name` could have made this name of a conversation, which stays in the folder."""
    last = name.rpartition("/")[2].rpartition(".")[0]
    return bool(_NAME.fullmatch(name)) and f"-{last}".endswith(f"-{_safe_id(session_id)}")


def _date(created_at: float) -> tuple[str, str]:
    if not EARLIEST <= created_at < LATEST:
        return NO_DATE, ""
    local = datetime.fromtimestamp(created_at).astimezone()
    return f"{local:%Y-%m}", f"{local:%d}"


def _words(title: str) -> str:
    """Return the letters and digits of a title with hyphens between, as many words as there is room for.

    A first word that is too long is cut: in Chinese, a whole sentence is one.
    """
    text = unicodedata.normalize("NFC", title[: 4 * LONGEST_TITLE]).casefold()
    words = "".join(each if each.isalnum() else " " for each in text).split()
    found = words[0].encode()[:LONGEST_TITLE].decode(errors="ignore") if words else ""
    for word in words[1:]:
        longer = f"{found}-{word}"
        if len(longer.encode()) > LONGEST_TITLE:
            break
        found = longer
    return found


def _safe_id(session_id: str) -> str:
    """Return an id as a part of a name; one that cannot be, with a digest in place of what is changed.

    One with capitals gets a digest too: macOS takes `AB12` and `ab12` for the same name.
    """
    safe = _UNSAFE.sub("_", session_id)
    if safe == session_id.lower() and len(safe) <= LONGEST_ID:
        return safe
    digest = blake2b(session_id.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return f"{safe[: LONGEST_ID - 20]}-{digest}"
