"""Babysit one training run: nudge it day by day, roll back when it diverges."""
