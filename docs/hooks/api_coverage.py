"""Fail the build if a public name of the library is missing from the API reference."""

import logging
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

import hermes_sessions
from hermes_sessions.repository import SessionRepository

log = logging.getLogger("mkdocs.hooks.api_coverage")


def on_pre_build(config: MkDocsConfig) -> None:
    """Warn of each name that no page documents, which ends a strict build."""
    documented = documented_names(Path(config.docs_dir) / "reference")
    for name in sorted(public_names() - documented):
        log.warning("docs/reference/ does not document %s", name)


def documented_names(folder: Path) -> set[str]:
    """Return the names that pages ask mkdocstrings for, without their module: `SessionRepository.list`."""
    text = "\n".join(page.read_text("utf-8") for page in folder.glob("*.md"))
    return set(re.findall(r"^::: (?:[a-z_]+\.)+(\S+)", text, re.MULTILINE))


def public_names() -> set[str]:
    """Return every name that the package exports, and every public member of the repository."""
    members = {name for name in dir(SessionRepository) if not name.startswith("_")}
    return set(hermes_sessions.__all__) | {f"SessionRepository.{name}" for name in members}
