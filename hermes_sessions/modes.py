"""Who may read and write what this program creates: its owner alone. The one place that decides.

Transcripts hold passwords and private letters, and whoever can open a lock file can hold the lock for ever.
So files get mode 0600 and folders 0700, whatever the umask is. A file that replaces or copies another one
never has a permission that the other one lacks.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

FILE, FOLDER = 0o600, 0o700


def allowed(mode: int) -> int:
    """Return the permissions of a file that replaces or copies one with these."""
    return mode & FILE


def create_file(path: str | Path, flags: int) -> int:
    """Open a file, as the argument `opener` of `open` does; one that is new is private."""
    return os.open(path, flags, FILE)


def make_folder(folder: Path) -> None:
    """Create a folder and the missing ones above it, all private; raise `OSError`."""
    if not folder.is_dir():
        make_folder(folder.parent)
        with suppress(FileExistsError):  # another process was faster
            folder.mkdir(FOLDER)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{folder.name} is not a folder")


def make_own_folder(folder: Path) -> None:
    """Create a private folder, or make the existing one private; for folders that only this program uses."""
    make_folder(folder)
    tighten(folder)


def tighten(path: Path) -> None:
    """Take from everybody but the owner what they may do with a file or a folder of this program.

    If the path is a link to a device or a pipe, that belongs to all programs and is not changed.
    """
    with suppress(OSError):  # it is not there, or belongs to another user, who decides about it
        mode = path.stat().st_mode
        is_own = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
        if is_own and stat.S_IMODE(mode) & ~FOLDER:
            path.chmod(stat.S_IMODE(mode) & FOLDER)


def keep_private(path: Path) -> None:
    """Create an empty private file, or make the existing one private.

    Other programs then write it: SQLite gives the files beside a database the permissions of that. What goes
    wrong here is reported by whoever opens the file.
    """
    with suppress(OSError):
        if path.exists():
            tighten(path)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE))
