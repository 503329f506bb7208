"""Tests of `hermes_sessions.search`."""
