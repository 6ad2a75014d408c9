"""Regularizers and constraints of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise import _core, constraints, regularizers
from gatewise.layers.parameters import ParameterOwner
from gatewise.layers.storage import FLOAT32
from gatewise.registry import Config

if TYPE_CHECKING:
    from gatewise.constraints import Constraint
    from gatewise.regularizers import Regularizer


class WeightPenalties(ParameterOwner):
    """The part of a layer that has penalties and constraints on its weights."""

    kernel_regularizer: Regularizer | None = None
    _kernel_constraint: Constraint | None = None
    activity_regularizer: Regularizer | None = None
    """Penalty on the layer's output, divided by the count of samples."""

    @property
    def kernel_constraint(self) -> Constraint | None:
        """Constraint on the kernels after every update; can be set at any time."""
        return self._kernel_constraint

    @kernel_constraint.setter
    def kernel_constraint(self, value: str | Constraint | Config | None) -> None:
        self._kernel_constraint = constraints.get(value, "kernel_constraint")
        if self._native is not None:
            self._set_constraints(self._native)

    def take_penalties(self, **given: object) -> None:
        """Sets regularizers and constraints from arguments of these names."""
        for name, value in given.items():
            kind = regularizers if name.endswith("_regularizer") else constraints
            setattr(self, name, kind.get(value, name))

    def activity_config(self) -> Config:
        """`activity_regularizer` for `get_config`, if there is one."""
        penalty = self.activity_regularizer
        return {} if penalty is None else {"activity_regularizer": regularizers.serialize(penalty)}

    def penalty_config(self) -> Config:
        """The arguments of `take_penalties`, for `get_config`."""
        config: Config = {}
        for kind, module in (("regularizer", regularizers), ("constraint", constraints)):
            for prefix in self.weight_names.values():
                name = f"{prefix}_{kind}"
                config[name] = module.serialize(getattr(self, name))
        return config

    def _set_penalties(self, native: _core.Layer) -> None:
        for parameter, prefix in self._trained_weights(native):
            penalty: Regularizer | None = getattr(self, f"{prefix}_regularizer", None)
            if penalty is not None:
                native.set_penalty(parameter.name, penalty.l1, penalty.l2)
                native.set_penalty_groups(parameter.name, penalty.groups)

    def _set_constraints(self, native: _core.Layer) -> None:
        for parameter, prefix in self._trained_weights(native):
            constraint: Constraint | None = getattr(self, f"{prefix}_constraint", None)
            constraints.release(native, parameter.name)
            if constraint is not None:
                shape = self.weight_shape(parameter)
                constraint.apply_in(native, parameter.name, shape[parameter.per_expert :])

    def _trained_weights(self, native: _core.Layer) -> list[tuple[_core.Parameter, str]]:
        """The float32 parameters that have an argument, with its prefix."""
        named = [(each, self.weight_prefix(each)) for each in native.parameters()]
        return [
            (each, prefix)
            for each, prefix in named
            if prefix is not None and each.storage == FLOAT32
        ]


def activity_layer(penalty: Regularizer, width: int) -> _core.Layer:
    """The core's layer that adds a penalty on its input to the loss.

    Raises
    ------
    ValueError
        The penalty is one on weight groups.
    """
    if penalty.groups != "none":
        raise ValueError(f"activity_regularizer: expected L1, L2 or L1L2, got {penalty!r}")
    native = _core.Layer("activity_regularization", {"l1": penalty.l1, "l2": penalty.l2})
    native.build([width])
    return native
