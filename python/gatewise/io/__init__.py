"""Files of models, weights and checkpoints."""
