"""Tests of `hermes_sessions.messages`."""
