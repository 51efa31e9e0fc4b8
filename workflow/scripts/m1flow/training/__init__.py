"""Training: bases, methods, the training loop and its checkpoints."""
