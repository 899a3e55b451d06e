"""Stretches of training: what is asked of a leg, what it reports, and how it ended."""
