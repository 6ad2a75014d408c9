"""What a constraint is, and the one that layers keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewise.registry import Config, Configurable, Registry
from gatewise.utils.unused_hooks import RefusesUnusedHooks, hooks

if TYPE_CHECKING:
    from gatewise import _core


class Constraint(Configurable, RefusesUnusedHooks):
    """A property that weights have after every update."""

    unused_hooks = hooks(
        "constraints run in the core; a callback can set weights after a batch", "__call__"
    )

    def apply_in(self, native: _core.Layer, name: str, shape: tuple[int, ...]) -> None:
        """Makes updates of a parameter in the core keep the constraint.

        Parameters
        ----------
        native : _core.Layer
            A layer of the core.
        name : str
            Its parameter.
        shape : tuple of int
            The shape of the weights that the constraint is on; those of one expert.
        """
        raise NotImplementedError


CONSTRAINTS: Registry[Constraint] = Registry("constraint", Constraint)


def get(identifier: object, argument: str = "constraint") -> Constraint | None:
    """The constraint given by a name, a configuration or an instance; None returns None."""
    return None if identifier is None else CONSTRAINTS.get(identifier, argument)


def serialize(constraint: Constraint | None) -> Config | None:
    """The configuration from which `get` restores the constraint."""
    return None if constraint is None else CONSTRAINTS.serialize(constraint)


def deserialize(config: object, custom_objects: None = None) -> Constraint | None:
    """The constraint of a configuration that `serialize` returned, or of a name.

    Raises
    ------
    ValueError
        The name is unknown.
    TypeError
        `config` is none of these, or `custom_objects` is given, which is not supported.
    """
    return None if config is None else CONSTRAINTS.deserialize(config, custom_objects)


@CONSTRAINTS.register("keep_zeros")
@dataclass(frozen=True, eq=False, repr=False)
class KeepZeros(Constraint):
    """`w <- 0` wherever w was exactly 0 before the update: training on a fixed mask.

    The gradient of such a weight is treated as 0, in optimizer moments and in clipping norms. The
    mask needs no memory. With an L1 penalty, a weight that becomes 0 stays 0.

    References
    ----------
    Mocanu et al. 2018, "Scalable training of artificial neural networks with adaptive sparse
    connectivity inspired by network science", section 2 (there the topology is fixed
    between its changes).
    """

    def apply_in(self, native: _core.Layer, name: str, shape: tuple[int, ...]) -> None:
        native.set_keeps_zeros(name, True)


def release(native: _core.Layer, name: str) -> None:
    """Ends what `apply_in` did."""
    native.set_keeps_zeros(name, False)
    native.set_constraint(name, "none", (), 1, True, 0.0, 0.0, 1.0)
