"""The names of `keras.backend` that mean something here."""

from gatewise.config import epsilon, floatx, image_data_format
from gatewise.utils.public_names import public_names
from gatewise.utils.session import clear_session

__all__ = ["clear_session", "epsilon", "floatx", "image_data_format"]


def __dir__() -> list[str]:
    return public_names(globals())
