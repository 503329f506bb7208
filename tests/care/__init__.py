"""Tests of `hermes_sessions.care`."""
