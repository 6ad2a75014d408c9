"""The kernels of a model that can be made sparse."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from gatewise.constraints import KeepZeros
from gatewise.layers import Dense, Layer, SparseExpertLayer
from gatewise.layers.storage import refuse_quantized

if TYPE_CHECKING:
    import numpy.typing as npt

    from gatewise._core import Floats
    from gatewise.callbacks.protocols import TrainedModel

LayerChoice: TypeAlias = "Sequence[str | Layer] | None"
"""Layers or layer names; None for all layers that have kernels."""

MIN_NORMAL = np.finfo(np.float32).tiny
"""Initial value of kept or grown weights that were 0: the smallest normal float32, because
denormal numbers are flushed to 0."""


@dataclass(frozen=True)
class Kernel:
    """A kernel of a layer as `(E, d, u)`, one slice per expert; E is 1 for Dense."""

    layer: Layer
    name: str
    shape: tuple[int, int, int]

    @property
    def size(self) -> int:
        """Count of weights of all experts."""
        return math.prod(self.shape)

    def read(self) -> Floats:
        """Returns a copy of the weights."""
        return self.layer.native.get(self.name).reshape(self.shape)

    def write(self, weights: Floats) -> None:
        """Sets the weights."""
        per_expert = self.layer.native.get(self.name).ndim == 3
        self.layer.native.set(self.name, weights if per_expert else weights[0])


def find_kernels(model: TrainedModel | Layer, layers: LayerChoice) -> list[Kernel]:
    """The kernels of Dense and expert layers, in order; routers have none.

    Raises
    ------
    TypeError
        `layers` is not a sequence of names and layers.
    ValueError
        The model is not built or is quantized, has no such layer, or a layer has no kernel.
    """
    own = [model] if isinstance(model, Layer) else model.layers
    chosen = (
        [each for each in own if _has_kernels(each)]
        if layers is None
        else _select_layers(own, layers)
    )
    if not chosen:
        raise ValueError("model: expected Dense or SparseExpertLayer layers, got none")
    refuse_quantized("compress", chosen)
    return [
        Kernel(layer, parameter.name, (1, *parameter.shape)[-3:])
        for layer in chosen
        for parameter in layer.parameters()
        if parameter.role == "kernel"
    ]


def keep_zeros(kernels: Iterable[Kernel]) -> None:
    """Makes training keep all weights that are 0."""
    for layer in {id(kernel.layer): kernel.layer for kernel in kernels}.values():
        layer.kernel_constraint = KeepZeros()


def smallest(values: Floats, count: int) -> npt.NDArray[np.bool_]:
    """Mask of the `count` smallest of the values (n,); of equal values the first."""
    if count <= 0:
        return np.zeros(len(values), np.bool_)
    last = np.partition(values, count - 1)[count - 1]
    chosen: npt.NDArray[np.bool_] = values < last
    chosen[np.flatnonzero(values == last)[: count - int(chosen.sum())]] = True
    return chosen


def _has_kernels(layer: Layer) -> bool:
    return isinstance(layer, Dense | SparseExpertLayer)


def _select_layers(own: Sequence[Layer], layers: Sequence[str | Layer]) -> list[Layer]:
    if isinstance(layers, str) or not isinstance(layers, Sequence):
        raise TypeError(f"layers: expected a list of layers or of their names, got {layers!r}")
    found = []
    for each in layers:
        if not isinstance(each, str | Layer):
            raise TypeError(f"layers: expected layers or names, got {type(each).__name__}")
        layer = next((one for one in own if each in (one, one.name)), None)
        if layer is None:
            known = ", ".join(one.name for one in own if _has_kernels(one))
            name = each if isinstance(each, str) else each.name
            raise ValueError(f"layers: expected some of {known}; got {name!r}")
        if not _has_kernels(layer):
            raise ValueError(
                f"layers: expected Dense or SparseExpertLayer layers, got {layer.describe()}"
            )
        found.append(layer)
    return list(dict.fromkeys(found))
