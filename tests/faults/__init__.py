"""Tests with faults put in by the system: full disks, locks, kills, damaged files."""
