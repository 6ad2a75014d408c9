"""A layer's parameter by its name: `layer.kernel`, `layer.weights`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    import numpy.typing as npt

    from gatewise import _core
    from gatewise._core import Floats
    from gatewise.constraints import Constraint
    from gatewise.regularizers import Regularizer

    class _Owner(Protocol):
        """A layer as a variable sees it."""

        name: str

        @property
        def trainable(self) -> bool: ...
        @property
        def native(self) -> _core.Layer: ...
        def weight_shape(self, parameter: _core.Parameter) -> tuple[int, ...]: ...
        def weight_prefix(self, parameter: _core.Parameter) -> str | None: ...
        def named_weights(self) -> dict[str, Floats]: ...
        def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None: ...


class Variable:
    """A parameter of a layer. NumPy reads it as an array; its values lie in the core.

    Attributes
    ----------
    name : str
        The parameter's name, such as "kernel".
    shape : tuple of int
        Its shape, as in `get_weights`.
    trainable : bool
        Whether training updates it by a gradient.
    """

    def __init__(self, layer: _Owner, parameter: _core.Parameter) -> None:
        self._layer = layer
        self._parameter = parameter
        self.name = parameter.name
        self.shape = layer.weight_shape(parameter)
        self.dtype = "float32"

    @property
    def path(self) -> str:
        """The names of layer and parameter: `dense/kernel`."""
        return f"{self._layer.name}/{self.name}"

    @property
    def trainable(self) -> bool:
        """Whether training updates the parameter by a gradient."""
        return self._layer.trainable and self._parameter.role != "state"

    @property
    def constraint(self) -> Constraint | None:
        """What every update keeps of it."""
        found: Constraint | None = self._setting("constraint")
        return found

    @property
    def regularizer(self) -> Regularizer | None:
        """The penalty on it in the loss."""
        found: Regularizer | None = self._setting("regularizer")
        return found

    def _setting(self, kind: str) -> Any:
        prefix = self._layer.weight_prefix(self._parameter)
        return None if prefix is None else getattr(self._layer, f"{prefix}_{kind}", None)

    def numpy(self) -> Floats:
        """A copy of the values."""
        return self._layer.native.get(self.name).reshape(self.shape)

    def assign(self, value: npt.ArrayLike) -> Variable:
        """Sets the values, all of them.

        Raises
        ------
        ValueError
            The shape is another, or the layer is quantized.
        """
        weights = self._layer.named_weights()
        weights[self.name] = np.asarray(value, np.float32)
        self._layer.set_weights(list(weights.values()))
        return self

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        values = self.numpy()
        return values if dtype is None else values.astype(dtype)

    def __repr__(self) -> str:
        return f"<Variable path={self.path} shape={self.shape}>"


class HasWeights:
    """What layers and models offer of their variables."""

    @property
    def weights(self) -> list[Variable]:
        """The parameters, in the order of `get_weights`."""
        raise NotImplementedError

    @property
    def trainable_weights(self) -> list[Variable]:
        """Those that training updates by a gradient."""
        return [each for each in self.weights if each.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """All others, such as moving statistics."""
        return [each for each in self.weights if not each.trainable]
