"""Tests of `hermes_sessions.sidecars`."""
