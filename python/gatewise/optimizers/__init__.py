"""Optimizers with the formulas and defaults of Keras.

`g` is the gradient of a weight `w`, `lr` the learning rate, `t` the update count of this weight. A
step does not change inactive experts: their weights, optimizer state and `t` stay the same, unless
`dense_updates`. L1 penalties are applied by a proximal step after the update.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from gatewise.optimizers.adadelta import Adadelta
from gatewise.optimizers.adafactor import Adafactor
from gatewise.optimizers.adagrad import Adagrad
from gatewise.optimizers.adam import Adam, AdamW
from gatewise.optimizers.adamax import Adamax
from gatewise.optimizers.base import Optimizer, registry
from gatewise.optimizers.lion import Lion
from gatewise.optimizers.nadam import Nadam
from gatewise.optimizers.rmsprop import RMSprop
from gatewise.optimizers.sgd import SGD
from gatewise.registry import Config
from gatewise.utils.public_names import public_names

if TYPE_CHECKING:
    from gatewise.optimizers import schedules

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "get",
    "schedules",
    "serialize",
]


def get(identifier: object) -> Optimizer:
    """The optimizer given by a name, a configuration or an instance.

    The case of letters in a name does not matter, as in Keras: `"Adam"`, `"adam"`, `"RMSProp"`.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known names.
    TypeError
        If `identifier` has another type.
    """
    if isinstance(identifier, str):
        identifier = identifier.lower()
    return registry.get(identifier)


def serialize(optimizer: Optimizer) -> Config:
    """`{"class_name": ..., "config": ...}`, from which `get` restores the optimizer."""
    return registry.serialize(optimizer)


def __getattr__(name: str) -> ModuleType:
    # Imported at first use to save import time: most programs use a constant rate.
    if name == "schedules":
        return importlib.import_module("gatewise.optimizers.schedules")
    raise AttributeError(f"module 'gatewise.optimizers' has no attribute {name!r}")


def __dir__() -> list[str]:
    return public_names(globals())
