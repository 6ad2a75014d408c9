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


def clone_model(
    model: M,
    config: Config | None = None,
    put_weights: Callable[[Layer, Layer], object] = copy_weights,
) -> M:
    """The model that `config` describes, built and compiled as `model` is.

    Parameters
    ----------
    model : Model
        The one that is copied.
    config : dict, optional
        `layer_config(model)`, some layers described otherwise; unchanged if omitted.
    put_weights : callable (layer, copy)
        Sets the weights of the copy of a layer that has some.
    """
    cls = package_class(type(model))
    result: M = cls.from_config(layer_config(model) if config is None else config)
    result._training.set_seed(model._training.seed)
    for layer, copy in zip(model.layers, result.layers, strict=True):
        copy.set_state(layer.get_state())
        if layer.built and layer.parameters():
            put_weights(layer, copy)
    result.compile_from_config(model.get_compile_config())
    return result


def layer_config(model: BaseModel) -> Config:
    """The configuration of the model's layers, also of a subclass that describes itself otherwise.

    A copy of such a model is of the package's class.
    """
    return model.layer_settings()


def config_without_dropout(model: BaseModel) -> Config:
    """The model's configuration with every dropout rate 0."""
    config = layer_config(model)
    for described in config["layers"]:
        if described["class_name"] == "Dropout":
            described["config"]["rate"] = 0.0
    return config
