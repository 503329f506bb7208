"""Tests of `hermes_sessions.webui`."""
