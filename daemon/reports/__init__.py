"""What a person reads about campaigns: the page, figures, progress and the drift record."""
