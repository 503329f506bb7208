"""Where a session comes from: the classes of sources, and their labels."""

from __future__ import annotations

_OWN_CLASS = ("webui", "cli", "cron", "tool")
_MESSAGING = ("discord", "slack", "telegram", "weixin", "email", "wecom", "wecom_callback", "matrix")
_SOURCE_CLASSES = {
    **{source: source for source in _OWN_CLASS},
    **dict.fromkeys(_MESSAGING, "messaging"),
    "api_server": "api",
}


_LABELS = {"api_server": "API", "cli": "CLI", "webui": "WebUI", "wecom": "WeCom", "wecom_callback": "WeCom"}


def source_label(source: str | None) -> str:
    """Return a source name in words for people; none is `Agent`."""
    if not source:
        return "Agent"
    return _LABELS.get(source) or " ".join(word.capitalize() for word in source.replace("_", " ").split())


def source_class(source: str | None) -> str:
    """Return the class of a source name: webui, cli, cron, tool, api, messaging or other; none is webui."""
    if not source:
        return "webui"
    return _SOURCE_CLASSES.get(source, "other")
