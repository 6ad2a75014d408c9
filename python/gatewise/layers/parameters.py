"""Parameters of a layer: initial values, reading, setting and counting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gatewise import initializers
from gatewise.layers.storage import BYTES, FLOAT32, INTEGER_BYTES, SPARSE, refuse_quantized
from gatewise.layers.variable import HasWeights, Variable
from gatewise.utils import streams
from gatewise.utils.errors import NotBuiltError
from gatewise.utils.random import next_seed

if TYPE_CHECKING:
    import numpy.typing as npt

    from gatewise import _core
    from gatewise._core import Floats
    from gatewise.initializers import Initializer


class ParameterOwner(HasWeights):
    """Access to a layer's parameters, which are stored in the core."""

    name: str
    seed: int | None

    storage: str = FLOAT32
    """Storage type of the kernels; see `Model.quantize` and `CompressedDense`."""

    @property
    def trainable(self) -> bool:
        """If True, training updates the parameters."""
        return True

    def __init__(self) -> None:
        self._native: _core.Layer | None = None
        self._random_stream: tuple[int, int] | None = None

    weight_names: ClassVar[Mapping[str, str]] = {"kernel": "kernel"}
    """How arguments call the parameters of each role that take `..._regularizer` and
    `..._constraint`.
    """
    has_weights: ClassVar[bool] = True
    """Whether layers of this class have parameters."""

    @property
    def built(self) -> bool:
        """True if the parameters exist, or the layer has none."""
        return self.has_shape or not self.has_weights

    @property
    def has_shape(self) -> bool:
        """True if the shape of the input is known, from a call or `build`."""
        return self._native is not None

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        """The initializer of a parameter."""
        return initializers.Ones() if parameter.role == "scale" else initializers.Zeros()

    @property
    def weights(self) -> list[Variable]:
        """The parameters, in the order of `get_weights`; each is also an attribute, by its name."""
        return [Variable(self, each) for each in self.parameters()] if self.has_shape else []

    def __getattr__(self, name: str) -> Any:
        if hasattr(type(self), name):  # a property whose error is an AttributeError too
            value: Variable = object.__getattribute__(self, name)
            return value
        native = self.__dict__.get("_native")
        if native is not None and not name.startswith("_"):
            for each in native.parameters():
                if each.name == name:
                    return Variable(self, each)
            if name in self.weight_names.values():
                return None  # a bias that the layer is without
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def weight_prefix(self, parameter: _core.Parameter) -> str | None:
        """How arguments call a parameter; None if there are none for it."""
        return self.weight_names.get(parameter.role)

    def weight_shape(self, parameter: _core.Parameter) -> tuple[int, ...]:
        """The shape of a parameter in `get_weights`."""
        return tuple(parameter.shape)

    def fans(self, parameter: _core.Parameter) -> tuple[int | None, int | None]:
        """Inputs and outputs that an initializer takes; None for the last axes' sizes."""
        return None, None

    def draw_weights(self, seed: int, index: int) -> None:
        """Initializes the parameters, unless they have values.

        Parameters
        ----------
        seed : int
            The model's seed; overridden by the layer's own.
        index : int
            The layer's index in the model, which selects its random streams.
        """
        if self._random_stream is not None:
            return
        if self.seed is not None:
            seed, index = self.seed, 0
        self.set_random_stream(seed, index)
        native = self.native
        for position, parameter in enumerate(_logical_parameters(native.parameters())):
            initializer = self.initializer_for(parameter)
            stream = streams.INITIAL_WEIGHTS.at(index * streams.STREAMS_PER_LAYER + position)
            values = initializer(
                self.weight_shape(parameter), *self.fans(parameter), seed=seed, stream=stream
            )
            native.set(parameter.name, values.reshape(parameter.shape))

    @property
    def random_stream(self) -> tuple[int, int] | None:
        """Seed and layer index of the initial weights; None before they are drawn."""
        return self._random_stream

    def set_random_stream(self, seed: int, index: int) -> None:
        """Sets the seed and layer index for random numbers in training."""
        self.native.set_random_stream(seed, index)
        self._random_stream = (seed, index)

    def parameters(self) -> list[_core.Parameter]:
        """Names, logical shapes and roles of the parameters, in the order of `get_weights`.

        Raises
        ------
        ValueError
            The layer is not built.
        """
        native = self.native
        # Without a stream, the layer is not part of a model yet: draw a seed, use index 0.
        if self._random_stream is None:
            self.draw_weights(next_seed(), 0)
        return _logical_parameters(native.parameters())

    def stored_parameters(self) -> list[_core.Parameter]:
        """The parameters that files store: includes the scales of int8 and int4 kernels, and the
        nonzeros of a compressed kernel in place of the kernel.
        """
        parameters = self.native.parameters() if self.parameters() else []
        return [each for each in parameters if each.storage != SPARSE]

    def stored_weights(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of `stored_parameters` by name, as stored; bfloat16 as uint16 bit patterns."""
        native = self.native
        return {each.name: native.get_stored(each.name) for each in self.stored_parameters()}

    def set_stored_weights(self, weights: Mapping[str, npt.NDArray[Any]]) -> None:
        """Sets the stored parameters from arrays by name; ValueError as `check_stored_weights`."""
        self.native.set_stored(_contiguous(weights))

    def check_stored_weights(self, weights: Mapping[str, npt.NDArray[Any]]) -> None:
        """Raises ValueError if arrays have the wrong shape or type, or are inconsistent."""
        self.native.check_stored(_contiguous(weights))

    def named_weights(self) -> dict[str, Floats]:
        """Copies of the parameters by name, in their logical shapes."""
        return {
            parameter.name: self.native.get(parameter.name).reshape(self.weight_shape(parameter))
            for parameter in self.parameters()
        }

    def get_weights(self) -> list[Floats]:
        """Copies of the parameters in their logical shapes: axes experts, inputs, outputs.

        Always float32; quantized kernels are dequantized.

        Raises
        ------
        ValueError
            The layer is not built.
        """
        return list(self.named_weights().values())

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Sets every parameter from arrays in the order and shapes of `get_weights`.

        Raises
        ------
        ValueError
            The layer is not built, or is quantized or compressed, or the count or shapes of the
            arrays differ. No parameter is set in this case.
        """
        put_arrays([self], weights)

    def settle(self) -> None:
        """Called after weights were set from outside: a later `fit` derives none from its data."""

    def count_params(self) -> int:
        """Count of parameter values.

        Raises
        ------
        ValueError
            The layer is not built.
        """
        return sum(math.prod(parameter.shape) for parameter in self.parameters())

    def count_trainable(self) -> int:
        """Count of parameter values that training updates by a gradient."""
        if not self.trainable:
            return 0
        trained = [
            each for each in self.parameters() if each.role != "state" and each.storage == FLOAT32
        ]
        return sum(math.prod(parameter.shape) for parameter in trained)

    def count_nonzero(self) -> int:
        """Count of parameter values that are not exactly 0."""
        native = self.native
        return sum(native.count_nonzero(parameter.name) for parameter in self.parameters())

    def count_bytes(self) -> int:
        """Bytes of the parameters, including the scales of int8 and int4 kernels and the indices of
        compressed kernels.

        Raises
        ------
        ValueError
            The layer is not built.
        """
        stored = self.stored_parameters()
        sizes = {**BYTES, **INTEGER_BYTES}
        return sum(math.prod(each.stored_shape) * sizes[each.storage] for each in stored)

    @property
    def native(self) -> _core.Layer:
        """The core's layer; ValueError if it is not built."""
        if self._native is None:
            raise NotBuiltError(
                f"{self.name}: expected a built layer, got one that has seen no input; "
                "fit it, call it on data or build(input_shape)"
            )
        return self._native


def _logical_parameters(parameters: list[_core.Parameter]) -> list[_core.Parameter]:
    """The parameters without scales of int8 and int4 kernels and nonzeros of compressed kernels."""
    return [each for each in parameters if each.role not in ("quantization", "nonzeros")]


def _contiguous(weights: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {name: np.require(value, requirements=["C", "A"]) for name, value in weights.items()}


def put_arrays(owners: Sequence[ParameterOwner], weights: Sequence[npt.ArrayLike]) -> None:
    """Sets the parameters of `owners` in order; sets none unless all arrays fit.

    Raises
    ------
    ValueError
        An owner is not built, or is quantized or compressed, or the count of arrays or a shape
        differs.
    """
    refuse_quantized("set_weights", owners)
    fields = [(owner, parameter) for owner in owners for parameter in owner.parameters()]
    if len(weights) != len(fields):
        names = ", ".join(f"{owner.name}/{parameter.name}" for owner, parameter in fields)
        raise ValueError(f"weights: expected {len(fields)} arrays ({names}), got {len(weights)}")
    arrays = [np.require(weight, np.float32, ["C", "A"]) for weight in weights]
    for index, ((owner, parameter), array) in enumerate(zip(fields, arrays, strict=True)):
        expected = owner.weight_shape(parameter)
        if array.shape != expected:
            raise ValueError(
                f"weights[{index}]: expected shape {expected} for "
                f"{owner.name}/{parameter.name}, got {array.shape}"
            )
    for (owner, parameter), array in zip(fields, arrays, strict=True):
        owner.native.set(parameter.name, array.reshape(parameter.shape))
    for owner in owners:
        owner.settle()
