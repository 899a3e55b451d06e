"""Which rows a training gets: what trains, what scores in a search, and what scores in each pair."""
