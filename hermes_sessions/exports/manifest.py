"""What an export has written into its folder: a file there, which the next run reads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .. import files
from .names import is_file_name

NAME = ".hermes-sessions.json"
FORMAT = 2


class ExportedFile(NamedTuple):
    """A file of an export: its name in the folder, the version of its conversation, its size in bytes.

    `of_agent` is whether only an agent had the conversation.
    """

    name: str
    version: str
    size: int
    of_agent: bool


@dataclass(slots=True)
class ExportManifest:
    """The files of an export by the id of the conversation; `how` says what they were made like."""

    how: Mapping[str, Any] = field(default_factory=dict)
    files: dict[str, ExportedFile] = field(default_factory=dict)


def read_manifest(folder: Path) -> ExportManifest:
    """Return the manifest of a folder; an empty one if there is none, or if it cannot be understood.

    Then every conversation is written again, into the files that it has. Raises `OSError`.
    """
    try:
        content = json.loads(files.read(folder / NAME))
        if content["format"] != FORMAT:
            return ExportManifest()
        known = {each: _written(each, *values) for each, values in content["files"].items()}
        return ExportManifest(dict(content["how"]), known)
    except FileNotFoundError:
        return ExportManifest()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ExportManifest()


def _written(session_id: str, name: object, version: object, size: object, of_agent: object) -> ExportedFile:
    """Return a file of a manifest; raise `ValueError` for one that no export has written."""
    if not (isinstance(name, str) and is_file_name(name, session_id)):
        raise ValueError(name)
    if not (isinstance(version, str) and isinstance(size, int) and isinstance(of_agent, bool)):
        raise ValueError(version)
    return ExportedFile(name, version, size, of_agent)


def write_manifest(folder: Path, manifest: ExportManifest) -> None:
    """Store the manifest of a folder; raise `OSError`."""
    content = {"format": FORMAT, "how": manifest.how, "files": manifest.files}
    text = json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")
    files.replace(folder / NAME, lambda file: file.write(text))
