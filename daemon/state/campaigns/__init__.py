"""Campaigns as they are stored: their phases, records, legs, queue and lease."""
