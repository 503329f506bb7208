"""Tests of `hermes_sessions.agent`."""
