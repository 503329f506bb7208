"""The application: routes, protection and error responses put together over one repository."""

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from flask import Flask, request
from flask_compress import Compress

from hermes_sessions.repository import SessionRepository

from . import api, error_responses, live, pages, request_context, static_files
from .kept_answers import KeptAnswers
from .pages import notices, places, rendering, sidebar, usage
from .security import headers, hosts, login_pages
from .security.proxies import BehindProxies

LARGEST_BODY = 20 * 1024 * 1024
# The 15.2 MB of a list of 20,000 sessions become 1.5 MB in 19 ms by zstd, 1.6 MB in 47 ms by Brotli, 1.9 MB
# in 72 ms by gzip, whichever the browser takes; a tenth less would take two to ten times as long.
COMPRESSION: Mapping[str, Any] = {
    "COMPRESS_ALGORITHM": ["zstd", "br", "gzip"],
    "COMPRESS_ZSTD_LEVEL": 1,
    "COMPRESS_BR_LEVEL": 1,
    "COMPRESS_LEVEL": 1,
    "COMPRESS_MIN_SIZE": 1400,  # what fits into one packet arrives no faster
    "COMPRESS_STREAMS": False,  # events are sent at once
}


def create_app(
    repository: SessionRepository,
    *,
    password: str | None = None,
    hosts: Collection[str] = (),
    trusted_proxies: Collection[str] = (),
) -> Flask:
    """Return the application over an open repository, which the caller closes.

    Visitors are asked for `password` if it is given, else for the one that `set_password` stored in the state
    folder, if any. `hosts` are the names that the server is reached by beside 127.0.0.1, localhost and ::1;
    ``0.0.0.0`` or ``::`` among them stands for every IP address. `trusted_proxies` are the IP addresses and
    networks of proxies that are believed who their clients are. Raises `InvalidValue` for other text there,
    and `StorageError` if there is a password and the key that signs logins can be neither read nor stored.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.config.from_mapping(COMPRESSION)
    request_context.register(app, repository)
    app.before_request(_remove_refused_encodings)
    Compress(app)  # before the headers: what runs after a request runs in reverse order
    kept = KeptAnswers(app, partial(login_pages.admits, app))
    app.wsgi_app = BehindProxies(kept, trusted_proxies)  # type: ignore[method-assign]  # as Flask says
    _protect(app, password, hosts)
    error_responses.register(app)
    live.register(app)
    static_files.register(app)
    for templates in (rendering, sidebar, places, notices, usage):
        templates.register(app)
    for blueprint in (api.blueprint, pages.blueprint, login_pages.blueprint, live.blueprint):
        app.register_blueprint(blueprint)
    return app


def _protect(app: Flask, password: str | None, served: Collection[str]) -> None:
    """Check the host, the origin and the login of each request, in this order."""
    hosts.register(app, served)
    login_pages.register(app, password)
    headers.register(app)


def _remove_refused_encodings() -> None:
    """Remove the encodings that a client refuses: Flask-Compress takes ``gzip;q=0`` for a wish."""
    if "q=0" in request.headers.get("Accept-Encoding", ""):
        wanted = (f"{name};q={quality}" for name, quality in request.accept_encodings if quality > 0)
        request.environ["HTTP_ACCEPT_ENCODING"] = ", ".join(wanted)
