"""Legs as requested, run and read back: command lines, reports, ends, groups and schedules."""
