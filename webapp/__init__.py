"""The web front end: a thin Flask application over one repository."""
