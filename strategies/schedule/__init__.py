"""When a model is due, when it may run, and which waiting campaign runs first."""
