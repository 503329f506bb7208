"""Files that people import."""
