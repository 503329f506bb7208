"""The page "HTTP API", generated from the OpenAPI document of the application."""

import json
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from webapp.api.openapi import document
else:  # the name under which it is installed: `mkdocs` does not search the checkout
    from hermes_sessions.webapp.api.openapi import document

INTRODUCTION = """# HTTP API

Arguments of a `GET` are in the query; those of a `POST` are the fields of a JSON object. A running server
gives this description as an OpenAPI 3.1 document at `/api/openapi.json`.
[The web front end](../web.md#the-http-api) explains the statuses, logins and live updates.

"""


# The first prefix that a path has decides under which heading it stands.
GROUPS = {
    "/api/sessions": "Lists, search, several sessions",
    "/api/session": "One session",
    "/api/projects": "Projects",
    "/api/usage": "Usage",
    "/api/trash": "Trash and repair",
    "/api/check": "Trash and repair",
    "/api/repair": "Trash and repair",
    "/": "The server",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    described = document()
    shapes = described["components"]["schemas"].items()
    sections = [
        *grouped(described["paths"]),
        "## Shapes of answers\n",
        *(section for name, schema in shapes for section in describe_shape(name, schema)),
    ]
    files.append(File.generated(config, "reference/http.md", content=INTRODUCTION + "\n".join(sections)))
    return files


def grouped(paths: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the Markdown of all operations, each under the heading of its group."""
    for title in dict.fromkeys(GROUPS.values()):
        yield f"## {title}\n"
        for path, methods in paths.items():
            if group_of(path) == title:
                for method, operation in methods.items():
                    yield from describe(method.upper(), path, operation)


def group_of(path: str) -> str:
    """Return the heading under which a path stands."""
    return next(title for prefix, title in GROUPS.items() if path.startswith(prefix))


def describe(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    """Yield the Markdown of one operation: heading, description, arguments, answers."""
    yield f"### {method} {path}\n"
    yield f"{operation.get('description') or operation['summary']}\n"
    rows = list(argument_rows(operation))
    if rows:
        yield "\n".join(["| argument | type | |", "|---|---|---|", *rows, ""])
    for status, response in operation["responses"].items():
        if status == "200":
            yield f"Answer: {' or '.join(answers(response))}. {response['description']}\n"
    failures = [status for status in operation["responses"] if status != "200"]
    yield f"Other statuses: {', '.join(failures)}\n"


def argument_rows(operation: Mapping[str, Any]) -> Iterator[str]:
    """Yield a row for each argument of the query or of the body."""
    for argument in operation.get("parameters", []):
        yield argument_row(argument["name"], argument["schema"], argument["required"])
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    for name, schema in body.get("properties", {}).items():
        yield argument_row(name, schema, name in body["required"])


def argument_row(name: str, schema: Mapping[str, Any], required: bool) -> str:
    """Return a row for one argument."""
    default = f"default `{json.dumps(schema['default'])}`" if "default" in schema else ""
    note = "required" if required else default
    return f"| `{name}` | {type_of(schema)} | {note} |"


def answers(response: Mapping[str, Any]) -> Iterator[str]:
    """Yield each media type that an operation answers, with the shape of its JSON."""
    for media, content in response["content"].items():
        yield f"`{media}`, {type_of(content['schema'])}" if "schema" in content else f"`{media}`"


def describe_shape(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the Markdown of one shape that answers have: its fields and their types."""
    yield f"### {name}\n"
    if text := schema.get("description"):
        yield f"{cleandoc(text)}\n"
    rows = [f"| `{field}` | {type_of(kind)} |" for field, kind in schema.get("properties", {}).items()]
    if rows:
        yield "\n".join(["| field | type |", "|---|---|", *rows, ""])


def type_of(schema: Mapping[str, Any]) -> str:
    """Return a JSON Schema in a few words, with a link for a shape of its own."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(map(type_of, schema["anyOf"]))
    if "enum" in schema:
        return " ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    return str(schema.get("type", "any"))
