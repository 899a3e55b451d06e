"""The torch training loop of recipes; runs in the user's own interpreter."""
