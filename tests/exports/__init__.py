"""Tests of exports of many conversations into a folder."""
