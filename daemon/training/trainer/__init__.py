"""Trains recipes in the user's own interpreter, for a worker at the other end of two pipes."""
