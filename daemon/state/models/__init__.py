"""Models as they are stored: files, settings, due dates, and the changes that were checked for."""
