"""What must survive: SQLite, one module a table group."""
