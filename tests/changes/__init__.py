"""Tests of `hermes_sessions.changes`."""
