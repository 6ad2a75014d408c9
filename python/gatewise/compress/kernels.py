"""The kernels of a model that may be made sparse."""

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
    from gatewise.models import Model
    from gatewise.training.trainable import Trainable

LayerChoice: TypeAlias = "Sequence[str | Layer] | None"
"""Layers or their names; None for all that have kernels."""

MIN_NORMAL = np.finfo(np.float32).tiny
"""What a weight starts at that counts and was 0: the smallest float32 that arithmetic keeps apart
from 0, since denormal numbers are flushed to it."""


@dataclass(frozen=True)
class Kernel:
    """One kernel of a layer, or that of each of its experts, as `(E, d, u)`; E is 1 for Dense."""

    layer: Layer
    name: str
    shape: tuple[int, int, int]

    @property
    def size(self) -> int:
        """Weights of all experts."""
        return math.prod(self.shape)

    def read(self) -> Floats:
        """A copy of the weights."""
        return self.layer.native.get(self.name).reshape(self.shape)

    def write(self, weights: Floats) -> None:
        """Sets them."""
        per_expert = self.layer.native.get(self.name).ndim == 3
        self.layer.native.set(self.name, weights if per_expert else weights[0])


def find_kernels(model: Model | Trainable | Layer, layers: LayerChoice) -> list[Kernel]:
    """The kernels of Dense and expert layers, in order; those of routers are none.

    Raises
    ------
    TypeError
        `layers` is no sequence of names and layers.
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
        Kernel(layer, parameter.name, (1, *parameter.shape)[-3:])  # type: ignore[arg-type]
        for layer in chosen
        for parameter in layer.parameters()
        if parameter.role == "kernel"
    ]


def keep_zeros(kernels: Iterable[Kernel]) -> None:
    """From here on training leaves weights of 0 as they are."""
    for layer in {id(kernel.layer): kernel.layer for kernel in kernels}.values():
        layer.kernel_constraint = KeepZeros()


def smallest(values: Floats, count: int) -> npt.NDArray[np.bool_]:
    """Which `count` of the values (n,) are smallest; of equal ones the first."""
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
