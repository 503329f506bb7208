"""The HTML pages and their forms; all work without JavaScript."""
