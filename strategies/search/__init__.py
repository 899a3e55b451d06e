"""What all searches share: task, samplers, rungs, early stopping, and the choice between panda and caviar."""
