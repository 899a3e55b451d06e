"""What is stored: the database, one file per table, and the only place with SQL."""
