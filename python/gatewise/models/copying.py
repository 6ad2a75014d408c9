"""Copies of a model that differ from it in how some layers are described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise.models.subclasses import package_class

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from gatewise.layers import Layer
    from gatewise.models.base import BaseModel
    from gatewise.registry import Config

    M = TypeVar("M", bound=BaseModel)


def copy_weights(layer: Layer, copy: Layer) -> None:
    """Sets a copy's weights to those of the layer."""
    copy.set_stored_weights(layer.stored_weights())


def copy_model(
    model: M,
    config: Config | None = None,
    put_weights: Callable[[Layer, Layer], object] = copy_weights,
) -> M:
    """The model that `config` describes, built and compiled as `model` is.

    It is of the package's class where a subclass has a constructor of its own.

    Parameters
    ----------
    model : Model
        The one that is copied.
    config : dict, optional
        `model.layer_settings()`, some layers described otherwise; unchanged if omitted.
    put_weights : callable (layer, copy)
        Sets the weights of the copy of a layer that has some.
    """
    cls = package_class(type(model))
    result: M = cls.from_config(model.layer_settings() if config is None else config)
    result._training.set_seed(model._training.seed)
    for layer, copy in zip(model.layers, result.layers, strict=True):
        copy.set_state(layer.get_state())
        if layer.has_shape and layer.parameters():
            put_weights(layer, copy)
    result.compile_from_config(model.get_compile_config())
    return result


def config_without_dropout(model: BaseModel) -> Config:
    """The model's configuration with every dropout rate 0."""
    config = model.layer_settings()
    for described in config["layers"]:
        if described["class_name"] == "Dropout":
            described["config"]["rate"] = 0.0
    return config
