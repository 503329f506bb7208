"""Where a server that is running says its address, so that the command line can open its pages.

The address is of this machine alone, and so is what another host that uses the home has announced of its own.
"""

import json
import os
import platform
from contextlib import suppress
from pathlib import Path

from . import files, json_text

FILE = "server.json"  # in the folder of what a server keeps


def announce(folder: Path, url: str) -> None:
    """Say that this process serves the home at an address; raise `OSError`."""
    text = json.dumps({"url": url, "pid": os.getpid(), "host": platform.node()}).encode()
    files.replace(folder / FILE, lambda file: file.write(text))


def withdraw(folder: Path) -> None:
    """Take back what this process announced."""
    announced = _read(folder)
    if announced and announced[1] == os.getpid():
        (folder / FILE).unlink(missing_ok=True)


def announced_url(folder: Path) -> str | None:
    """Return the address of the server that is running on this host, None if none has said so."""
    announced = _read(folder)
    return announced[0] if announced and _is_running(announced[1]) else None


def _read(folder: Path) -> tuple[str, int] | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        value = json_text.decode((folder / FILE).read_bytes())
        url, pid = value["url"], value["pid"]
        is_here = value["host"] == platform.node()
        if (
            is_here
            and isinstance(url, str)
            and isinstance(pid, int)
            and pid > 0
            and url.startswith("http://")
        ):
            return url, pid
    return None


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:  # another user's
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
