"""Files of models, weights and checkpoints."""

from gatewise.io.model_file import load_model, model_from_json, save_model

__all__ = ["load_model", "model_from_json", "save_model"]
