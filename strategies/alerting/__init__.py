"""Alerts as decisions: what a message says, to whom it goes, and when an alert is told, repeated and resolved."""
