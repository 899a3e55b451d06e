"""What is remembered: the database, one file a table, and the only place with SQL."""
