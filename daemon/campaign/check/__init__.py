"""A model tried out in a few short runs, of which nothing stays: `retuned check`."""
