"""Tests of `hermes_sessions.cli`."""
