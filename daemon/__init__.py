"""The acting shell of retuned: disk, clock, processes and network."""
