"""Files of models, weights and checkpoints."""

from gatewise.io.loading import load_model
from gatewise.io.model_file import model_from_json, save_model
from gatewise.utils.public_names import public_names

__all__ = ["load_model", "model_from_json", "save_model"]


def __dir__() -> list[str]:
    return public_names(globals())
