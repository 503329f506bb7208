"""The application: the blueprints, the protection and the error answers put together over one repository."""

from collections.abc import Collection

from flask import Flask

from hermes_sessions.repository import SessionRepository

from . import acts, auth, failures, live, render, sidebar, spending
from .api import api
from .care import care
from .changes import changes
from .openapi import openapi
from .pages import pages
from .reading import reading
from .searching import searching

LARGEST_BODY = 20 * 1024 * 1024


def create_app(
    repository: SessionRepository, *, password: str | None = None, hosts: Collection[str] = ()
) -> Flask:
    """Return the application over an open repository, which stays the caller's to close.

    `password` is asked for if given. `hosts` are the names that it is reached by beside 127.0.0.1, localhost
    and ::1; ``0.0.0.0`` or ``::`` among them stands for every IP address. Raises `StorageError` if there is a
    password and the key that signs logins can be neither read nor stored.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
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
