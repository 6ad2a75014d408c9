"""A layer's parameters: their first values, reading, setting and counting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import initializers
from gatewise.layers.storage import BYTES, FLOAT32, INDEX_BYTES, SPARSE, refuse_quantized
from gatewise.utils.random import next_seed

if TYPE_CHECKING:
    import numpy.typing as npt

    from gatewise import _core
    from gatewise._core import Floats
    from gatewise.initializers import Initializer

_STREAMS_PER_LAYER = 64
"""A layer's parameters draw from the streams of its place in the model: at most so many of them."""


class ParameterOwner:
    """The part of a layer that holds its parameters, which live in the core."""

    name: str
    seed: int | None

    storage: str = FLOAT32
    """How kernels are stored; see `Model.quantize` and `CompressedDense`."""

    @property
    def trainable(self) -> bool:
        """Whether training changes the parameters."""
        return True

    def __init__(self) -> None:
        self._native: _core.Layer | None = None
        self._random_stream: tuple[int, int] | None = None

    @property
    def built(self) -> bool:
        """Whether the input width is known and the parameters exist."""
        return self._native is not None

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        """How a parameter starts."""
        return initializers.Ones() if parameter.role == "scale" else initializers.Zeros()

    def draw_weights(self, seed: int, index: int) -> None:
        """Gives the parameters their first values, unless they have some.

        Parameters
        ----------
        seed : int
            The model's; the layer's own goes before it.
        index : int
            The layer's place in the model, which decides its streams.
        """
        if self._random_stream is not None:
            return
        if self.seed is not None:
            seed, index = self.seed, 0
        self.set_random_stream(seed, index)
        native = self.native
        for position, parameter in enumerate(_logical_parameters(native.parameters())):
            initializer = self.initializer_for(parameter)
            stream = index * _STREAMS_PER_LAYER + position
            native.set(parameter.name, initializer(parameter.shape, seed=seed, stream=stream))

    @property
    def random_stream(self) -> tuple[int, int] | None:
        """Seed and place that decided the first weights; None before there are some."""
        return self._random_stream

    def set_random_stream(self, seed: int, index: int) -> None:
        """Which random numbers training draws in this layer."""
        self.native.set_random_stream(seed, index)
        self._random_stream = (seed, index)

    def parameters(self) -> list[_core.Parameter]:
        """The parameters' names, natural shapes and roles, in the order of `get_weights`.

        Raises
        ------
        ValueError
            The layer is not built.
        """
        native = self.native
        # Called before a model gave the layer its place, the layer stands alone.
        if self._random_stream is None:
            self.draw_weights(next_seed(), 0)
        return _logical_parameters(native.parameters())

    def stored_parameters(self) -> list[_core.Parameter]:
        """All that files hold: with int8 kernels also the scales of their columns, and in place of
        a sparse kernel its entries.
        """
        parameters = self.native.parameters() if self.parameters() else []
        return [each for each in parameters if each.storage != SPARSE]

    def stored_weights(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of those by name, as they are stored; bfloat16 as the bits of uint16."""
        native = self.native
        return {each.name: native.get_stored(each.name) for each in self.stored_parameters()}

    def set_stored_weights(self, weights: Mapping[str, npt.NDArray[Any]]) -> None:
        """Sets them, from arrays by name; ValueError as `check_stored_weights`."""
        self.native.set_stored(_contiguous(weights))

    def check_stored_weights(self, weights: Mapping[str, npt.NDArray[Any]]) -> None:
        """ValueError where arrays have another shape or type, or do not fit together."""
        self.native.check_stored(_contiguous(weights))

    def named_weights(self) -> dict[str, Floats]:
        """Copies of the parameters by name, in their natural shapes."""
        return {parameter.name: self.native.get(parameter.name) for parameter in self.parameters()}

    def get_weights(self) -> list[Floats]:
        """Copies of the parameters in their natural shapes: experts first, then inputs by outputs.

        Always float32; of kernels that are stored in fewer bytes the values they stand for.

        Raises
        ------
        ValueError
            The layer is not built.
        """
        return list(self.named_weights().values())

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Sets every parameter, from arrays in the order and shapes of `get_weights`.

        Raises
        ------
        ValueError
            The layer is not built, is quantized or compressed, or number or shapes of the arrays
            differ; nothing is set then.
        """
        put_arrays([self], weights)

    def count_params(self) -> int:
        """How many numbers the parameters hold.

        Raises
        ------
        ValueError
            The layer is not built.
        """
        return sum(math.prod(parameter.shape) for parameter in self.parameters())

    def count_trainable(self) -> int:
        """How many of them training changes by a gradient."""
        if not self.trainable:
            return 0
        trained = [
            each for each in self.parameters() if each.role != "state" and each.storage == FLOAT32
        ]
        return sum(math.prod(parameter.shape) for parameter in trained)

    def count_nonzero(self) -> int:
        """How many of them are not exactly zero."""
        native = self.native
        return sum(native.count_nonzero(parameter.name) for parameter in self.parameters())

    def count_bytes(self) -> int:
        """How many bytes the parameters take, the scales of int8 kernels and the places of sparse
        kernels' entries included.

        Raises
        ------
        ValueError
            The layer is not built.
        """
        stored = self.stored_parameters()
        sizes = {**BYTES, **INDEX_BYTES}
        return sum(math.prod(each.shape) * sizes[each.storage] for each in stored)

    @property
    def native(self) -> _core.Layer:
        """The layer in the core; ValueError if it is not built."""
        if self._native is None:
            raise ValueError(
                f"{self.name}: expected a built layer, got one that has seen no input; "
                "fit it, call it on data or build(input_shape)"
            )
        return self._native


def _logical_parameters(parameters: list[_core.Parameter]) -> list[_core.Parameter]:
    """Those of the layer itself: scales of int8 and entries of sparse kernels go with these."""
    return [each for each in parameters if each.role not in ("quantization", "nonzeros")]


def _contiguous(weights: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {name: np.ascontiguousarray(value) for name, value in weights.items()}


def put_arrays(owners: Sequence[ParameterOwner], weights: Sequence[npt.ArrayLike]) -> None:
    """Sets the parameters of `owners`, one after the other; none unless all arrays fit.

    Raises
    ------
    ValueError
        An owner is not built, is quantized or compressed, there are more or fewer arrays, or a
        shape differs.
    """
    refuse_quantized("set_weights", owners)
    fields = [(owner, parameter) for owner in owners for parameter in owner.parameters()]
    if len(weights) != len(fields):
        names = ", ".join(f"{owner.name}/{parameter.name}" for owner, parameter in fields)
        raise ValueError(f"weights: expected {len(fields)} arrays ({names}), got {len(weights)}")
    arrays = [np.ascontiguousarray(weight, np.float32) for weight in weights]
    for index, ((owner, parameter), array) in enumerate(zip(fields, arrays, strict=True)):
        if array.shape != parameter.shape:
            raise ValueError(
                f"weights[{index}]: expected shape {parameter.shape} for "
                f"{owner.name}/{parameter.name}, got {array.shape}"
            )
    for (owner, parameter), array in zip(fields, arrays, strict=True):
        owner.native.set(parameter.name, array)
