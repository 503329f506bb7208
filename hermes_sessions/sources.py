"""Where a session comes from: the classes of sources, and their labels."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class Source(StrEnum):
    """The class of a session's source; lists filter by it."""

    WEBUI = "webui"
    CLI = "cli"
    CRON = "cron"
    TOOL = "tool"
    API = "api"
    MESSAGING = "messaging"
    OTHER = "other"


SourceName = Literal["webui", "cli", "cron", "tool", "api", "messaging", "other"]  # a test: of each `Source`

_MESSAGING = ("discord", "slack", "telegram", "weixin", "email", "wecom", "wecom_callback", "matrix")
_CLASSES: dict[str, Source] = {
    **{source.value: source for source in (Source.WEBUI, Source.CLI, Source.CRON, Source.TOOL)},
    **dict.fromkeys(_MESSAGING, Source.MESSAGING),
    "api_server": Source.API,
}

_LABELS = {"api_server": "API", "cli": "CLI", "webui": "WebUI", "wecom": "WeCom", "wecom_callback": "WeCom"}


def source_class(source: str | None) -> Source:
    """Return the class of a source name; without a name it is `webui`."""
    return _CLASSES.get(source, Source.OTHER) if source else Source.WEBUI


def source_label(source: str | None) -> str:
    """Return a source name as people read it; without a name it is `Agent`."""
    if not source:
        return "Agent"
    return _LABELS.get(source) or " ".join(word.capitalize() for word in source.replace("_", " ").split())
