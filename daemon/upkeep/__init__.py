"""Keeping an installation well: backup, retention, health, metrics and the doctor."""
