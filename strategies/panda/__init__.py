"""Panda: train one run day by day, moving its learning rate and going back when it diverges."""
