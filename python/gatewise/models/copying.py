"""New models that differ from another in how some layers are held."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from gatewise.layers import Layer
    from gatewise.models.functional import Model
    from gatewise.registry import Config

    M = TypeVar("M", bound=Model)


def model_like(model: M, config: Config, put_weights: Callable[[Layer, Layer], object]) -> M:
    """The model that `config` describes, built and compiled as `model` is.

    Parameters
    ----------
    model : Model
        The one that is copied.
    config : dict
        `model.get_config()`, some layers described otherwise.
    put_weights : callable (layer, copy)
        Sets the weights of the copy of a layer that has some.
    """
    result = type(model).from_config(config)
    result._seed = model._seed
    for layer, copy in zip(model.layers, result.layers, strict=True):
        copy.set_state(layer.get_state())
        if layer.built and layer.parameters():
            put_weights(layer, copy)
    result.compile_from_config(model.get_compile_config())
    return result


def copy_weights(layer: Layer, copy: Layer) -> None:
    """The plain `put_weights`: the same values, in the same order."""
    copy.set_weights(layer.get_weights())
