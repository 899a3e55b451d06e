"""Train many configurations at once and keep the best."""
