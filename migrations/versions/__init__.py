"""The revisions, each a file that begins with its number."""
