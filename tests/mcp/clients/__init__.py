"""Tests the MCP server with programs of others: an older SDK, the inspector, the Hermes agent."""
