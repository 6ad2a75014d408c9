"""Optimizers with the formulas and defaults of Keras.

`g` is the gradient of a weight `w`, `lr` the learning rate, `t` the number of updates this weight
has had. An expert that no row of a step chose rests: none of its numbers, `t` included, change
(unless `dense_updates`). L1 penalties are applied by a proximal step after the update.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from gatewise.optimizers.adam import Adam, AdamW
from gatewise.optimizers.base import Optimizer, registry
from gatewise.optimizers.sgd import SGD
from gatewise.registry import Config

if TYPE_CHECKING:
    from gatewise.optimizers import schedules

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


def __getattr__(name: str) -> ModuleType:
    # Imported at first use: most programs have one rate, and import time is promised.
    if name == "schedules":
        return importlib.import_module("gatewise.optimizers.schedules")
    raise AttributeError(f"module 'gatewise.optimizers' has no attribute {name!r}")
