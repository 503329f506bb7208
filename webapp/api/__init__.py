"""The JSON API: its routes, the shapes of its answers, and the OpenAPI document made from both."""

from flask import Blueprint

from . import batch, changes, health, openapi, projects, search, sessions, settings, tags, trash, usage

blueprint = Blueprint("api", __name__)
for part in (sessions, search, changes, batch, projects, tags, trash, usage, health, settings, openapi):
    blueprint.register_blueprint(part.blueprint)
