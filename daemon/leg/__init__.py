"""What a training script may import, as `retuned.training`; it needs nothing else of retuned."""
