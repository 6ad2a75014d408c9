"""Optimizers with the formulas and defaults of Keras.

`g` is the gradient of a weight `w`, `lr` the learning rate, `t` the number of updates this weight
has had. An expert that no row of a step chose rests: none of its numbers, `t` included, change
(unless `dense_updates`). L1 penalties are applied by a proximal step after the update.
"""

from __future__ import annotations

from gatewise.optimizers import schedules
from gatewise.optimizers.adam import Adam, AdamW
from gatewise.optimizers.base import Optimizer, registry
from gatewise.optimizers.sgd import SGD
from gatewise.registry import Config

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "get", "schedules", "serialize"]


def get(identifier: object) -> Optimizer:
    """The optimizer that a name, a configuration or an object means.

    Raises
    ------
    ValueError
        If the name is not known; the message lists those that are.
    TypeError
        If it is something else.
    """
    return registry.get(identifier)


def serialize(optimizer: Optimizer) -> Config:
    """`{"class_name": ..., "config": ...}`, which `get` reads back."""
    return registry.serialize(optimizer)
