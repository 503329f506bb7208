"""Tests beside the real programs that write a Hermes home, and beside what they wrote."""
