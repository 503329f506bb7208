"""The files that pages load: addresses that change with the files, so that a browser asks for each once.

The version is a folder of the address, `/static/v/<version>/app.js`: what a module imports by a relative
address has the same one. It is that of all files together, taken anew for each page: a program that replaces
a file while the server runs gets a new version at once.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, g

YEAR = 365 * 24 * 3600
# The others are asked for by name from elsewhere: the manifest names addresses that are relative to it.
VERSIONED = (".js", ".css", ".svg")


def register(app: Flask) -> None:
    """Serve the files of `app` under their version as well, and let `url_for` name it."""
    app.extensions["hermes_static_version"] = ""  # of the page that was made last
    app.view_functions["static"] = _send
    app.add_url_rule("/static/v/<version>/<path:filename>", "static", _send)
    app.url_defaults(_add_version)


def _send(filename: str, version: str = "") -> Response:
    response = current_app.send_static_file(filename)
    # A file that was replaced since its page was made is kept under an address that no page names any more.
    if version and (
        version == current_app.extensions["hermes_static_version"] or version == version_of_now()
    ):
        response.cache_control.no_cache = None
        response.cache_control.public = True
        response.cache_control.max_age = YEAR
        response.cache_control.immutable = True
    return response


def _add_version(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "static" and values["filename"].endswith(VERSIONED):
        values["version"] = version_of_now()


def version_of_now() -> str:
    """Return the version of the files, looked up once for each request."""
    if "static_version" not in g:
        folder = Path(current_app.static_folder or "static")
        g.static_version = current_app.extensions["hermes_static_version"] = version_of(folder)
    found: str = g.static_version
    return found


def version_of(folder: Path) -> str:
    """Return a word for the files in a folder and below it: another if one was written, added or removed."""
    return hashlib.sha256(repr(sorted(_files(str(folder)))).encode()).hexdigest()[:16]


def _files(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(entry.path)
            else:
                found = entry.stat()
                yield entry.path, found.st_mtime_ns, found.st_size
