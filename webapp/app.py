"""The application: the blueprints, the protection and the error answers put together over one repository."""

from collections.abc import Collection, Mapping
from typing import Any

from flask import Flask, request
from flask_compress import Compress

from hermes_sessions.repository import SessionRepository

from . import error_responses as failures
from . import live
from .api.changes import changes
from .api.home import care
from .api.openapi import openapi
from .api.search import searching
from .api.sessions import api
from .pages import forms as acts
from .pages import rendering as render
from .pages import sidebar
from .pages import usage as spending
from .pages.conversation import reading
from .pages.sessions import pages
from .security import access as auth

LARGEST_BODY = 20 * 1024 * 1024
# The 15.2 MB of a list of 20,000 sessions become 1.5 MB in 19 ms by zstd, 1.6 MB in 47 ms by Brotli, 1.9 MB
# in 72 ms by gzip, whichever the browser takes; a tenth less would take two to ten times as long.
COMPRESSION: Mapping[str, Any] = {
    "COMPRESS_ALGORITHM": ["zstd", "br", "gzip"],
    "COMPRESS_ZSTD_LEVEL": 1,
    "COMPRESS_BR_LEVEL": 1,
    "COMPRESS_LEVEL": 1,
    "COMPRESS_MIN_SIZE": 1400,  # what fits into one packet gets there no faster
    "COMPRESS_STREAMS": False,  # events leave as they come
}


def create_app(
    repository: SessionRepository, *, password: str | None = None, hosts: Collection[str] = ()
) -> Flask:
    """Return the application over an open repository, which stays the caller's to close.

    `password` is asked for if given, else the one that `set_password` keeps in the state folder. `hosts` are
    the names that it is reached by beside 127.0.0.1, localhost and ::1; ``0.0.0.0`` or ``::`` among them
    stands for every IP address. Raises `StorageError` if there is a password and the key that signs logins
    can be neither read nor stored.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.config.from_mapping(COMPRESSION)
    app.before_request(_drop_refused_encodings)
    Compress(app)  # before others, since what runs after a request runs in reverse order
    app.extensions["hermes_sessions"] = repository
    auth.protect(app, password, hosts)
    failures.register(app)
    render.register(app)
    sidebar.register(app)
    acts.register(app)
    spending.register(app)
    live.register(app)
    for blueprint in (
        api,
        searching,
        changes,
        care,
        openapi,
        pages,
        reading,
        spending.spending,
        acts.acts,
        auth.login,
        live.stream,
    ):
        app.register_blueprint(blueprint)
    return app


def _drop_refused_encodings() -> None:
    """Take what a client refuses out of its header: Flask-Compress reads ``gzip;q=0`` as a wish."""
    if "q=0" in request.headers.get("Accept-Encoding", ""):
        wanted = (f"{name};q={quality}" for name, quality in request.accept_encodings if quality > 0)
        request.environ["HTTP_ACCEPT_ENCODING"] = ", ".join(wanted)
