"""Clones that Keras and this package make alike: `keras` is either of them."""

from __future__ import annotations

from typing import Any


def graph(keras: Any) -> Any:
    """A model of two inputs with a layer that is called twice."""
    layers = keras.layers
    first, second = layers.Input((3,), name="first"), layers.Input((3,), name="second")
    shared = layers.Dense(3, activation="relu", name="shared")
    both = layers.Add(name="both")([shared(first), shared(second)])
    model = keras.Model([first, second], layers.Dense(2, name="out")(both), name="graph")
    model.compile(keras.optimizers.SGD(0.25), "mse")
    return model


def stack(keras: Any) -> Any:
    """A stack with a layer that is not trained."""
    layers = keras.layers
    frozen = layers.Dense(3, trainable=False, name="frozen")
    model = keras.Sequential(
        [layers.Input((3,), name="rows"), frozen, layers.Dense(2, name="out")], name="stack"
    )
    model.compile(keras.optimizers.Adam(0.125), "mae")
    return model


def described(model: Any) -> list[Any]:
    """Name, learning rate, and each layer's name, class and count of parameters."""
    layers = [[each.name, type(each).__name__, each.count_params()] for each in model.layers]
    trained = [each.name for each in model.layers if each.trainable]
    rate = float(model.optimizer.learning_rate)
    return [model.name, rate, list(model.outputs[0].shape), layers, trained]


def clones(keras: Any) -> list[list[Any]]:
    """Descriptions of clones, made in each way."""
    clone, layers = keras.models.clone_model, keras.layers

    def wider(layer: Any) -> Any:
        config = layer.get_config()
        if config["name"] == "out":
            config["units"] = 5
        return type(layer).from_config(config)

    def with_dropout(layer: Any, *arguments: Any) -> Any:
        made = layer(*arguments)
        return layers.Dropout(0.5, name="more")(made) if layer.name == "both" else made

    first, second = layers.Input((3,), name="a"), layers.Input((3,), name="b")
    return [
        described(clone(graph(keras))),
        described(clone(stack(keras))),
        described(clone(graph(keras), clone_function=wider)),
        described(clone(stack(keras), clone_function=wider)),
        described(clone(graph(keras), call_function=with_dropout)),
        described(clone(graph(keras), input_tensors=[first, second])),
        described(clone(stack(keras), input_tensors=layers.Input((3,), name="c"))),
    ]
