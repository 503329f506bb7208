"""Tests of `hermes_sessions.mcp`."""
