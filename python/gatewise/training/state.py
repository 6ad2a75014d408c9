"""A model's weights, optimizer and random numbers as arrays and JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from gatewise import _core
from gatewise.registry import Config
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from gatewise.training.training import Training

Array = npt.NDArray[Any]


def store_model(training: Training, trainer: _core.Trainer, tensors: dict[str, Array]) -> Config:
    """Adds weights and optimizer state to `tensors`; gives what else a continued run needs.

    Parameters
    ----------
    training : Training
        Of a compiled and built model.
    trainer : Trainer
        Its trainer.
    tensors : dict
        Gets the keys `weight.<i>` and `trainer.<name>`.

    Returns
    -------
    dict
        JSON values.
    """
    for index, weight in enumerate(training.model.get_weights()):
        tensors[f"weight.{index}"] = weight
    for name, array in trainer.state().items():
        tensors[f"trainer.{name}"] = array
    return {
        "seed": training.seed,
        "random_streams": [layer.random_stream for layer in training.model.layers],
        "layers": [layer.get_state() for layer in training.model.layers],
        "learning_rate": trainer.learning_rate,
    }


def restore_model(
    training: Training,
    trainer: _core.Trainer,
    config: Config,
    tensors: Mapping[str, Array],
    source: str,
) -> None:
    """Makes the model and its trainer what `store_model` saw.

    Raises
    ------
    ValueError
        If the stored weights have other shapes than the model's; `source` names them.
    """
    seed = check_integer("seed", config["seed"], 0)
    # Files of earlier versions have no states.
    for layer, state in zip(training.model.layers, config.get("layers", ()), strict=False):
        layer.set_state(state)
    shapes = [weight.shape for weight in training.model.get_weights()]
    names = [f"weight.{index}" for index in range(len(shapes))]
    stored = [tensors[name] for name in names if name in tensors]
    if [weight.shape for weight in stored] != shapes or f"weight.{len(shapes)}" in tensors:
        raise ValueError(
            f"{source}: weights: expected shapes {shapes} as in the model, "
            f"got {[weight.shape for weight in stored]}"
        )
    training.model.set_weights(stored)
    training.set_seed(seed)
    for layer, stream in zip(training.model.layers, config["random_streams"], strict=True):
        if stream is not None:
            layer.set_random_stream(*stream)
    prefix = "trainer."
    trainer.set_state(
        {
            name.removeprefix(prefix): array
            for name, array in tensors.items()
            if name.startswith(prefix)
        }
    )
    if training.model.optimizer.schedule is None:
        training.model.optimizer.learning_rate = config["learning_rate"]
