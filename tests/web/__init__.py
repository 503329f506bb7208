"""Tests of the web front end: routes, pages, servers and browsers."""
