"""Whether the current settings have gone stale: the paired sequential test and what it says."""
