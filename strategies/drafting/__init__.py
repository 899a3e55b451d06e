"""What a training script says about itself, as a first draft of a model file."""
