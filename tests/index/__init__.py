"""Tests of `hermes_sessions.index`."""
