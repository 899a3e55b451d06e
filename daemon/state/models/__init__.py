"""Models as they are stored: files, settings, due dates, and checks for changes."""
