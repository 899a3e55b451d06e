"""Many models of one recipe trained in one batch; runs in the user's own interpreter."""
