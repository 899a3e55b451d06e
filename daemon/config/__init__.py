"""What an owner writes: the configuration, model files and settings files."""
