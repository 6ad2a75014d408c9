"""Activations of stored dictionaries, from pre-activations h to codes z."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from gatewise.data.convert import Floats
from gatewise.sae.files.float_array import float_array
from gatewise.utils.checks import check_integer

Doubles: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StoredActivation(ABC):
    """Base class: a `kind`, and `codes`.

    Arrays are converted to float32. `codes` takes h `(n, m)` in float64 and returns z `(n, m)`.
    """

    kind: ClassVar[str] = ""

    def check(self, latents: int) -> None:
        """Raises ValueError if the settings do not fit a code of `latents` latents."""
        for name, array in self.arrays():
            if array.shape != (latents,):
                raise ValueError(f"{name}: expected shape {(latents,)}, got {array.shape}")

    def arrays(self) -> Iterator[tuple[str, Floats]]:
        """The fields with one value per latent, and their names."""
        return (
            (name, value) for name, value in vars(self).items() if isinstance(value, np.ndarray)
        )

    @abstractmethod
    def codes(self, h: Doubles) -> Doubles:
        """The codes z `(n, m)` of pre-activations h `(n, m)`."""

    def _set_array(self, name: str) -> None:
        value = np.asarray(getattr(self, name))
        object.__setattr__(self, name, float_array(name, value, (value.size,)))


@dataclass(frozen=True, eq=False)
class StoredTopK(StoredActivation):
    """`z = ReLU(h)` for the k largest h of a row (ties: lowest latent), else 0."""

    kind: ClassVar[str] = "top_k"
    k: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", check_integer("k", self.k, 1))

    def check(self, latents: int) -> None:
        if self.k > latents:
            raise ValueError(f"k: expected 1 <= k <= latents ({latents}), got {self.k}")

    def codes(self, h: Doubles) -> Doubles:
        best = np.argsort(-h, axis=1, kind="stable")[:, : self.k]
        z = np.zeros_like(h)
        np.put_along_axis(z, best, np.maximum(np.take_along_axis(h, best, axis=1), 0), axis=1)
        return z


@dataclass(frozen=True, eq=False)
class StoredBatchTopK(StoredTopK):
    """`z = ReLU(h)` where it exceeds a common threshold, else 0.

    k is the mean count of active latents per row in training, which selects the `k n` largest of n
    rows. A threshold below 0 means that none is set: `z = ReLU(h)`.
    """

    kind: ClassVar[str] = "batch_top_k"
    threshold: float

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "threshold", float(float_array("threshold", self.threshold, ())))

    def codes(self, h: Doubles) -> Doubles:
        z = np.maximum(h, 0)
        return np.where(z > self.threshold, z, 0)


@dataclass(frozen=True, eq=False)
class StoredRelu(StoredActivation):
    """`z = ReLU(h)`."""

    kind: ClassVar[str] = "relu"

    def codes(self, h: Doubles) -> Doubles:
        return np.maximum(h, 0)


@dataclass(frozen=True, eq=False)
class StoredJumpRelu(StoredActivation):
    """`z = ReLU(h)` where h exceeds the latent's threshold `(m,)`, else 0.

    References
    ----------
    Rajamanoharan et al. 2024, "Jumping ahead", equation 3.
    """

    kind: ClassVar[str] = "jump_relu"
    threshold: Any

    def __post_init__(self) -> None:
        self._set_array("threshold")

    def codes(self, h: Doubles) -> Doubles:
        return np.where(h > self.threshold, np.maximum(h, 0), 0)


@dataclass(frozen=True, eq=False)
class StoredGated(StoredActivation):
    """`z = ReLU(exp(magnitude_log) h + magnitude_bias)` where `h + gate_bias > 0`, else 0.

    Each array is `(m,)`.

    References
    ----------
    Rajamanoharan et al. 2024, "Improving dictionary learning with gated sparse autoencoders",
    equations 6 and 8.
    """

    kind: ClassVar[str] = "gated"
    gate_bias: Any
    magnitude_bias: Any
    magnitude_log: Any

    def __post_init__(self) -> None:
        for name in ("gate_bias", "magnitude_bias", "magnitude_log"):
            self._set_array(name)

    def codes(self, h: Doubles) -> Doubles:
        factors = np.exp(self.magnitude_log.astype(np.float64))
        magnitudes = np.maximum(factors * h + self.magnitude_bias, 0)
        return np.where(h + self.gate_bias > 0, magnitudes, 0)

    def with_bias(self, bias: Floats) -> StoredGated:
        """The activation whose codes for h are those of this one for `h + bias`."""
        if not bias.any():
            return self
        bias64 = bias.astype(np.float64)
        factors = np.exp(self.magnitude_log.astype(np.float64))
        return StoredGated(
            self.gate_bias + bias64, self.magnitude_bias + factors * bias64, self.magnitude_log
        )
