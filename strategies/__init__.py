"""Decisions of retuned: pure functions of recorded history, seed and time handed in."""
