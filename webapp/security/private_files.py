"""Files in the state folder that only their owner can read."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_private(path: Path, content: bytes, put: Callable[[str, Path], None] = os.replace) -> None:
    """Write a file with mode 0600, whole or not at all.

    `put` gives the finished file its name: `os.replace`, or `os.link`, which raises `FileExistsError` if
    there is one already. Raises `OSError`.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        put(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
