"""What every search has: its task, its samplers, its rungs, early stopping, and the choice between panda and caviar."""
