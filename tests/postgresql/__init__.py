"""An index in PostgreSQL: the same answers as SQLite's, for several processes and hosts."""
