"""Train many configurations at once and compare the best with the incumbent."""
