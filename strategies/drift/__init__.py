"""How results moved over time, and why."""
