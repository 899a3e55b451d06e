"""Keeping an installation healthy: backup, retention, health, metrics and the doctor."""
