"""What a person reads afterwards: the page, figures, progress and the drift record."""
