"""Optimizers with the formulas and defaults of Keras.

`g` is the gradient of a weight `w`, `lr` the learning rate, `t` the update count of this weight. A
step does not change inactive experts: their weights, optimizer state and `t` stay the same, unless
`dense_updates`. L1 penalties are applied by a proximal step after the update.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from gatewise.optimizers.adam import Adam, AdamW
from gatewise.optimizers.base import Optimizer, registry
from gatewise.optimizers.lion import Lion
from gatewise.optimizers.rmsprop import RMSprop
from gatewise.optimizers.sgd import SGD
from gatewise.registry import Config, is_config, shown
from gatewise.utils.lazy_names import lazy_names
from gatewise.utils.public_names import public_names

if TYPE_CHECKING:
    from gatewise.optimizers import schedules
    from gatewise.optimizers.adadelta import Adadelta
    from gatewise.optimizers.adafactor import Adafactor
    from gatewise.optimizers.adagrad import Adagrad
    from gatewise.optimizers.adamax import Adamax
    from gatewise.optimizers.nadam import Nadam

# Imported at first use, since import time is promised: few programs use them.
_MODULES = {name: name.lower() for name in ("Adadelta", "Adafactor", "Adagrad", "Adamax", "Nadam")}
registry.register_late({name: f"{__name__}.{module}" for name, module in _MODULES.items()})
_class = lazy_names(__name__, _MODULES)

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
    "deserialize",
    "get",
    "schedules",
    "serialize",
]


def get(identifier: object) -> Optimizer:
    """The optimizer given by a name, a configuration or an instance.

    The case of letters in a name does not matter, as in Keras: `"Adam"`, `"adam"`, `"RMSProp"`.
    A configuration is a result of `serialize`.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known names.
    TypeError
        If `identifier` has another type.
    """
    return registry.get(_in_lower_case(identifier))


def deserialize(config: Config, custom_objects: None = None) -> Optimizer:
    """The optimizer that `serialize` described; `custom_objects` must be None.

    Raises
    ------
    TypeError
        If `config` has no `class_name` and `config`, or `custom_objects` is not None.
    ValueError
        If the name is unknown.
    """
    if not is_config(config):
        raise TypeError(f"config: expected a dict with class_name and config, got {shown(config)}")
    return registry.deserialize(_in_lower_case(config), custom_objects)


def serialize(optimizer: Optimizer) -> Config:
    """`{"class_name": ..., "config": ...}`, from which `get` restores the optimizer."""
    return registry.serialize(optimizer)


def _in_lower_case(identifier: object) -> object:
    """A name, or a configuration with its class name, in lower case."""
    if isinstance(identifier, str):
        return identifier.lower()
    if isinstance(identifier, dict) and isinstance(identifier.get("class_name"), str):
        return {**identifier, "class_name": identifier["class_name"].lower()}
    return identifier


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "schedules":  # most programs use a constant rate
            return importlib.import_module("gatewise.optimizers.schedules")
        return _class(name)


def __dir__() -> list[str]:
    return public_names(globals())
