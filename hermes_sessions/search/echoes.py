"""Which calls of tools repeat other conversations, so that a search would find its own question in them.

The one rule for both stores: calls of tools that search, list or read conversations, and their results.
"""

import re

from ..messages import Call, Message

# Under these names, alone or with the name of an MCP server before them.
SEARCH_TOOLS = ("session_search", "search_conversations", "list_conversations", "read_conversation")
# All tools of our own MCP server, such as `mcp__hermes-sessions__usage`, whatever stands for the `-`.
_OWN_SERVER = r"mcp_.*hermes.sessions_.*"
_SEARCH_TOOL = re.compile(rf"(?:.*_)?(?:{'|'.join(SEARCH_TOOLS)})|{_OWN_SERVER}", re.ASCII | re.IGNORECASE)
# The tool by which the agent calls those that it does not describe to the model; its arguments name the tool.
_BRIDGE = "tool_call"
# What every message with such a call has, as the words of a full-text query: `_` divides words there.
NAMED = " OR ".join(f'"{name}"' for name in (*SEARCH_TOOLS, "mcp_hermes_sessions"))


def is_search_tool(name: str) -> bool:
    """Whether a tool searches conversations or reads them out."""
    return _SEARCH_TOOL.fullmatch(name) is not None


def names_search_tool(column: str) -> str:
    """Return the condition in SQLite's SQL that a column has a name for which `is_search_tool` is true."""
    patterns = [pattern for name in SEARCH_TOOLS for pattern in (name, f"%_{name}")]
    likes = [pattern.replace("_", "\\_") for pattern in patterns] + ["mcp\\_%hermes_sessions\\_%"]
    return " OR ".join(f"{column} LIKE '{like}' ESCAPE '\\'" for like in likes)


def is_echo(call: Call) -> bool:
    """Whether a call is one of a search tool, also through the agent's own tool that calls others."""
    if call.name != _BRIDGE:
        return is_search_tool(call.name)
    arguments = call.arguments
    return isinstance(arguments, dict) and is_search_tool(str(arguments.get("name")))


def echoes_of(message: Message) -> frozenset[str]:
    """Return the ids of the calls of search tools in a message."""
    return frozenset(call.call_id for call in message.calls if call.call_id and is_echo(call))
